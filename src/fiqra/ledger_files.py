"""Ledgers as files: Parquet, CSV, SQLite. Each reads back as it was written."""

import csv
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .files import check_place, whole_file
from .ledger import LedgerRow
from .model.errors import DataError
from .results import as_written, no_formula

ENDINGS = (".parquet", ".csv", ".sqlite")
COLUMNS = tuple(column.name for column in fields(LedgerRow))
_INTS = ("para", "quote_start", "quote_end", "actor_start", "actor_end")
_FLOATS = ("prob",)
_MAY_BE_NULL = (
    "date",
    "outlet",
    "prob",
    *(name for name in COLUMNS if name.startswith("actor") and name != "actor_rule"),
)
_TABLE = "positions"
Record = dict[str, Any]


def check_ledger_output(path: Path) -> None:
    """Raise `DataError` where a ledger could not be written to `path`."""
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: can't tell the ledger's format from {path.suffix!r}; end it in {', '.join(ENDINGS)}")
    check_place(path)


def write_ledger(path: Path, rows: Sequence[LedgerRow]) -> None:
    """Write a ledger, whole or not at all, in the format of the path's ending."""
    check_ledger_output(path)
    with whole_file(path) as scratch:
        _WRITERS[path.suffix.lower()](scratch, [asdict(row) for row in rows])


def read_ledger(path: Path) -> list[LedgerRow]:
    """Read a ledger.

    Raises:
        DataError: it can't be read, has other columns, holds no row, or a row of it breaks the format.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: not a ledger by its ending {path.suffix!r}; expected {', '.join(ENDINGS)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    records = _READERS[path.suffix.lower()](path)
    if not records:
        raise DataError(f"{path}: holds no position")
    missing = [name for name in COLUMNS if name not in records[0]]
    if missing:
        raise DataError(f"{path}: not a ledger: no column {', '.join(missing)}; make it with 'fiqra ledger'")
    mistakes = [f"{path}: row {i}: {said}" for i, record in enumerate(records, 1) for said in _mistakes(record)]
    if mistakes:
        more = [f"… and {len(mistakes) - 20} more mistakes"] if len(mistakes) > 20 else []
        raise DataError("\n".join(mistakes[:20] + more))
    return [LedgerRow(**{name: record[name] for name in COLUMNS}) for record in records]


def _mistakes(record: Record) -> Iterable[str]:
    for name in COLUMNS:
        kind = int if name in _INTS else (int, float) if name in _FLOATS else str
        value = record[name]
        if not (isinstance(value, kind) or (value is None and name in _MAY_BE_NULL)):
            yield f"{name}: expected {'a number' if kind is not str else 'text'}, found {value!r}"
    quote, text, start, end = record["quote"], record["text"], record["quote_start"], record["quote_end"]
    if isinstance(text, str) and isinstance(start, int) and isinstance(end, int) and text[start:end] != quote:
        yield "quote: is not what stands at its offsets in the text; was the file changed by a spreadsheet?"


def _write_parquet(path: Path, records: Sequence[Record]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        name: pa.int32() if name in _INTS else pa.float64() if name in _FLOATS else pa.string() for name in COLUMNS
    }
    pq.write_table(pa.Table.from_pylist(list(records), schema=pa.schema(list(kinds.items()))), path, compression="zstd")


def _read_parquet(path: Path) -> list[Record]:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        records: list[Record] = pq.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    return records


def _write_csv(path: Path, records: Sequence[Record]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # with the BOM, Excel shows Arabic
        rows = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
        rows.writeheader()
        rows.writerows({name: no_formula(value) for name, value in record.items()} for record in records)


def _read_csv(path: Path) -> list[Record]:
    limit = csv.field_size_limit(sys.maxsize)  # a ledger's paragraphs are as long as they are
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{name: _parse(name, value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: can't read it as CSV in UTF-8: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _parse(name: str | None, value: Any) -> Any:
    if value == "" or value is None:
        return None
    if name in _INTS + _FLOATS:
        try:
            return int(value) if name in _INTS else float(value)
        except ValueError:
            return value  # told with its row
    return as_written(value)


def _write_sqlite(path: Path, records: Sequence[Record]) -> None:
    kinds = {name: "INTEGER" if name in _INTS else "REAL" if name in _FLOATS else "TEXT" for name in COLUMNS}
    columns = ", ".join(f"{name} {kind}{'' if name in _MAY_BE_NULL else ' NOT NULL'}" for name, kind in kinds.items())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {_TABLE} ({columns})")
        connection.execute(f"CREATE INDEX by_actor ON {_TABLE} (actor_id, topic, date)")
        marks = ", ".join(f":{name}" for name in COLUMNS)
        connection.executemany(f"INSERT INTO {_TABLE} VALUES ({marks})", records)


def _read_sqlite(path: Path) -> list[Record]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {_TABLE} ORDER BY rowid")]
    except sqlite3.Error as error:
        raise DataError(f"{path}: not a ledger: {error}; make it with 'fiqra ledger'") from error


_WRITERS: dict[str, Callable[[Path, Sequence[Record]], None]] = {
    ".parquet": _write_parquet, ".csv": _write_csv, ".sqlite": _write_sqlite
}  # fmt: skip
_READERS: dict[str, Callable[[Path], list[Record]]] = {
    ".parquet": _read_parquet, ".csv": _read_csv, ".sqlite": _read_sqlite
}  # fmt: skip
