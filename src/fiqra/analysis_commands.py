"""The commands for analysts: a ledger of positions, its discourse networks, a report on what happened."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .console import LabelsOption, exit_codes, label_set_of, say

if TYPE_CHECKING:
    from .ledger import LedgerCounts

LedgerArgument = Annotated[Path, typer.Argument(help="What 'fiqra ledger' wrote.", metavar="LEDGER")]
WindowChoice = Literal["month", "quarter", "year", "all"]
LevelOption = Annotated[
    Literal["actor", "root"],
    typer.Option(help="Whom to count: actors as resolved, or the highest they belong to (a ministry as its state)."),
]


def ledger(
    predictions: Annotated[
        list[Path], typer.Argument(help="What 'fiqra predict' wrote as .jsonl or .parquet.", metavar="PREDICTIONS…")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ledger: .parquet, .csv or .sqlite.")],
    actors: Annotated[
        list[Path] | None,
        typer.Option(help="Actors of your own (YAML, as configs/actors.yaml), added to the list or in place of its."),
    ] = None,
    labels: LabelsOption = None,
) -> None:
    """Keep a ledger: one row a position, with its sentence, and its actor resolved.

    Exit code 1: some records were left out by error; 2: nothing could be done.

    Example: `fiqra ledger tags.jsonl -o ledger.parquet`
    """
    with exit_codes():
        from .actors import ActorList
        from .ledger import LedgerCounts, build_ledger
        from .ledger_files import check_ledger_output, write_ledger
        from .model.errors import DataError

        check_ledger_output(output)
        counts = LedgerCounts()
        rows = build_ledger(predictions, label_set_of(labels), ActorList.from_yaml(*(actors or [])), counts)
        for reject in counts.rejects:
            say(f"left out: {reject.where}: {reject.reason}")
        if not rows:
            raise DataError(f"no position in {counts.paragraphs} paragraphs, so nothing was written")
        write_ledger(output, rows)
        _sum_up(counts, len(rows), output)
        if counts.rejects:
            raise typer.Exit(1)


def _sum_up(counts: "LedgerCounts", n_rows: int, output: Path) -> None:
    rules = counts.rules
    say(f"{counts.positions} positions of {counts.articles} articles, {n_rows} rows -> {output}")
    resolved = {
        "by name": rules["name"],
        "carried from an earlier mention": rules["carried"],
        "two parties named before": rules["pair"],
        "counterpart of somebody named before": rules["counterpart"],
    }
    left = {
        "not in the list": rules["unknown"],
        "short for several, which the article leaves open": rules["ambiguous"],
        "implied": rules["implied"],
    }
    say(f"actors resolved: {sum(resolved.values())} ({_listed(resolved)})")
    say(f"left as written: {sum(left.values())} ({_listed(left)})")
    if counts.undated:
        kinds = {f"with the date {date!r}" if date else "with none": n for date, n in counts.undated.most_common(3)}
        more = ", …" if len(counts.undated) > len(kinds) else ""
        say(f"articles without a date in the form 2026-01-31: {counts.undated.total()} ({_listed(kinds)}{more})")
    if counts.repeated:
        say(f"left out: {counts.repeated} paragraphs that stand in the predictions twice")
    if counts.rejects:
        say(f"left out by error: {len(counts.rejects)} (named above)")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "none"


def network(
    ledger: LedgerArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=".graphml or .gexf (a file a network, named after it), or .csv (edges)."),
    ] = None,
    weights: Annotated[
        Literal["count", "expected"], typer.Option(help="Statements, or their probabilities summed.")
    ] = "count",
    window: Annotated[WindowChoice, typer.Option(help="A network for each of these stretches of time.")] = "all",
    normalise: Annotated[
        Literal["none", "average", "jaccard", "cosine"],
        typer.Option(help="As Discourse Network Analyzer: divide ties by the actors' activity."),
    ] = "none",
    duplicates: Annotated[
        Literal["article", "include"],
        typer.Option(help="Count an actor's stance on a topic once an article, or every time."),
    ] = "article",
    level: LevelOption = "actor",
    dna: Annotated[
        Path | None, typer.Option(help="A folder for the tables and script that Discourse Network Analyzer imports.")
    ] = None,
    labels: LabelsOption = None,
) -> None:
    """Write discourse networks: actors and topics; actors that agree (congruence); actors that disagree (conflict).

    Example: `fiqra network ledger.parquet -o net.graphml --window month --normalise average`
    """
    with exit_codes():
        from .discourse import build_networks
        from .dna_export import check_dna_folder, write_dna
        from .ledger_files import read_ledger
        from .model.errors import DataError
        from .network_files import check_network_output, write_networks

        if output is None and dna is None:
            raise DataError("nothing to write: name a file with -o, a folder with --dna, or both")
        if output:
            check_network_output(output)
        if dna:
            check_dna_folder(dna)
        rows = read_ledger(ledger)
        opposed = label_set_of(labels).stance_ids[:2]
        if len(opposed) < 2:
            raise DataError("the label set has one stance alone; networks need two that oppose each other")
        if output:
            found, left_out = build_networks(
                rows, (opposed[0], opposed[1]), weights=weights, window=window, normalisation=normalise,
                duplicates=duplicates, level=level,
            )  # fmt: skip
            files = write_networks(output, found)
            for file, one in zip(files, found, strict=False) if len(files) > 1 else ():
                say(f"{one.graph.number_of_nodes()} nodes, {one.graph.number_of_edges()} edges -> {file}")
            if len(files) == 1:
                say(f"{sum(one.graph.number_of_edges() for one in found)} edges of {len(found)} networks -> {files[0]}")
            _say_left_out(left_out)
        if dna:
            n, left_out = write_dna(dna, rows, (opposed[0], opposed[1]))
            say(f"{n} statements for Discourse Network Analyzer -> {dna}")
            _say_left_out(left_out)


def _say_left_out(left_out: "Counter[str]") -> None:
    for reason, n in left_out.most_common():
        say(f"left out: {n} positions: {reason}")


def report(
    ledger: LedgerArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The report: .html, one file that needs no other.")],
    window: Annotated[WindowChoice, typer.Option(help="The stretches of time to compare.")] = "month",
    level: LevelOption = "actor",
    actors: Annotated[int, typer.Option(min=1, help="The most active actors to show.")] = 30,
    quotes: Annotated[int, typer.Option(min=1, help="Sentences to show behind one number, the surest first.")] = 30,
    labels: LabelsOption = None,
) -> None:
    """Report what happened: positions over time, who agrees with whom, what changed; the sentences one click away.

    Example: `fiqra report ledger.parquet -o report.html --window month`
    """
    with exit_codes():
        from .files import check_place, write_whole
        from .ledger_files import read_ledger
        from .model.errors import DataError
        from .results import render_page
        from .situation import build_situation

        if output.suffix.lower() != ".html":
            raise DataError(f"{output}: the report is a web page; end its name in .html")
        check_place(output)
        label_set = label_set_of(labels)
        found = build_situation(
            read_ledger(ledger), label_set, window=window, level=level, n_actors=actors, n_quotes=quotes
        )
        write_whole(output, render_page("situation.html", label_set, s=found))
        say(f"{found.n_positions} positions of {found.n_articles} articles -> {output}")


def add_analysis_commands(app: typer.Typer) -> None:
    """Register ledger, network and report."""
    for command in (ledger, network, report):
        app.command()(command)
