"""Files written whole: beside their place first, then moved into it, so that a broken run leaves no half of one."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .model.errors import DataError


def check_place(path: Path) -> None:
    """Raise `DataError` where no file could be written at `path`."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise DataError(f"{path}: no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path}: can't write in the folder {path.parent}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; what stands there is moved to `path` when the block ends well."""
    handle, scratch_name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    scratch = Path(scratch_name)
    try:
        yield scratch
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o666 & ~umask)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def fsynced(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on: a power cut then takes nothing of it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write records to `path` as JSON lines, whole or not at all."""
    write_whole(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")
