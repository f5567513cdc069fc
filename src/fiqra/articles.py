"""Files -> articles: text, HTML and records, decoded, cut into paragraphs, cleared of page remnants."""

import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .model.errors import DataError, did_you_mean
from .model.records import Article, Paragraph
from .model.text import ARABIC_LETTER, split_paragraphs
from .record_files import Place, broken_characters, decode_bytes, records
from .remnants import part_remnants
from .storage import is_remote, list_remote, open_input

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


@dataclass(frozen=True)
class Reject:
    """Something that could not be read: where it stands, and why. `retry`: it may be read another time."""

    where: str
    reason: str
    retry: bool = False


@dataclass(frozen=True)
class InputFile:
    """A file, one of `FORMATS`, and the id of the article that fills it where it is no file of records."""

    path: str
    article_id: str
    kind: str

    @property
    def of_records(self) -> bool:
        return self.kind not in ("txt", "html")


@dataclass
class ArticleReader:
    """Iterates over the articles in files, folders and standard input; what can't be read comes as a `Reject`.

    Args:
        paths: Files, folders (searched through, in order of name), addresses of a remote filesystem (s3://…) and "-"
            for standard input.
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

    def __post_init__(self) -> None:
        self.files = [file for path in self.paths for file in self._expand(path)]

    @property
    def bytes_total(self) -> int:
        return sum(_size(file.path) for file in self.files)

    def _expand(self, given: str) -> list[InputFile]:
        path = Path(given)
        if given == _STDIN:
            return [InputFile(given, "stdin", self.file_format or "txt")]
        if is_remote(given) or path.is_dir():
            return self._expand_folder(given)
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if not self.file_format and path.suffix.lower() not in _ENDINGS:
            raise DataError(f"{path}: can't tell its format from {path.suffix!r}; say --format {'|'.join(FORMATS)}")
        return [InputFile(given, path.name, self.file_format or _ENDINGS[path.suffix.lower()])]

    def _expand_folder(self, given: str) -> list[InputFile]:
        """Return the files of known endings in a folder, or at an address, which may be that of a file."""
        if is_remote(given):
            inside = list_remote(given)
        else:
            folder = Path(given)
            found = sorted(file for file in folder.rglob("*") if file.is_file())
            inside = [(str(file), file.relative_to(folder).as_posix()) for file in found]
        known = [
            InputFile(path, name, self.file_format or _ENDINGS[Path(name).suffix.lower()])
            for path, name in inside
            if Path(name).suffix.lower() in _ENDINGS
        ]
        if not known:
            raise DataError(f"{given}: no file ending in {', '.join(_ENDINGS)} in this folder")
        if len(inside) > len(known):
            logger.warning("%s: %d files of other endings are not read", given, len(inside) - len(known))
        return known

    def __iter__(self) -> Iterator[Article | Reject]:
        for file in self.files:
            yield from self.read(file)
            self.bytes_read += _size(file.path)

    def read(self, file: InputFile, start: Place | None = None, stop: int | None = None) -> Iterator[Article | Reject]:
        """Yield a file's articles; with `start` and `stop` (see `records`), only those of these records."""
        try:
            with _spooled_stdin() if file.path == _STDIN else open_input(file.path) as content:
                yield from self._read_file(file, content, start, stop)
        except OSError as error:
            yield Reject(file.path, f"can't read it: {error.strerror or error}", retry=True)
        except DataError as error:
            yield Reject(file.path, str(error))

    def _read_file(
        self, file: InputFile, content: IO[bytes], start: Place | None, stop: int | None
    ) -> Iterator[Article | Reject]:
        if file.of_records:
            found = records(content, file.kind, file.path, start=start, stop=stop)
            yield from self._read_records(file, found, strict=start is None)
            return
        whole = content.read()
        if not whole.strip():
            raise DataError("is empty")
        text = decode_bytes(whole, file.path)
        fields, body = ({}, text) if file.kind == "txt" else extract_html(text)
        yield self._build(file.path, file.article_id, body, fields)

    def _read_records(
        self, file: InputFile, found: Iterable[tuple[str, Any]], *, strict: bool
    ) -> Iterator[Article | Reject]:
        """`found` gives (place in the file, record or the error it is read with).

        `strict`: where the first record lacks a column, so will the rest, which is not tried.
        """
        columns: dict[str, str | None] | None = None
        n = 0
        for place, record in found:
            n += 1
            where = f"{file.path}:{place}"
            if isinstance(record, DataError):
                yield Reject(where, str(record))
                continue
            if not isinstance(record, Mapping):
                yield Reject(where, f"expected a record with named fields, found {type(record).__name__}")
                continue
            if columns is None or columns["text"] not in record:
                try:
                    columns = self._find_columns(record)
                except DataError as error:
                    if strict and columns is None:
                        raise DataError(f"{where}: {error}") from None
                    yield Reject(where, str(error))
                    continue
            fields = {key: _as_text(record.get(column)) if column else None for key, column in columns.items()}
            body = record.get(str(columns["text"]))
            if not isinstance(body, str):
                yield Reject(where, f"field {columns['text']!r}: expected text, found {body!r}")
                continue
            yield self._build(where, fields["id"] or f"{Path(file.path).name}:{place}", body, fields)
        if n == 0:
            raise DataError("holds no record")

    def _find_columns(self, record: Mapping[str, Any]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        present = [str(key) for key in record]
        for key, names in _DEFAULT_COLUMNS.items():
            wanted = self.columns.get(key)
            if wanted and wanted not in record:
                raise DataError(
                    f"no column {wanted!r} for the {key}{did_you_mean(wanted, present)}; it has {', '.join(present)}"
                )
            found[key] = wanted or next((name for name in names if name in record), None)
        if found["text"] is None:
            raise DataError(f"no column for the text; it has {', '.join(present)}: name one with --text-column")
        return found

    def _build(self, where: str, article_id: str, body: str, fields: Mapping[str, str | None]) -> Article | Reject:
        for name, text in (("text", body), ("id", article_id), *fields.items()):
            if broken := broken_characters(text or ""):
                return Reject(where, f"{name}: {broken}")
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


def _size(path: str) -> int:
    return Path(path).stat().st_size if not is_remote(path) and Path(path).exists() else 0


def _spooled_stdin() -> IO[bytes]:
    """Return standard input as a file that can be read twice; what is long is put on the disk."""
    spool = tempfile.SpooledTemporaryFile(max_size=64 << 20)
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.seek(0)
    return spool


def _as_text(value: Any) -> str | None:
    return None if value is None or value == "" or value != value else str(value)


def extract_html(page: str) -> tuple[dict[str, str | None], str]:
    """Return a page's title, date and outlet, and its main text.

    Raises:
        DataError: no main text is found.
    """
    import trafilatura

    try:
        found = trafilatura.bare_extraction(page, with_metadata=True, include_comments=False, include_tables=False)
    except Exception as error:  # pages are broken in ways that no list of errors names
        raise DataError(f"the page can't be parsed: {error!r}") from error
    body = (found.text if found else "") or ""
    if not body.strip():
        raise DataError("no main text found in the page")
    return {"title": found.title, "date": found.date, "outlet": found.sitename}, body
