"""The command `fiqra predict`: to the terminal, into a file, or into a folder of parts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .console import (
    STOPPED,
    BackendOption,
    DeviceOption,
    PrecisionOption,
    QuietOption,
    exit_codes,
    progress,
    say,
    start_log,
)
from .model.errors import DataError, FiqraError

if TYPE_CHECKING:
    from .articles import ArticleReader
    from .batch import Tally
    from .model.tagger import Tagger

Format = Literal["txt", "html", "json", "jsonl", "csv", "tsv", "parquet"]


def predict(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", metavar="PATH…")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write: a file whose ending says how (.jsonl .csv .parquet .html), or for large input a "
            "folder (folder/, or an address as s3://…), which goes on where it stopped.",
        ),
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
    part_format: Annotated[Literal["parquet", "jsonl"], typer.Option(help="Of the parts in a folder.")] = "parquet",
    part_size: Annotated[int, typer.Option(min=1, help="Articles in a part; one at most is done twice.")] = 256,
    backend: BackendOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where a folder's parts are made: here, or on a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str | None, typer.Option(help="Of the cluster; by default RAY_ADDRESS, else one that is started here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Taggers on the cluster; by default one a GPU or node.")
    ] = None,
    worker_cpus: Annotated[int | None, typer.Option(min=1, help="Cores of each; by default a node's.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Tag articles: .txt, .html, .json, .jsonl, .csv, .tsv, .parquet.

    Without -o: a table on a terminal, JSON lines into a pipe. The CSV has a row a position, and one for a topic that
    is only reported; the other formats have every paragraph. A folder gets parts; the same command again goes on
    where the last was stopped or killed. Exit code 1: something was left out by error; 2: nothing could be done; 130:
    stopped by Ctrl-C.

    Example: `fiqra predict news/ -o tags.csv`, `fiqra predict news.jsonl -o tags/`
    """
    start_log(quiet)
    with exit_codes():
        from .articles import ArticleReader

        into_folder = output is not None and _is_folder(output)
        if output and not into_folder:
            from .results import check_output

            check_output(Path(output))
        given = {
            "text": text_column,
            "id": id_column,
            "title": title_column,
            "date": date_column,
            "outlet": outlet_column,
        }
        columns = {key: value for key, value in given.items() if value}
        reader = ArticleReader(paths, columns, file_format, keep_all)
        if into_folder and "-" in paths:
            raise DataError("a folder of parts is made from files, which can be read again; not from standard input")
        how: dict[str, str] = {"backend": backend, "device": device, "precision": precision}
        if into_folder:
            from .predict_folder import run_folder as run
            from .ray_engine import RayOptions

            on_ray = RayOptions(ray_address, workers, worker_cpus) if engine == "ray" else None
            tally = run(reader, str(output), tagger, how, part_format, part_size, on_ray=on_ray, quiet=quiet)
        elif engine == "ray":
            raise DataError("--engine ray makes a folder of parts: name one with -o folder/")
        else:
            from .model.tagger import Tagger

            loaded = Tagger.from_pretrained(tagger, **how)
            tally = _into_file(reader, loaded, Path(output) if output else None, table, quiet)
        if not quiet:
            _sum_up(tally, output)
        if not tally.articles:
            raise FiqraError("nothing could be read")
        if tally.rejects:
            raise typer.Exit(1)


def _is_folder(output: str) -> bool:
    return "://" in output or output.endswith("/") or Path(output).is_dir()


def _into_file(reader: "ArticleReader", tagger: "Tagger", output: Path | None, table: bool, quiet: bool) -> "Tally":
    from .batch import Tally, tag_stream
    from .results import JsonlResults, TerminalResults, Writer, open_writer

    tally = Tally()
    tables: list[Writer] = [TerminalResults()] if table or (sys.stdout.isatty() and not output) else []
    with progress(quiet, reader.bytes_total) as advance:

        def write_all(*writers: Writer) -> None:
            stream = tag_stream(
                tagger,
                reader,
                tally,
                on_batch=lambda n: advance(n, reader.bytes_read),
                on_reject=lambda reject: say(f"left out: {reject.where}: {reject.reason}"),
            )
            for article, tagged in stream:
                for writer in writers:
                    writer.write(article, tagged)

        try:
            if output:
                with open_writer(output, tagger.labels) as writer:
                    write_all(writer, *tables)
                    if not tally.articles:
                        raise FiqraError("nothing could be read, so nothing was written")
            else:
                write_all(*(tables or [JsonlResults(sys.stdout)]))
        except KeyboardInterrupt:
            if output:
                folder = f"{output.with_suffix('')}/"
                say(f"stopped: {output} is not written; with -o {folder} a run goes on where it stopped")
            raise typer.Exit(STOPPED) from None
    return tally


def _sum_up(tally: "Tally", output: str | None) -> None:
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
