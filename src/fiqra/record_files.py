"""Records of JSON, JSON Lines, CSV and Parquet files, read one after the other from any place where one begins.

No file of lines is ever held whole, so a file may be larger than the memory.
"""

import csv
import io
import json
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO, Any

from .model.errors import DataError
from .model.text import ARABIC_LETTER

logger = logging.getLogger(__name__)

_MOJIBAKE = re.compile("[طظ][^\u0621-\u064a]")
_HALF = re.compile("[\ud800-\udfff]")
_HEAD = 4 << 20  # bytes from which the encoding of a file of lines is told


@dataclass(frozen=True)
class Place:
    """Where a record begins: its number and line, both counted from 0, and its byte in a file of lines."""

    record: int = 0
    line: int = 0
    offset: int = 0


def records(
    file: IO[bytes], kind: str, where: str, *, start: Place | None = None, stop: int | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield for each record where it stands (a line, or a number from 1) and the record, or the error it reads with.

    Args:
        file: Open, and able to seek.
        kind: "json", "jsonl", "csv", "tsv" or "parquet".
        start: The first record to read; one of `places`, which also gives `stop` its meaning.
        stop: The number of the first record that is not read.

    Raises:
        DataError: the file is not of its kind, from some point on.
    """
    start = start or Place()
    length = None if stop is None else stop - start.record
    if kind == "parquet":
        yield from islice(_parquet_records(file, start.record), length)
    elif kind == "json":
        content = _parse_json(decode_bytes(file.read(), where))
        if isinstance(content, DataError):
            raise content
        listed = content if isinstance(content, list) else [content]
        yield from ((str(i + 1), listed[i]) for i in range(start.record, len(listed) if stop is None else stop))
    else:
        with _as_utf8(file, where) as lines:
            if kind == "jsonl":
                for place, raw in islice(_raw_lines(lines, start), length):
                    yield str(place.line + 1), _parse_json(_decode(raw))
            else:
                for _, line, record in islice(_csv_records(lines, "\t" if kind == "tsv" else None, start), length):
                    yield str(line), record


def places(file: IO[bytes], kind: str, where: str) -> Iterator[Place]:
    """Yield where each record begins.

    Raises:
        DataError: as `records` does.
    """
    if kind == "parquet":
        yield from (Place(i) for i in range(_open_parquet(file).metadata.num_rows))
    elif kind == "json":
        yield from (Place(i) for i, _ in enumerate(records(file, kind, where)))
    else:
        with _as_utf8(file, where) as lines:
            if kind == "jsonl":
                yield from (place for place, _ in _raw_lines(lines, Place()))
            else:
                found = _csv_records(lines, "\t" if kind == "tsv" else None, Place())
                yield from (place for place, _, _ in found)


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


def broken_characters(text: str) -> str | None:
    """Say what is broken in a text: bytes that are no UTF-8, or half of a surrogate pair. None where nothing is."""
    found = _HALF.search(text)
    if found is None:
        return None
    code = ord(found[0])
    what = (
        f"byte {code - 0xDC00:#04x} is no UTF-8" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x} is half a character"
    )
    return f"character {found.start()}: {what}"


def parquet_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a Parquet file with their numbers, from 1. Raises `DataError` where it can't be read."""
    with path.open("rb") as file:
        yield from _parquet_records(file, 0)


@contextmanager
def _as_utf8(file: IO[bytes], where: str) -> Iterator[IO[bytes]]:
    """Give a file of lines in UTF-8 that stands behind any BOM: this one, or a copy of it.

    A file that is UTF-8 but for some lines is given as it is: those lines are told one by one.
    """
    encoding = _encoding_of_lines(file, where)
    if encoding == "utf-8":
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        reader = io.TextIOWrapper(file, encoding, newline="")
        writer = io.TextIOWrapper(copy, "utf-8", newline="")
        try:
            shutil.copyfileobj(reader, writer)
            writer.flush()
        except UnicodeDecodeError as error:
            raise DataError(f"can't decode it as {encoding}: {error.reason} at byte {error.start}") from error
        finally:
            reader.detach()
            writer.detach()
        copy.seek(0)
        yield copy


def _encoding_of_lines(file: IO[bytes], where: str) -> str:
    """Tell "utf-8" (the file then stands behind any BOM), "utf-16" or "cp1256" (it stands at its start)."""
    head = file.read(_HEAD)
    file.seek(0)
    if not head.strip():
        raise DataError("is empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    whole = head if len(head) < _HEAD or b"\n" not in head else head[: head.rfind(b"\n") + 1]
    lines = [(line.isascii(), _is_utf8(line)) for line in whole.splitlines()]
    n_bad = sum(not valid for _, valid in lines)
    n_foreign = sum(valid and not ascii_ for ascii_, valid in lines)
    if n_bad > n_foreign and n_bad > 0.1 * len(lines):
        decode_bytes(whole, where)  # it is Windows-1256, or an error
        return "cp1256"
    file.seek(3 if head.startswith(b"\xef\xbb\xbf") else 0)
    return "utf-8"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode(raw: bytes) -> str:
    """Decode a line; a byte that is no UTF-8 becomes what `broken_characters` finds."""
    return raw.decode("utf-8", "surrogateescape")


def _raw_lines(file: IO[bytes], start: Place) -> Iterator[tuple[Place, bytes]]:
    """Yield the lines that hold anything, each with where it begins."""
    offset = start.offset or file.tell()
    file.seek(offset)
    record = start.record
    for line, raw in enumerate(file, start.line):
        if raw.strip():
            yield Place(record, line, offset), raw
            record += 1
        offset += len(raw)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return DataError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError as error:  # a number of too many digits
        return DataError(f"not JSON that can be read: {error}")
    except RecursionError:
        return DataError("not an article: JSON nested too deep")


class _CountedLines:
    """The lines of a file for a CSV reader, which takes as many as a record has; counts lines and bytes taken."""

    def __init__(self, file: IO[bytes], line: int, offset: int) -> None:
        file.seek(offset)
        self._file = file
        self.line, self.offset = line, offset

    def __iter__(self) -> Iterator[str]:
        for raw in self._file:
            self.line += 1
            self.offset += len(raw)
            yield _decode(raw)


def _csv_records(file: IO[bytes], delimiter: str | None, start: Place) -> Iterator[tuple[Place, int, Any]]:
    """Yield where a record begins, its last line counted from 1, and the record or the error it reads with."""
    begin = file.tell()
    if delimiter is None:
        head = _decode(file.readline())
        delimiter = max(",;\t", key=head.count)  # Excel writes ";" where the comma is the decimal sign
    usual = csv.field_size_limit(sys.maxsize)  # of the whole process: put back below
    try:
        lines = _CountedLines(file, 0, begin)
        fields = next(csv.reader(iter(lines), delimiter=delimiter), [])
        if start.offset:
            lines = _CountedLines(file, start.line, start.offset)
        rows = csv.reader(iter(lines), delimiter=delimiter)
        number, place = start.record, Place(start.record, lines.line, lines.offset)
        while (row := _next_row(rows)) is not None:
            here, place = place, Place(number + bool(row), lines.line, lines.offset)
            if not row:
                continue
            number += 1
            if isinstance(row, list) and len(row) > len(fields):
                row = DataError(f"more than the {len(fields)} fields that the heading names")
            yield here, lines.line, dict(zip_longest(fields, row)) if isinstance(row, list) else row
    finally:
        csv.field_size_limit(usual)


def _next_row(rows: Iterator[list[str]]) -> list[str] | DataError | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        return DataError(f"not CSV: {error}")


def _open_parquet(file: IO[bytes]) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"not a Parquet file: {error}") from error


def _parquet_records(file: IO[bytes], start: int) -> Iterator[tuple[str, Any]]:
    import pyarrow

    parquet = _open_parquet(file)
    number = 0
    for group in range(parquet.num_row_groups):
        n_rows = parquet.metadata.row_group(group).num_rows
        if number + n_rows <= start:
            number += n_rows
            continue
        try:
            for batch in parquet.iter_batches(batch_size=256, row_groups=[group]):
                skipped = min(max(start - number, 0), batch.num_rows)
                number += skipped
                for record in batch.slice(skipped).to_pylist():
                    number += 1
                    yield str(number), record
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"rows from {number + 1} on can't be read: {error}") from error
