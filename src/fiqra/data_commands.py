"""The commands of `fiqra data`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import exit_codes, print_table, say

if TYPE_CHECKING:
    from .model.labels import LabelSet

data = typer.Typer(name="data", no_args_is_help=True, help="Check labelled data.")

LabelsOption = Annotated[
    Path | None, typer.Option("--labels", help="A label set (YAML); by default that of the shipped tagger.")
]


@data.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Labelled JSONL, each file a split.", metavar="FILE…")],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="JSONL with texts that the files must share nothing with; may be given several times."),
    ] = None,
    labels: LabelsOption = None,
    near: Annotated[
        float, typer.Option(min=0.5, max=1, help="Share of common words that makes two paragraphs near-duplicates.")
    ] = 0.8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the balance as JSON.")] = False,
) -> None:
    """Check labelled files for mistakes, all told at once, and print how their labels are spread.

    Checked: format, labels, actors letter for letter, ids, that no article is divided between files, near-duplicates,
    and runs of 8 words shared with the files of --against. Exit code 2: there are mistakes.

    Example: `fiqra data check train.jsonl dev.jsonl test.jsonl --against others.jsonl`
    """
    with exit_codes():
        import json

        from .balance import balance_headings, balance_rows, count_balance
        from .data_check import check_files
        from .model.errors import DataError

        label_set = _label_set(labels)
        checked = check_files(files, label_set, against=against or [], near=near)
        balance = count_balance(checked.splits, label_set)
        if as_json:
            typer.echo(json.dumps(balance, ensure_ascii=False, indent=2))
        else:
            print_table("The data and its balance", balance_headings(balance), balance_rows(balance))
        if checked.mistakes:
            lines = [str(mistake) for mistake in checked.mistakes]
            unread = f"; the balance leaves out {checked.n_unread} lines that can't be read" if checked.n_unread else ""
            raise DataError("\n".join([*lines, f"mistakes: {len(lines)}{unread}"]))
        say(f"no mistakes in {balance['all']['paragraphs']} paragraphs")


def _label_set(path: Path | None) -> "LabelSet":
    from .model.labels import LabelSet

    return LabelSet.from_yaml(path) if path else LabelSet.shipped()
