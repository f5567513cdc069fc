"""The label set: topics and stances, their order, names and definitions, read from one YAML file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import DataError, did_you_mean
from .yaml_files import read_yaml

_SHIPPED = Path(__file__).parent / "released/fiqra-mini/config.json"


@dataclass(frozen=True)
class Label:
    """One topic or stance. `name` maps a language code to the name shown to people."""

    id: str
    name: dict[str, str]
    definition: str
    target: str = ""


@dataclass(frozen=True)
class LabelSet:
    """Topics and stances in column order. "No position" is not a stance: it is column 0 of the stance head."""

    topics: tuple[Label, ...]
    stances: tuple[Label, ...]
    version: str = "1"

    @property
    def topic_ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.topics)

    @property
    def stance_ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.stances)

    def topic_index(self, topic: str) -> int:
        return self.topic_ids.index(topic)

    def stance_column(self, stance: str) -> int:
        """Return the stance's column in the stance head, where 0 is "no position"."""
        return self.stance_ids.index(stance) + 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def shipped(cls) -> "LabelSet":
        """Return the label set of the shipped tagger, which is that of `configs/labels.yaml`."""
        return cls.from_json(json.loads(_SHIPPED.read_text(encoding="utf-8"))["labels"], where=str(_SHIPPED))

    @classmethod
    def from_yaml(cls, path: str | Path) -> "LabelSet":
        """Read a label set file.

        Raises:
            DataError: naming the file and every key that is missing, unknown or of the wrong form.
        """
        path = Path(path)
        return cls.from_json(read_yaml(path, "the label set"), where=str(path))

    @classmethod
    def from_json(cls, content: object, where: str = "label set") -> "LabelSet":
        """Build from the mapping that `to_json` gives. Raises `DataError` as `from_yaml` does."""
        if not isinstance(content, dict):
            raise DataError(f"{where}: expected a mapping with 'topics' and 'stances', found {type(content).__name__}")
        errors = [
            f"unknown key {key!r}{did_you_mean(str(key), ['topics', 'stances', 'version'])}"
            for key in content
            if key not in ("topics", "stances", "version")
        ]
        labels = {kind: _read_labels(content.get(kind), kind, errors) for kind in ("topics", "stances")}
        if errors:
            raise DataError("\n".join(f"{where}: {error}" for error in errors))
        return cls(labels["topics"], labels["stances"], str(content.get("version", "1")))


def _read_labels(entries: object, kind: str, errors: list[str]) -> tuple[Label, ...]:
    if not isinstance(entries, list | tuple) or not entries:
        errors.append(f"{kind}: expected a list with at least one entry, found {entries!r}")
        return ()
    labels: list[Label] = []
    for i, entry in enumerate(entries):
        at = f"{kind}[{i}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"].strip():
            errors.append(f"{at}: expected a mapping with an 'id', found {entry!r}")
            continue
        known = ("id", "name", "definition", "target")
        errors += [f"{at}.{key}: unknown key{did_you_mean(str(key), known)}" for key in entry if key not in known]
        if entry["id"] in [label.id for label in labels]:
            errors.append(f"{at}.id: {entry['id']!r} stands twice")
        name = entry.get("name", entry["id"])
        names = {str(k): str(v) for k, v in name.items()} if isinstance(name, dict) else {"en": str(name)}
        labels.append(Label(entry["id"], names, str(entry.get("definition", "")), str(entry.get("target", ""))))
    return tuple(labels)
