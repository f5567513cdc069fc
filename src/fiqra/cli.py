"""The command line. Heavy imports stand inside the commands, so that help is there at once."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .agreement_command import agreement
from .analysis_commands import add_analysis_commands
from .audit_commands import audit
from .compare_command import compare
from .console import DeviceOption, PrecisionOption, QuietOption, exit_codes, print_table, progress, say, start_log
from .data_commands import data
from .model.errors import FiqraError
from .serve_command import serve

if TYPE_CHECKING:
    from .batch import Tally

app = typer.Typer(
    name="fiqra",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Topics of Arabic news paragraphs, and who takes which stance on them.",
)

app.add_typer(data)
app.add_typer(audit)
app.command()(compare)
app.command()(agreement)
app.command()(serve)
add_analysis_commands(app)

Format = Literal["txt", "html", "json", "jsonl", "csv", "tsv", "parquet"]


@app.command()
def predict(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", metavar="PATH…")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; the ending says how: .jsonl .csv .parquet .html"),
    ] = None,
    tagger: Annotated[str, typer.Option(help="A released tagger's name, or a tagger folder.")] = "fiqra-mini",
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Of the input, where the file's ending doesn't say.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column or key of the text.")] = None,
    id_column: Annotated[str | None, typer.Option(help="… of the article's id.")] = None,
    title_column: Annotated[str | None, typer.Option(help="… of the title.")] = None,
    date_column: Annotated[str | None, typer.Option(help="… of the date.")] = None,
    outlet_column: Annotated[str | None, typer.Option(help="… of the outlet.")] = None,
    table: Annotated[bool, typer.Option("--table", help="Print the table, beside -o or into a pipe too.")] = False,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep page remnants as paragraphs.")] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Tag articles: .txt, .html, .json, .jsonl, .csv, .tsv, .parquet.

    Without -o: a table on a terminal, JSON lines into a pipe. The CSV has a row a position, and one for a topic that
    is only reported; the other formats have every paragraph. Exit code 1: something was left out by error; 2: nothing
    could be done.

    Example: `fiqra predict news/ -o tags.csv`
    """
    start_log(quiet)
    with exit_codes():
        from .articles import ArticleReader
        from .batch import Tally, tag_stream
        from .results import JsonlResults, TerminalResults, Writer, check_output, open_writer

        if output:
            check_output(output)
        given = {
            "text": text_column,
            "id": id_column,
            "title": title_column,
            "date": date_column,
            "outlet": outlet_column,
        }
        columns = {key: value for key, value in given.items() if value}
        reader = ArticleReader(paths, columns, file_format, keep_all)
        from .model.tagger import Tagger

        loaded = Tagger.from_pretrained(tagger, device=device, precision=precision)
        tally = Tally()
        tables: list[Writer] = [TerminalResults()] if table or (sys.stdout.isatty() and not output) else []
        with progress(quiet, reader.bytes_total) as advance:

            def write_all(*writers: Writer) -> None:
                stream = tag_stream(
                    loaded,
                    reader,
                    tally,
                    on_batch=lambda n: advance(n, reader.bytes_read),
                    on_reject=lambda reject: say(f"left out: {reject.where}: {reject.reason}"),
                )
                for article, tagged in stream:
                    for writer in writers:
                        writer.write(article, tagged)

            if output:
                with open_writer(output, loaded.labels) as writer:
                    write_all(writer, *tables)
                    if not tally.articles:
                        raise FiqraError("nothing could be read, so nothing was written")
            else:
                write_all(*(tables or [JsonlResults(sys.stdout)]))
        if not quiet:
            _sum_up(tally, output)
        if not tally.articles:
            raise FiqraError("nothing could be read")
        if tally.rejects:
            raise typer.Exit(1)


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

        loaded = Tagger.from_pretrained(tagger, device=device, precision=precision)
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


def _sum_up(tally: "Tally", output: Path | None) -> None:
    left = sum(tally.remnants.values())
    say(
        f"{tally.articles} articles, {tally.paragraphs} paragraphs, {tally.with_topic} with a topic, "
        f"{tally.positions} positions" + (f" -> {output}" if output else "")
    )
    if left:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(tally.remnants.items(), key=lambda item: -item[1]))
        say(f"left out as page remnants: {left} lines ({kinds}); --keep-all keeps them")
    if tally.rejects:
        say(f"left out by error: {len(tally.rejects)} (named above)")
