"""The commands of `fiqra data`: check labelled files, hand them to Label Studio, take them back."""

from pathlib import Path
from typing import Annotated

import typer

from .console import LabelsOption, exit_codes, label_set_of, print_table, say

data = typer.Typer(name="data", no_args_is_help=True, help="Check labelled data, and label it with Label Studio.")


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

        label_set = label_set_of(labels)
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


@data.command()
def to_labelstudio(
    file: Annotated[Path, typer.Argument(help="Labelled JSONL, or what 'fiqra predict -o tags.jsonl' wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tasks (JSON), to import in Label Studio.")],
    config_out: Annotated[
        Path | None, typer.Option(help="The labelling config (XML), to paste in the project's settings.")
    ] = None,
    labels: LabelsOption = None,
) -> None:
    """Write paragraphs as Label Studio tasks: labels as annotations, a tagger's answers as pre-annotations.

    Example: `fiqra data to-labelstudio tags.jsonl -o tasks.json --config-out config.xml`
    """
    with exit_codes():
        import json

        from .files import check_place, write_whole
        from .labelstudio import labelling_config, read_tasks

        label_set = label_set_of(labels)
        for path in (output, config_out):
            if path:
                check_place(path)
        tasks = read_tasks(file, label_set)
        write_whole(output, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
        if config_out:
            write_whole(config_out, labelling_config(label_set))
        say(f"{len(tasks)} tasks -> {output}" + (f", labelling config -> {config_out}" if config_out else ""))


@data.command()
def from_labelstudio(
    export: Annotated[Path, typer.Argument(help="Label Studio's export in the format JSON.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The labelled records (JSONL).")],
    labels: LabelsOption = None,
) -> None:
    """Turn what was labelled in Label Studio into labelled records. Tasks without an annotation are left out.

    Example: `fiqra data from-labelstudio export.json -o mine.jsonl`
    """
    with exit_codes():
        from .files import check_place, write_lines
        from .labelstudio import read_export

        check_place(output)
        found = read_export(export, label_set_of(labels))
        write_lines(output, [record.to_json() for record in found.records])
        say(f"{len(found.records)} paragraphs -> {output}")
        if found.n_without:
            say(f"left out: {found.n_without} tasks without an annotation")


@data.command()
def strip(
    file: Annotated[Path, typer.Argument(help="Labelled JSONL.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The labels without the texts (JSONL).")],
    labels: LabelsOption = None,
) -> None:
    """Write labels without their texts, where the texts are not yours to pass on; 'join' is the way back.

    Example: `fiqra data strip mine.jsonl -o mine-labels.jsonl`
    """
    with exit_codes():
        from .files import check_place, write_lines
        from .standoff import strip as without_text
        from .training.labelled import read_labelled

        check_place(output)
        records = read_labelled(file, label_set_of(labels))
        write_lines(output, [without_text(record) for record in records])
        say(f"labels of {len(records)} paragraphs -> {output}")


@data.command()
def join(
    file: Annotated[Path, typer.Argument(help="Labels that 'fiqra data strip' wrote.", metavar="LABELS")],
    texts: Annotated[
        list[Path], typer.Argument(help="JSONL (or .jsonl.xz) with doc, para and text.", metavar="TEXTS…")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The labelled records (JSONL).")],
    labels: LabelsOption = None,
) -> None:
    """Join labels to the texts they were made on. Exit code 1: some of the texts are not there.

    Example: `fiqra data join data/standoff/news.jsonl texts.jsonl -o news.jsonl`
    """
    with exit_codes():
        from .files import check_place, write_lines
        from .standoff import join as with_text

        check_place(output)
        joined = with_text(file, texts, label_set_of(labels))
        write_lines(output, [record.to_json() for record in joined.records])
        say(f"{len(joined.records)} paragraphs -> {output}")
        if joined.missing:
            say(f"left out: {len(joined.missing)} whose text is not there, the first {joined.missing[0]!r}")
            raise typer.Exit(1)
