"""Tagged articles -> JSON Lines, CSV, Parquet, HTML or a table on the terminal.

A file is written beside its place and moved into it when whole, so a broken run leaves no half of one.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from .files import check_place, whole_file
from .model.errors import DataError
from .model.labels import LabelSet
from .model.records import Article, LabelledParagraph, TaggedParagraph

ENDINGS = (".jsonl", ".csv", ".parquet", ".html")

CSV_COLUMNS = (
    "date", "outlet", "article", "para", "topic", "topic_prob", "actor", "stance", "prob", "start", "end",
    "text", "tagger"
)  # fmt: skip
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class Writer(Protocol):
    """Takes tagged articles one after the other."""

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None: ...


def check_output(path: Path) -> None:
    """Raise `DataError` now, before hours of work, where the output could not be written later."""
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: can't tell the output's format from {path.suffix!r}; end it in {', '.join(ENDINGS)}")
    check_place(path)


@contextmanager
def open_writer(path: Path, labels: LabelSet) -> Iterator[Writer]:
    """Give a writer for the format of the path's ending; the file appears, whole, when the block ends well."""
    check_output(path)
    with whole_file(path) as scratch:
        kind = path.suffix.lower()
        if kind == ".parquet":
            with ParquetResults(scratch) as parquet:
                yield parquet
        else:
            encoding = "utf-8-sig" if kind == ".csv" else "utf-8"  # with the BOM, Excel shows Arabic
            with scratch.open("w", encoding=encoding, newline="") as file:
                if kind == ".html":
                    html = HtmlResults(labels)
                    yield html
                    file.write(html.render())
                else:
                    yield CsvResults(file) if kind == ".csv" else JsonlResults(file)


class JsonlResults:
    """One tagged paragraph a line, whole."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None:
        for paragraph in tagged:
            self._file.write(json.dumps(paragraph.to_json(), ensure_ascii=False) + "\n")


def csv_rows(paragraph: TaggedParagraph) -> Iterator[dict[str, Any]]:
    """Yield a row a position, and one without actor and stance for a topic on which nobody takes any."""
    base = {
        "date": paragraph.date,
        "outlet": paragraph.outlet,
        "article": paragraph.article,
        "para": paragraph.para,
        "text": paragraph.text,
        "tagger": paragraph.tagger,
    }
    for topic in paragraph.topics:
        row = {**base, "topic": topic, "topic_prob": round(paragraph.topic_probs[topic], 4)}
        positions = [position for position in paragraph.positions if position.topic == topic]
        for position in positions:
            actor = position.actor
            yield {
                **row,
                "actor": actor.text if actor else None,
                "start": actor.start if actor else None,
                "end": actor.end if actor else None,
                "stance": position.stance,
                "prob": None if position.prob is None else round(position.prob, 4),
            }
        if not positions:
            yield row


class CsvResults:
    """A row a position, for spreadsheets.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; the exact text is in the JSONL.
    """

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\r\n")
        self._rows.writeheader()

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None:
        for paragraph in tagged:
            for row in csv_rows(paragraph):
                self._rows.writerow({key: no_formula(value) for key, value in row.items()})


def no_formula(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run, or that has one already (see `as_written`)."""
    return f"'{value}" if isinstance(value, str) and value.lstrip("'").startswith(_FORMULA_SIGNS) else value


def as_written(value: str) -> str:
    """Return the text from which `no_formula` made this one."""
    return value[1:] if value.startswith("'") and value.lstrip("'").startswith(_FORMULA_SIGNS) else value


