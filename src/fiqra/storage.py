"""Files by path or address: on this disk, or on any filesystem that pyarrow or fsspec knows (s3://, gs://, hdfs://)."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .files import fsynced, whole_file
from .model.errors import DataError

_OBJECT_STORES = ("s3", "gcs", "abfs")  # they show an object once it is closed, and move it by copying


def is_remote(path: str) -> bool:
    return "://" in path


def filesystem(address: str) -> tuple[Any, str]:
    """Return the pyarrow filesystem of an address and the path in it.

    Raises:
        DataError: neither pyarrow nor fsspec knows such an address, or the package for it is not installed.
    """
    import pyarrow
    from pyarrow import fs

    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(address)
        return found
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        import fsspec

        try:
            own, path = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError) as second:
            raise DataError(f"{address}: can't reach it: {error}; {second}") from second
        return fs.PyFileSystem(fs.FSSpecHandler(own)), path


def open_input(path: str) -> IO[bytes]:
    """Open a file for reading; it can seek."""
    if not is_remote(path):
        return Path(path).open("rb")
    import pyarrow

    system, inside = filesystem(path)
    try:
        return io.BufferedReader(system.open_input_file(inside))  # pyarrow's own files don't read by lines
    except pyarrow.ArrowException as error:
        raise OSError(errno.EIO, str(error)) from error


def list_remote(address: str) -> list[tuple[str, str]]:
    """Return the files at an address, in order: for each its own address and its name below the one given."""
    from pyarrow import fs

    system, path = filesystem(address)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise DataError(f"{address}: no such file or folder")
    if info.type == fs.FileType.File:
        return [(address, PurePosixPath(path).name)]
    files = [f for f in system.get_file_info(fs.FileSelector(path, recursive=True)) if f.type == fs.FileType.File]
    names = sorted(str(PurePosixPath(f.path).relative_to(path)) for f in files)
    return [(f"{address.rstrip('/')}/{name}", name) for name in names]


class Storage:
    """A folder, here or remote, in which files appear whole.

    Raises:
        DataError: it can't be made or written to.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") or "/"
        self._remote = filesystem(self.root) if is_remote(root) else None

    def make_folder(self, name: str) -> None:
        try:
            if self._remote:
                system, path = self._remote
                system.create_dir(f"{path}/{name}")
            else:
                (Path(self.root) / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.root}: can't make a folder there: {error.strerror or error}") from error

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in a folder of this one."""
        if self._remote:
            from pyarrow import fs

            system, path = self._remote
            return {
                f.base_name for f in system.get_file_info(fs.FileSelector(f"{path}/{folder}", allow_not_found=True))
            }
        place = Path(self.root) / folder
        return {path.name for path in place.iterdir()} if place.is_dir() else set()

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        try:
            with open_input(f"{self.root}/{name}") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: a reader, and a run after a crash or a power cut, finds all of it or none.

        Raises:
            DataError: it can't be written; nothing of it is left.
        """
        try:
            if self._remote:
                system, inside = self._remote
                place = f"{inside}/{name}"
                whole_only = system.type_name in _OBJECT_STORES
                with system.open_output_stream(place if whole_only else f"{place}.half") as stream:
                    stream.write(content)
                if not whole_only:
                    system.move(f"{place}.half", place)
            else:
                path = Path(self.root) / name
                with whole_file(path) as scratch:
                    scratch.write_bytes(content)
                    fsynced(scratch)
                fsynced(path.parent)
        except OSError as error:
            raise DataError(f"{self.root}/{name}: can't write it: {error.strerror or error}") from error

    def sweep(self) -> None:
        """Remove what a killed run left half-written, here and one folder down."""
        if not self._remote:
            for pattern in (".*-*", "*/.*-*"):
                for path in Path(self.root).glob(pattern):
                    path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of a folder on this disk; a killed run's hold ends with it.

        Raises:
            DataError: another run works there, or the folder can't be written to.
        """
        if self._remote or os.name != "posix":
            yield
            return
        import fcntl

        try:
            handle = os.open(Path(self.root) / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise DataError(f"{self.root}: can't write there: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise DataError(f"{self.root}: another run of 'fiqra predict' is writing there") from None
        finally:
            os.close(handle)
