"""Files -> articles: text, HTML, JSON, CSV and Parquet, decoded, cut into paragraphs, cleared of page remnants."""

import csv
import io
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .model.errors import DataError, did_you_mean
from .model.records import Article, Paragraph
from .model.text import ARABIC_LETTER, split_paragraphs
from .remnants import part_remnants

logger = logging.getLogger(__name__)

FORMATS = ("txt", "html", "json", "jsonl", "csv", "tsv", "parquet")
_ENDINGS = {f".{name}": name for name in FORMATS} | {".htm": "html", ".ndjson": "jsonl"}
_STDIN = "-"

# For each field the names it goes by, the first that a record has being taken.
_DEFAULT_COLUMNS = {
    "text": ("text", "body", "content", "article", "النص"),
    "id": ("id", "doc", "url", "link"),
    "title": ("title", "headline", "العنوان"),
    "date": ("date", "published", "published_at", "publish_date", "التاريخ"),
    "outlet": ("outlet", "source", "site", "publisher", "المصدر"),
}
_LEADING_DATE = re.compile(r"\s*date[:\s]\s*(\d{4}-\d{2}-\d{2})\b[\s:،,\-–—]*", re.I)
_MOJIBAKE = re.compile("[طظ][^\u0621-\u064a]")


@dataclass(frozen=True)
class Reject:
    """Something that could not be read: where it stands, and why."""

    where: str
    reason: str


