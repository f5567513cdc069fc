"""What every command does at a terminal: shared options, messages, exit codes, tables, progress."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .model.errors import FiqraError

if TYPE_CHECKING:
    from .model.labels import LabelSet

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
Backend = Literal["auto", "torch", "openvino"]
DeviceOption = Annotated[Device, typer.Option(help="Where to run; auto takes the best that is here.")]
BackendOption = Annotated[
    Backend, typer.Option(help="What runs the network; auto takes OpenVINO on a CPU where it is installed.")
]
PrecisionOption = Annotated[Precision, typer.Option(help="auto takes bf16 where the processor has it.")]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", help="A label set (YAML); by default that of the shipped tagger.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes; errors only.")]


STOPPED = 130  # the exit code of what Ctrl-C ended


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


def label_set_of(path: Path | None) -> "LabelSet":
    """Return the label set of `LabelsOption`."""
    from .model.labels import LabelSet

    return LabelSet.from_yaml(path) if path else LabelSet.shipped()


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


def start_log(quiet: bool) -> None:
    """Let fiqra's notes through to standard error, or only its errors."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    logging.basicConfig(format="%(message)s", level=logging.ERROR, force=True)
    logging.getLogger("fiqra").setLevel(logging.ERROR if quiet else logging.INFO)


@contextmanager
def progress(quiet: bool, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar on standard error; the function given takes how many paragraphs were just done.

    It also takes how much of `total` is done in all, where that does not count paragraphs.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[n]} paragraphs, {task.fields[rate]:.1f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total or None, n=0, rate=0.0)
        n = [0]

        def advance(just_done: int, completed: int | None = None) -> None:
            n[0] += just_done
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                completed=n[0] if completed is None else completed,
                n=n[0],
                rate=n[0] / elapsed if elapsed else 0.0,
            )

        yield advance
