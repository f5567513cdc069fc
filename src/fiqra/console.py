"""What every command does at a terminal: messages, exit codes, tables."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from .model.errors import FiqraError


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors that the user can mend into a message and exit code 2."""
    try:
        yield
    except FiqraError as error:
        for line in str(error).split("\n"):
            say(f"error: {line}" if not line.startswith(" ") else line)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        # The reader of the pipe has gone (head, less): no fault of this side.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def say(message: str) -> None:
    """Say something on standard error."""
    typer.echo(message, err=True)


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output: names to the left, figures to the right; a row without cells is a rule."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        table.add_column(heading, no_wrap=True, justify="right" if i else "left")
    for row in rows:
        if row:
            table.add_row(*row)
        else:
            table.add_section()
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
