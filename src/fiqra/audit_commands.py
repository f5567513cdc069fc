"""The commands of `fiqra audit`: draw a sample of predictions to check, and correct shares by what was found."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import LabelsOption, exit_codes, label_set_of, print_table, say

audit = typer.Typer(
    name="audit", no_args_is_help=True, help="Have a sample of predictions checked, and correct shares by it."
)

PredictionsArgument = Annotated[Path, typer.Argument(help="What 'fiqra predict -o tags.jsonl' wrote.")]


@audit.command()
def sample(
    predictions: PredictionsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The sheet to fill in (CSV for Excel).")],
    size: Annotated[int, typer.Option("--sample", help="How many paragraphs to check; 20 or more.")],
    labels: LabelsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
) -> None:
    """Draw paragraphs for a person to check: by topic, stance and how sure the tagger is, each with a known chance.

    For each paragraph the sheet has its text, a row for each answer of the tagger (verdict: right or wrong) and one for
    what was missed. What to fill in stands in the README, and in short on standard error.

    Example: `fiqra audit sample tags.jsonl --sample 300 -o sample.csv`
    """
    with exit_codes():
        from .audit_design import draw, plan, read_predictions
        from .audit_sheet import write_sheet
        from .files import check_place

        check_place(output)
        label_set = label_set_of(labels)
        paragraphs = read_predictions(predictions, label_set)
        design = plan(paragraphs, label_set, size)
        write_sheet(output, paragraphs, design, draw(design, seed))
        rows = [
            (name, str(whole), str(n), f"{n / whole:.3f}")
            for name, whole, n in zip(design.names, design.n_stratum, design.n_sampled, strict=True)
        ]
        title = f"{size} of {len(paragraphs)} paragraphs -> {output}"
        print_table(title, ("stratum", "paragraphs", "to check", "chance"), rows)
        say(
            "verdict: 'done' on a paragraph once it is judged whole, 'right' or 'wrong' on a topic or position; what "
            "is true in place of a wrong position, or was missed, in true_topic, true_actor, true_stance"
        )


@audit.command()
def estimate(
    predictions: PredictionsArgument,
    checked: Annotated[Path, typer.Argument(help="The sheet of 'fiqra audit sample', filled in.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The corrected shares (CSV for Excel).")],
    labels: LabelsOption = None,
    least: Annotated[int, typer.Option(min=1, help="Positions an actor, and its month, needs for own rows.")] = 10,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out paragraphs without any verdict, as if not drawn.")
    ] = False,
) -> None:
    """Correct the shares of topics and stances by a checked sample, with 95 % intervals.

    The method is design-based supervised learning (Egami et al. 2023): the tagger's count plus the errors found, each
    weighted by its chance of being drawn; valid however the tagger errs.

    Example: `fiqra audit estimate tags.jsonl sample.csv -o shares.csv`
    """
    with exit_codes():
        from .audit_design import read_predictions
        from .audit_shares import METHOD
        from .audit_table import ALL, SharesTable, write_shares
        from .audit_verdicts import read_sheet
        from .files import check_place

        check_place(output)
        label_set = label_set_of(labels)
        paragraphs = read_predictions(predictions, label_set)
        sheet = read_sheet(checked, paragraphs, label_set, partial=partial)
        table = SharesTable(paragraphs, sheet, label_set, least=least)
        rows = list(table.rows())
        write_shares(output, rows)
        _print(f"{METHOD}: {len(sheet.index)} of {len(paragraphs)} paragraphs checked", rows, ALL)
        silent = sum(row["share"] is None for row in rows)
        say(f"{len(rows)} shares -> {output}; {silent} of them empty: too few checked to say")
        if sheet.n_unchecked:
            say(f"left out: {sheet.n_unchecked} drawn paragraphs without a verdict")
        if table.n_undated:
            say(f"{table.n_undated} paragraphs have no date (YYYY-MM-DD), so they are in no month")


def _print(title: str, rows: list[dict[str, Any]], every: str) -> None:
    """Print the rows of all months and all actors."""

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    shown = [row for row in rows if row["month"] == every and row["actor"] in ("", every)]
    cells = [
        (
            f"{row['topic']}{', ' if row['stance'] else ''}{row['stance']}",
            f"{row['tagger_count']} of {row['tagger_base']} {row['of']}",
            percent(row["tagger_share"]),
            percent(row["share"]),
            row["note"] or f"[{percent(row['low'])}, {percent(row['high'])}]",
        )
        for row in shown
    ]
    print_table(title, ("share of", "the tagger's count", "its share", "corrected", "95 % interval"), cells)
