"""Articles, labelled and tagged paragraphs, and their JSON form.

Every `start` and `end` counts characters of the paragraph's own text, so that `text[start:end]` is what is quoted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import DataError, did_you_mean
from .labels import LabelSet


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of an article. `index` is its place among the paragraphs that were kept."""

    index: int
    text: str


@dataclass(frozen=True)
class Remnant:
    """A line of the page that the article stood on, which is no part of it: a share button, a bare date …"""

    kind: str
    text: str


@dataclass(frozen=True)
class Article:
    """An article as read: its paragraphs, and the remnants of a web page that were left out of them."""

    id: str
    paragraphs: tuple[Paragraph, ...]
    title: str | None = None
    date: str | None = None
    outlet: str | None = None
    remnants: tuple[Remnant, ...] = ()


@dataclass(frozen=True)
class Actor:
    """Who holds a position, as quoted: `text` is the paragraph's characters from `start` to `end`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Position:
    """An actor's stance on a topic. `actor` is None where the holder is implied; gold positions have no `prob`."""

    actor: Actor | None
    topic: str
    stance: str
    prob: float | None = None

    def to_json(self) -> dict[str, Any]:
        actor = None
        if self.actor is not None:
            actor = {"text": self.actor.text, "start": self.actor.start, "end": self.actor.end}
        return {"actor": actor, "topic": self.topic, "stance": self.stance, "prob": self.prob}


@dataclass(frozen=True)
class TaggedParagraph:
    """What a tagger says of one paragraph. `topic_probs` holds every topic of the label set, calibrated."""

    article: str
    para: int
    text: str
    topics: tuple[str, ...]
    topic_probs: Mapping[str, float]
    positions: tuple[Position, ...]
    tagger: str
    date: str | None = None
    outlet: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "article": self.article,
            "para": self.para,
            "text": self.text,
            "date": self.date,
            "outlet": self.outlet,
            "topics": list(self.topics),
            "topic_probs": dict(self.topic_probs),
            "positions": [position.to_json() for position in self.positions],
            "tagger": self.tagger,
        }


@dataclass(frozen=True)
class LabelledParagraph:
    """A paragraph with gold labels. `extra` keeps the record's other keys (source, outlet, date, cluster …)."""

    id: str
    doc: str
    para: int
    text: str
    topics: tuple[str, ...]
    positions: tuple[Position, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, record: object, labels: LabelSet) -> "LabelledParagraph":
        """Check a record and build from it; an actor stands at its first mention in the text.

        Raises:
            DataError: with one line per mistake, each naming the key, what was found and what was expected.
        """
        if not isinstance(record, dict):
            raise DataError(f"expected a JSON object, found {type(record).__name__}")
        errors: list[str] = []
        for key, kind in (("id", str), ("doc", str), ("para", int), ("text", str), ("topics", list)):
            if key not in record:
                errors.append(f"key {key!r} is missing{did_you_mean(key, [k for k in record if k not in _KEYS])}")
            elif not isinstance(record[key], kind) or isinstance(record[key], bool):
                errors.append(f"{key}: expected {kind.__name__}, found {record[key]!r}")
        if not isinstance(record.get("positions"), list):
            errors.append(f"positions: expected a list, found {record.get('positions')!r}")
        if errors:
            raise DataError("\n".join(errors))
        if not record["text"].strip():
            errors.append("text: is empty")
        topics = tuple(dict.fromkeys(str(topic) for topic in record["topics"]))
        errors += [
            f"unknown topic {topic!r}{did_you_mean(topic, labels.topic_ids)}"
            for topic in topics
            if topic not in labels.topic_ids
        ]
        positions = tuple(
            position
            for i, entry in enumerate(record["positions"])
            if (position := _read_position(entry, f"positions[{i}]", record["text"], topics, labels, errors))
        )
        if errors:
            raise DataError("\n".join(errors))
        extra = {key: value for key, value in record.items() if key not in _KEYS}
        return cls(record["id"], record["doc"], record["para"], record["text"], topics, positions, extra)


_KEYS = ("id", "doc", "para", "text", "topics", "positions")


def _read_position(
    entry: object, at: str, text: str, topics: tuple[str, ...], labels: LabelSet, errors: list[str]
) -> Position | None:
    if not isinstance(entry, dict):
        errors.append(f"{at}: expected a mapping with actor, topic and stance, found {entry!r}")
        return None
    before = len(errors)
    topic, stance, actor = entry.get("topic"), entry.get("stance"), entry.get("actor")
    if topic not in labels.topic_ids:
        errors.append(f"{at}.topic: unknown topic {topic!r}{did_you_mean(str(topic), labels.topic_ids)}")
    elif topic not in topics:
        errors.append(f"{at}.topic: {topic!r} is not among the paragraph's topics {list(topics)}")
    if stance not in labels.stance_ids:
        errors.append(f"{at}.stance: unknown stance {stance!r}{did_you_mean(str(stance), labels.stance_ids)}")
    if "actor" not in entry:
        errors.append(f"{at}.actor: is missing; write null where the holder is implied")
    elif actor is not None and (not isinstance(actor, str) or not actor.strip()):
        errors.append(f"{at}.actor: expected a non-empty string or null, found {actor!r}")
    elif actor is not None and actor not in text:
        errors.append(f"{at}.actor: {actor!r} does not stand in the text letter for letter")
    if len(errors) > before:
        return None
    span = None
    if actor is not None:
        start = text.index(actor)
        span = Actor(actor, start, start + len(actor))
    return Position(span, str(topic), str(stance))
