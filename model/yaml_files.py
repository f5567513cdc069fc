"""YAML files that users write: what stands in them, or why they can't be read."""

from pathlib import Path

import yaml

from .errors import DataError, FiqraError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads the register of actors ten times faster


def read_yaml(path: Path, what: str, error: type[FiqraError] = DataError) -> object:
    """Return what a YAML file holds; `what` names it in the error where it can't be read.

    Raises:
        FiqraError: of the class `error`, naming the file.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except OSError as problem:
        raise error(f"{path}: can't read {what}: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise error(f"{path}: not a YAML file: {problem}") from problem