class ParquetResults:
    """The records of the JSONL, a row a paragraph, with positions as a nested list."""

    def __init__(self, path: Path | IO[bytes]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        actor = pa.struct([("text", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
        position = pa.struct(
            [("actor", actor), ("topic", pa.string()), ("stance", pa.string()), ("prob", pa.float64())]
        )
        self._schema = pa.schema(
            [
                ("article", pa.string()),
                ("para", pa.int32()),
                ("text", pa.string()),
                ("date", pa.string()),
                ("outlet", pa.string()),
                ("topics", pa.list_(pa.string())),
                ("topic_probs", pa.map_(pa.string(), pa.float64())),
                ("positions", pa.list_(position)),
                ("tagger", pa.string()),
            ]
        )
        self._table = pa.Table
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None:
        for paragraph in tagged:
            record = paragraph.to_json()
            self._rows.append({**record, "topic_probs": list(record["topic_probs"].items())})
        if len(self._rows) >= 4096:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def __enter__(self) -> "ParquetResults":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


class HtmlResults:
    """One self-contained page, right to left: topics as chips, actors and their stances marked in the text."""

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._articles: list[dict[str, Any]] = []

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None:
        paragraphs = [{"tagged": paragraph, "pieces": mark_actors(paragraph)} for paragraph in tagged]
        self._articles.append({"article": article, "paragraphs": paragraphs})

    def render(self) -> str:
        return render_page("results.html", self._labels, articles=self._articles)


def render_page(template: str, labels: LabelSet, **content: Any) -> str:
    """Fill a template; it also gets the labels' Arabic `names` and a hue for each topic."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fiqra", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    names = {label.id: label.name.get("ar", label.id) for label in (*labels.topics, *labels.stances)}
    hues = {topic: round(360 * i / len(labels.topics) + 205) % 360 for i, topic in enumerate(labels.topic_ids)}
    page: str = environment.get_template(template).render(names=names, hues=hues, **content)
    return page


def mark_actors(paragraph: TaggedParagraph | LabelledParagraph) -> list[dict[str, Any]]:
    """Cut the text into pieces, in order: {"text", "positions"}, with the positions that the piece's actor holds.

    Where two actors overlap, the longer is marked, and it carries the other's positions too.
    """
    spans: dict[tuple[int, int], list[Any]] = {}
    for position in paragraph.positions:
        if position.actor:
            spans.setdefault((position.actor.start, position.actor.end), []).append(position)
    chosen: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda span: span[0] - span[1]):
        host = next((other for other in chosen if span[0] < other[1] and span[1] > other[0]), None)
        if host is None:
            chosen.append(span)
        else:
            spans[host] += spans[span]
    pieces: list[dict[str, Any]] = []
    at = 0
    for start, end in sorted(chosen):
        pieces.append({"text": paragraph.text[at:start], "positions": []})
        pieces.append({"text": paragraph.text[start:end], "positions": spans[start, end]})
        at = end
    pieces.append({"text": paragraph.text[at:], "positions": []})
    return [piece for piece in pieces if piece["text"]]


class TerminalResults:
    """A table for each article. Arabic stands only in the last column: two such columns would change places."""

    def __init__(self, file: IO[str] | None = None) -> None:
        """Print to `file`, by default standard output."""
        from rich.console import Console

        self._console = Console(file=file)
        if not self._console.is_terminal:
            self._console.width = 120
        self._text_width = max(20, self._console.width - 50)

    def write(self, article: Article, tagged: list[TaggedParagraph]) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        heading = " · ".join(str(part) for part in (article.id, article.date, article.outlet) if part)
        table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", expand=False)
        table.add_column("¶", justify="right")
        table.add_column("topic", style="cyan", no_wrap=True)
        table.add_column("p", justify="right")
        table.add_column("stance", no_wrap=True)
        table.add_column("p", justify="right")
        table.add_column("actor, or the paragraph's beginning", overflow="fold")
        colours = {"favor": "green", "against": "red", "neutral": "yellow"}
        for paragraph in tagged:
            begin = (
                paragraph.text if len(paragraph.text) <= self._text_width else paragraph.text[: self._text_width] + "…"
            )
            table.add_row(str(paragraph.para), "" if paragraph.topics else "–", "", "", "", Text(begin, style="dim"))
            for row in csv_rows(paragraph):
                stance = row.get("stance")
                who = row["actor"] or "(implied)" if stance else "(only reported)"
                table.add_row(
                    "",
                    row["topic"],
                    f"{row['topic_prob']:.2f}",
                    Text(stance or "", style=colours.get(str(stance), "")),
                    f"{row['prob']:.2f}" if stance else "",
                    Text(who, style="bold" if stance and row["actor"] else ""),
                )
        self._console.print(table)
        if article.remnants:
            self._console.print(f"  left out as page remnants: {len(article.remnants)}", style="dim")
