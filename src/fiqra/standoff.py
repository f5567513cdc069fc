"""Labels kept apart from texts that may not be passed on, and joined to them again where somebody has the texts.

A stand-off record names its paragraph by `doc` and `para`, its text by the SHA-256 of its UTF-8 bytes, and its actors
by offsets alone: no word of the text is in it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model.errors import DataError
from .model.labels import LabelSet
from .model.records import LabelledParagraph
from .training.labelled import read_all, read_lines

_TEXT_KEYS = {"doc": str, "para": int, "text": str}
_KEPT = ("source", "outlet", "date", "cluster")  # keys that only say where a paragraph comes from


@dataclass(frozen=True)
class Joined:
    """Labelled paragraphs in the order of their labels, and the ids of those whose text was not found."""

    records: list[LabelledParagraph]
    missing: list[str]


def strip(record: LabelledParagraph) -> dict[str, Any]:
    """Return a record's labels without its text."""
    positions = [
        {
            "actor": [position.actor.start, position.actor.end] if position.actor else None,
            "topic": position.topic,
            "stance": position.stance,
        }
        for position in record.positions
    ]
    kept = {key: record.extra[key] for key in _KEPT if key in record.extra}
    own = {"id": record.id, "doc": record.doc, "para": record.para, "sha256": _digest(record.text)}
    return {**own, "topics": list(record.topics), "positions": positions, **kept}


def join(labels_file: Path, text_files: Sequence[Path], labels: LabelSet) -> Joined:
    """Join stand-off labels to texts: JSON lines with `doc`, `para` and `text`, labelled or not.

    Raises:
        DataError: a file can't be read, a record is wrong, or a paragraph's text is not the one that was labelled.
    """
    texts: dict[tuple[str, int], str] = {}
    for path in text_files:
        for _, (doc, para, own) in read_all(path, _text_of):
            texts[doc, para] = own
    records: list[LabelledParagraph] = []
    missing: list[str] = []
    mistakes: list[str] = []
    for line, found in read_lines(labels_file, _standoff_of):
        if isinstance(found, DataError):
            mistakes.append(f"{labels_file}:{line}: {found}")
            continue
        place = (found["doc"], found["para"])
        if place not in texts:
            missing.append(found["id"])
        elif _digest(texts[place]) != found["sha256"]:
            mistakes.append(
                f"{labels_file}:{line}: the text found for {found['doc']!r}, paragraph {found['para']}, is not the one "
                "that was labelled; take the edition of the texts that the labels were made on"
            )
        else:
            try:
                records.append(_join_one(found, texts[place], labels))
            except DataError as error:
                mistakes += [f"{labels_file}:{line}: {message}" for message in str(error).split("\n")]
    if mistakes:
        raise DataError("\n".join(mistakes))
    if not records:
        raise DataError(f"{labels_file}: none of its {len(missing)} paragraphs is in the texts given")
    return Joined(records, missing)


def _join_one(found: dict[str, Any], text: str, labels: LabelSet) -> LabelledParagraph:
    def quote(span: object) -> object:
        if not isinstance(span, list) or len(span) != 2 or not all(type(place) is int for place in span):
            return span  # null, or for the record's own check to refuse
        start, end = span
        return {"text": text[start:end], "start": start, "end": end}

    positions = [{**position, "actor": quote(position.get("actor"))} for position in found["positions"]]
    record = {**found, "text": text, "positions": positions}
    del record["sha256"]
    return LabelledParagraph.from_json(record, labels)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _text_of(content: object) -> tuple[str, int, str]:
    content = _checked(content, _TEXT_KEYS)
    return content["doc"], content["para"], content["text"]


def _standoff_of(content: object) -> dict[str, Any]:
    content = _checked(content, {"id": str, "doc": str, "para": int, "sha256": str, "positions": list})
    if not all(isinstance(position, dict) for position in content["positions"]):
        raise DataError("positions: expected mappings with actor, topic and stance")
    return content


def _checked(content: object, kinds: dict[str, type]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise DataError(f"expected a JSON object, found {type(content).__name__}")
    for key, kind in kinds.items():
        if type(content.get(key)) is not kind:
            raise DataError(f"{key}: expected {kind.__name__}, found {content.get(key)!r}")
    return content
