"""Files of JSON lines -> records, each with its line. No torch: checking data should not wait for it."""

import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph

Record = TypeVar("Record")
_SHOWN_ERRORS = 20


def read_lines(path: Path, build: Callable[[object], Record]) -> Iterator[tuple[int, Record | DataError]]:
    """Yield the number of each line that is not blank, and what `build` makes of its JSON or the error against it.

    A file whose name ends in `.xz` is decompressed.

    Raises:
        DataError: the file can't be read, is not UTF-8, or holds no record.
    """
    try:
        raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        lines = raw.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(f"{path}: can't read it: {error.strerror}") from error
    except lzma.LZMAError as error:
        raise DataError(f"{path}: not an xz file: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from error
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: holds no record")
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, build(parse_json(line))
            except DataError as error:
                yield number, error


def read_all(path: Path, build: Callable[[object], Record]) -> list[tuple[int, Record]]:
    """Return what `read_lines` yields; raise `DataError` with every mistake and its line where there are any."""
    lines = list(read_lines(path, build))
    mistakes = [(number, found) for number, found in lines if isinstance(found, DataError)]
    if mistakes:
        raise DataError(
            "\n".join(f"{path}:{number}: {line}" for number, error in mistakes for line in str(error).split("\n"))
        )
    return [(number, found) for number, found in lines if not isinstance(found, DataError)]


def read_labelled(path: str | Path, labels: LabelSet) -> list[LabelledParagraph]:
    """Read a labelled JSONL file.

    Raises:
        DataError: the file can't be read, holds no record, or some records are wrong: each mistake with its line.
    """
    path = Path(path)
    records: list[LabelledParagraph] = []
    errors: list[str] = []
    seen: dict[str, int] = {}
    for number, record in read_lines(path, lambda content: LabelledParagraph.from_json(content, labels)):
        if isinstance(record, DataError):
            errors += [f"{path}:{number}: {message}" for message in str(record).split("\n")]
            continue
        if record.id in seen:
            errors.append(f"{path}:{number}: id {record.id!r} stands on line {seen[record.id]} already")
        seen[record.id] = number
        records.append(record)
    if errors:
        more = f"\n… and {len(errors) - _SHOWN_ERRORS} more mistakes" if len(errors) > _SHOWN_ERRORS else ""
        raise DataError("\n".join(errors[:_SHOWN_ERRORS]) + more)
    return records


def parse_json(text: str) -> object:
    """Return what a JSON text holds; raise `DataError` where it is none, or holds what no file could."""
    try:
        content: object = json.loads(text)
        if "\\u" in text:  # only an escape can bring in half of a surrogate pair
            json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise DataError(f"not JSON: {error.msg} at {line}column {error.colno}") from error
    except RecursionError as error:
        raise DataError("not a record: JSON nested too deep") from error
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise DataError(f"not a text: \\u{ord(half):04x} is half of a surrogate pair") from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"not JSON: {error}") from error
    return content