@dataclass
class ArticleReader:
    """Iterates over the articles in files, folders and standard input; what can't be read comes as a `Reject`.

    Args:
        paths: Files, folders (searched through, in order of name) and "-" for standard input.
        columns: For records, the column of each field (text, id, title, date, outlet) where it isn't a usual name.
        file_format: One of `FORMATS`, for standard input and files whose ending doesn't say.
        keep_all: Keep page remnants as paragraphs.

    Raises:
        DataError: a path does not exist, or a folder holds no file of a known ending.
    """

    paths: list[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    file_format: str | None = None
    keep_all: bool = False
    bytes_read: int = field(default=0, init=False)
    bytes_total: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._files = [file for path in self.paths for file in self._expand(path)]
        self.bytes_total = sum(path.stat().st_size for path, _ in self._files if str(path) != _STDIN)

    def _expand(self, given: str) -> list[tuple[Path, str]]:
        """Return the files of a path, each with the id of an article that fills it."""
        path = Path(given)
        if given == _STDIN:
            return [(path, "stdin")]
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _ENDINGS)
            if not found:
                raise DataError(f"{path}: no file ending in {', '.join(_ENDINGS)} in this folder")
            passed = sum(1 for file in path.rglob("*") if file.is_file()) - len(found)
            if passed:
                logger.warning("%s: %d files of other endings are not read", path, passed)
            return [(file, file.relative_to(path).as_posix()) for file in found]
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if not self.file_format and path.suffix.lower() not in _ENDINGS:
            raise DataError(f"{path}: can't tell its format from {path.suffix!r}; say --format {'|'.join(FORMATS)}")
        return [(path, path.name)]

    def __iter__(self) -> Iterator[Article | Reject]:
        for path, article_id in self._files:
            before = self.bytes_read
            try:
                yield from self._read_file(path, article_id)
            except OSError as error:
                yield Reject(str(path), f"can't read it: {error.strerror}")
            except DataError as error:
                yield Reject(str(path), str(error))
            if str(path) != _STDIN:
                self.bytes_read = before + path.stat().st_size if path.exists() else before

    def _read_file(self, path: Path, article_id: str) -> Iterator[Article | Reject]:
        kind = self.file_format if self.file_format else _ENDINGS.get(path.suffix.lower(), "txt")
        if kind == "parquet":
            yield from self._read_records(path, parquet_records(path))
            return
        content = sys.stdin.buffer.read() if str(path) == _STDIN else path.read_bytes()
        if not content.strip():
            raise DataError("is empty")
        text = decode_bytes(content, str(path))
        if kind == "txt":
            yield self._build(str(path), article_id, text, {})
        elif kind == "html":
            fields, body = extract_html(text)
            yield self._build(str(path), article_id, body, fields)
        elif kind in ("csv", "tsv"):
            yield from self._read_records(path, _csv_records(text, "\t" if kind == "tsv" else None))
        else:
            yield from self._read_records(path, _json_records(text, lines=kind == "jsonl"))

    def _read_records(self, path: Path, records: Iterable[tuple[str, Any]]) -> Iterator[Article | Reject]:
        """`records` gives (place in the file, record or the error it is read with)."""
        columns: dict[str, str | None] | None = None
        n = 0
        for place, record in records:
            n += 1
            where = f"{path}:{place}"
            if isinstance(record, DataError):
                yield Reject(where, str(record))
                continue
            if not isinstance(record, Mapping):
                yield Reject(where, f"expected a record with named fields, found {type(record).__name__}")
                continue
            if columns is None or (columns["text"] not in record):
                columns = self._find_columns(record, where)
            fields = {key: _as_text(record.get(column)) if column else None for key, column in columns.items()}
            body = record.get(str(columns["text"]))
            if not isinstance(body, str):
                yield Reject(where, f"field {columns['text']!r}: expected text, found {body!r}")
                continue
            yield self._build(where, fields["id"] or f"{path.name}:{place}", body, fields)
        if n == 0:
            raise DataError("holds no record")

    def _find_columns(self, record: Mapping[str, Any], where: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        present = [str(key) for key in record]
        for key, names in _DEFAULT_COLUMNS.items():
            wanted = self.columns.get(key)
            if wanted and wanted not in record:
                raise DataError(
                    f"{where}: no column {wanted!r} for the {key}{did_you_mean(wanted, present)}; "
                    f"it has {', '.join(present)}"
                )
            found[key] = wanted or next((name for name in names if name in record), None)
        if found["text"] is None:
            raise DataError(
                f"{where}: no column for the text; it has {', '.join(present)}: name one with --text-column"
            )
        return found

    def _build(self, where: str, article_id: str, body: str, fields: Mapping[str, str | None]) -> Article | Reject:
        article = build_article(
            body,
            article_id=article_id,
            title=fields.get("title"),
            date=fields.get("date"),
            outlet=fields.get("outlet"),
            keep_all=self.keep_all,
        )
        fault = fault_of(article, body)
        if fault == "only_remnants":
            return Reject(where, f"{FAULTS[fault]} ({len(article.remnants)} lines); see --keep-all")
        return Reject(where, FAULTS[fault]) if fault else article


def build_article(
    body: str,
    *,
    article_id: str,
    title: str | None = None,
    date: str | None = None,
    outlet: str | None = None,
    keep_all: bool = False,
) -> Article:
    """Cut a body into an article's paragraphs. A leading "date 2026-01-21" becomes the date where none is given."""
    stamp = _LEADING_DATE.match(body)
    if stamp:
        date = date or stamp[1]
        body = body[stamp.end() :]
    texts = split_paragraphs(body.replace("\x00", ""))
    kept, remnants = (texts, []) if keep_all else part_remnants(texts)
    paragraphs = tuple(Paragraph(i, text) for i, text in enumerate(kept))
    return Article(article_id, paragraphs, title, date, outlet, tuple(remnants))


FAULTS = {
    "empty": "is empty",
    "no_arabic": "holds no Arabic text",
    "only_remnants": "holds nothing but page remnants",
}


def fault_of(article: Article, body: str) -> str | None:
    """Return why there is nothing to tag in an article built from `body`, as a key of `FAULTS`, or None."""
    if not body.strip():
        return "empty"
    if not ARABIC_LETTER.search(body):
        return "no_arabic"
    return None if article.paragraphs else "only_remnants"


def decode_bytes(content: bytes, where: str) -> str:
    """Decode UTF-8 (with or without BOM), UTF-16 with BOM, or Windows-1256, which is said in the log.

    Raises:
        DataError: it is none of these.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            pass
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
    if b"\x00" not in content:
        text = content.decode("cp1256")
        foreign = [char for char in text if not char.isascii()]
        arabic = sum(1 for char in foreign if ARABIC_LETTER.match(char) or char in "،؛؟«»ـًٌٍَُِّْ")
        if arabic >= 0.7 * len(foreign) and len(_MOJIBAKE.findall(text)) < 0.2 * arabic:
            logger.warning("%s: read as Windows-1256", where)
            return text
    raise DataError(
        f"can't decode it: neither UTF-8 (byte {at} is {content[at]:#04x}) nor Windows-1256; save it as UTF-8"
    )


def _as_text(value: Any) -> str | None:
    return None if value is None or value == "" or value != value else str(value)


def extract_html(page: str) -> tuple[dict[str, str | None], str]:
    """Return a page's title, date and outlet, and its main text.

    Raises:
        DataError: no main text is found.
    """
    import trafilatura

    found = trafilatura.bare_extraction(page, with_metadata=True, include_comments=False, include_tables=False)
    body = (found.text if found else "") or ""
    if not body.strip():
        raise DataError("no main text found in the page")
    return {"title": found.title, "date": found.date, "outlet": found.sitename}, body


def _json_records(text: str, *, lines: bool) -> Iterator[tuple[str, Any]]:
    if lines:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield str(number), _parse_json(line)
        return
    content = _parse_json(text)
    if isinstance(content, DataError):
        raise content
    for number, record in enumerate(content if isinstance(content, list) else [content], 1):
        yield str(number), record


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return DataError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        return DataError("not an article: JSON nested too deep")


def _csv_records(text: str, delimiter: str | None) -> Iterator[tuple[str, Any]]:
    if delimiter is None:
        head = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=head.count)  # Excel writes ";" where the comma is the decimal sign
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    usual = csv.field_size_limit(sys.maxsize)  # of the whole process: put back below
    try:
        width = len(reader.fieldnames or [])
        for record in reader:
            if None in record:
                yield str(reader.line_num), DataError(f"more than the {width} fields that the heading names")
            else:
                yield str(reader.line_num), record
    finally:
        csv.field_size_limit(usual)


def parquet_records(path: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"not a Parquet file: {error}") from error
    number = 0
    for batch in file.iter_batches(batch_size=256):
        for record in batch.to_pylist():
            number += 1
            yield str(number), record
