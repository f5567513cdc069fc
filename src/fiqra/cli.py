"""The command line. Heavy imports stand inside the commands, so that help is there at once."""

import os
from pathlib import Path
from typing import Annotated

import typer

from .agreement_command import agreement
from .analysis_commands import add_analysis_commands
from .audit_commands import audit
from .compare_command import compare
from .console import (
    BackendOption,
    DeviceOption,
    PrecisionOption,
    QuietOption,
    exit_codes,
    print_table,
    progress,
    say,
    start_log,
)
from .data_commands import data
from .export_command import export
from .predict_command import predict
from .serve_command import serve

app = typer.Typer(
    name="fiqra",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Topics of Arabic news paragraphs, and who takes which stance on them.",
)

app.command()(predict)
app.add_typer(data)
app.add_typer(audit)
app.command()(compare)
app.command()(agreement)
app.command()(serve)
app.command()(export)
add_analysis_commands(app)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A training config (YAML).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key.sub=value, values in YAML.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Train a tagger from a config; the tagger folder is the config's `output`.

    Example: `fiqra train configs/mini.yaml training.epochs=3 output=runs/short`
    """
    start_log(quiet)
    with exit_codes():
        from .training.config import load_config

        settings = load_config(config, overrides)
        if quiet:
            os.environ["TQDM_DISABLE"] = "1"
        from .training.report import HEADINGS, measure_rows
        from .training.trainer import train as run_training

        _, metrics = run_training(settings, resume=resume)
        if not quiet:
            title = f"{settings.name} {settings.version} on its development data"
            print_table(title, HEADINGS, measure_rows(metrics))
            say(f"tagger folder: {settings.output}")


@app.command()
def evaluate(
    tagger: Annotated[str, typer.Argument(help="A released tagger's name, or a tagger folder.")],
    files: Annotated[list[Path], typer.Argument(help="Labelled JSONL.", metavar="FILE…")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A folder for report.html, metrics.json, errors.jsonl and predictions.jsonl."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples; 0 for no intervals.")] = 1000,
    backend: BackendOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Measure a tagger on labelled paragraphs, with 95 % bootstrap intervals over documents.

    The report has curves, calibration, confusions, slices, and the worst paragraphs, gold beside predicted.

    Example: `fiqra evaluate fiqra-mini data/corpus/test.jsonl -o runs/test`
    """
    start_log(quiet)
    with exit_codes():
        from .model.tagger import Tagger
        from .training.evaluate import evaluate_tagger, read_gold
        from .training.report import HEADINGS, measure_rows

        loaded = Tagger.from_pretrained(tagger, backend=backend, device=device, precision=precision)
        gold = read_gold(files, loaded.labels, loaded.id)
        if output:
            from .evaluation_report import check_folder, write_evaluation

            check_folder(output)
        with progress(quiet, len(gold)) as advance:
            evaluation = evaluate_tagger(
                loaded, gold, files=[file.name for file in files], n_resamples=resamples, on_batch=advance
            )
        metrics = evaluation.metrics
        if output:
            write_evaluation(output, evaluation)
        title = f"{loaded.id}: {metrics['n_paragraphs']} paragraphs of {metrics['n_documents']} documents"
        print_table(title, HEADINGS, measure_rows(metrics))
        if metrics["topics"]["without_example"] and not quiet:
            missing = ", ".join(metrics["topics"]["without_example"])
            say(f"no example of {missing} in the data: its F1 counts as 0 in the macro mean")
        if output and not quiet:
            say(f"report: {output / 'report.html'}")


def main() -> None:
    """The entry point of the command `fiqra`."""
    app()
