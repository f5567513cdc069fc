"""The command `fiqra agreement`: two labellings of the same paragraphs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import LabelsOption, exit_codes, label_set_of, print_table, say


def agreement(
    first: Annotated[Path, typer.Argument(help="Labelled JSONL.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another labelling of the same paragraphs.", metavar="B")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the paragraphs that differ as Label Studio tasks.")
    ] = None,
    config_out: Annotated[
        Path | None, typer.Option(help="The labelling config (XML), to paste in the project's settings.")
    ] = None,
    labels: LabelsOption = None,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples; 0 for no intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
) -> None:
    """Measure how far two labellings agree: kappa and alpha per topic, MASI, F1 of positions; 95 % intervals.

    The tasks of -o carry both labellings, as predictions named for their files: open one, take over the better, mend
    it, and 'fiqra data from-labelstudio' reads what was settled.

    Example: `fiqra agreement data/agreement/first.jsonl data/agreement/second.jsonl -o disagreements.json`
    """
    with exit_codes():
        import json

        from .files import check_place, write_whole
        from .labelstudio import labelling_config, rival_task
        from .training.agreement import agree, measure_agreement, paired
        from .training.labelled import read_labelled

        for path in (output, config_out):
            if path:
                check_place(path)
        label_set = label_set_of(labels)
        names = _names(first, second)
        a = read_labelled(first, label_set)
        b = paired(a, read_labelled(second, label_set), names)
        found = measure_agreement(a, b, label_set, n_resamples=resamples, seed=seed)
        differing = [(own, other) for own, other in zip(a, b, strict=True) if not agree(own, other)]
        found = {"first": names[0], "second": names[1], "n_differing": len(differing), **found}
        if output:
            tasks = [rival_task(dict(zip(names, pair, strict=True))) for pair in differing]
            write_whole(output, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
        if config_out:
            write_whole(config_out, labelling_config(label_set))
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            _print(found)
        say(f"{len(differing)} of {len(a)} paragraphs differ" + (f" -> {output}" if output else ""))


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Return the files' names; their paths where the names are the same."""
    return (first.name, second.name) if first.name != second.name else (str(first), str(second))


def _print(found: dict[str, Any]) -> None:
    measures, support = found["measures"], found["support"]

    def show(key: str) -> str:
        own = measures.get(key, {})
        if own.get("value") is None:
            return "–" if own else ""
        return f"{own['value']:.3f}" + (f" [{own['low']:.3f}, {own['high']:.3f}]" if "low" in own else "")

    def row(name: str, section: str, prefix: str, n: list[int] | None = None) -> tuple[str, ...]:
        own = [show(f"{section}.{prefix}{measure}") for measure in ("kappa", "alpha", "f1")]
        return (name, *own, *(map(str, n) if n else ("", "")))

    rows = [row(topic, f"topics.per_topic.{topic}", "", n) for topic, n in support["topics"].items()]
    rows += [
        row("topics, macro", "topics", "macro_"),
        row("sets of topics, MASI", "topics", "masi_"),
        ("sets of topics, share equal", "", "", show("topics.exact"), "", ""),
        row("positions", "positions", "", support["positions"]),
        row("topic + stance", "topic_stance", "", support["positions"]),
    ]
    units = f"{found['n_paragraphs']} paragraphs of {found['n_documents']} documents"
    headings = ("", "Cohen's kappa", "Krippendorff's alpha", "F1", "in A", "in B")
    print_table(f"A: {found['first']}   B: {found['second']}\n{units}", headings, rows)
