"""The folder where converted encoders and exported networks are kept."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from .errors import TaggerError


def cache_folder() -> Path:
    given = os.environ.get("FIQRA_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fiqra"


def convert_once(folder: Path, what: str, write: Callable[[Path], object], *, proof: Path, else_do: str = "") -> None:
    """Have `write` fill a scratch folder, and put it in place as `folder`, whole.

    Args:
        proof: What stands there once the folder is whole: another process may have put the same one in place first.
        else_do: What the user may do where the cache can't be written, besides setting FIQRA_CACHE.

    Raises:
        TaggerError: the cache can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name.partition('-')[0]}-", dir=folder.parent))
    except OSError as error:
        raise TaggerError(
            f"can't write the converted {what} to {folder.parent}: {error.strerror}; "
            f"set FIQRA_CACHE to a folder that can be written{else_do}"
        ) from error
    try:
        write(scratch)
        os.replace(scratch, folder)
    except OSError:
        if not proof.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
