"""Articles, labelled and tagged paragraphs, and their JSON form.

Every `start` and `end` counts characters of the paragraph's own text, so that `text[start:end]` is what is quoted.
"""

import re
from collections.abc import Iterable, Mapping
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
    """A line of the page that the article stood on, which is no part of it: a share button, a bare date …

    `before` is the index of the paragraph that it stood before, or the number of paragraphs where it stood last.
    """

    kind: str
    text: str
    before: int = 0


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

    @classmethod
    def from_json(cls, record: object, labels: LabelSet) -> "TaggedParagraph":
        """Check a record and build from it. Raises `DataError` as `LabelledParagraph.from_json` does."""
        record = _check_keys(record, {"article": str, "para": int, "tagger": str, "topic_probs": dict})
        topics, positions = _read_labels(record, labels, (*_POSITION_KEYS, "prob"))
        probs = record["topic_probs"]
        if missing := [topic for topic in labels.topic_ids if not isinstance(probs.get(topic), int | float)]:
            raise DataError(f"topic_probs: no probability of {', '.join(missing)}")
        as_they_are: dict[str, Any] = {
            key: record.get(key) for key in ("article", "para", "text", "tagger", "date", "outlet")
        }
        return cls(**as_they_are, topics=topics, topic_probs=probs, positions=positions)

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
        """Check a record and build from it.

        An actor is written as its words, and then stands at their first mention in the text, or as
        {"text", "start", "end"} where another mention is meant.

        Raises:
            DataError: with one line per mistake, each naming the key, what was found and what was expected.
        """
        record = _check_keys(record, {"id": str, "doc": str, "para": int})
        topics, positions = _read_labels(record, labels, _POSITION_KEYS)
        extra = {key: value for key, value in record.items() if key not in _KEYS}
        return cls(record["id"], record["doc"], record["para"], record["text"], topics, positions, extra)

    def to_json(self) -> dict[str, Any]:
        """Return the record that `from_json` reads."""
        positions = [
            {"actor": _write_actor(position.actor, self.text), "topic": position.topic, "stance": position.stance}
            for position in self.positions
        ]
        own = {"id": self.id, "doc": self.doc, "para": self.para, "text": self.text}
        return {**own, "topics": list(self.topics), "positions": positions, **self.extra}


_KEYS = ("id", "doc", "para", "text", "topics", "positions")
_POSITION_KEYS = ("actor", "topic", "stance")
_KINDS = {str: "str", int: "int", list: "a list", dict: "a mapping"}


def _check_keys(record: object, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Return the record; raise where a key is missing or wrong, be it of `kinds` or one that all paragraphs have."""
    if not isinstance(record, dict):
        raise DataError(f"expected a JSON object, found {type(record).__name__}")
    kinds = {**kinds, "text": str, "topics": list, "positions": list}
    errors = []
    for key, kind in kinds.items():
        if key not in record:
            errors.append(f"key {key!r} is missing{did_you_mean(key, [k for k in record if k not in kinds])}")
        elif not isinstance(record[key], kind) or isinstance(record[key], bool):
            errors.append(f"{key}: expected {_KINDS[kind]}, found {record[key]!r}")
    if errors:
        raise DataError("\n".join(errors))
    return record


def _read_labels(
    record: Mapping[str, Any], labels: LabelSet, position_keys: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Position, ...]]:
    """Return the topics and positions of a record that `_check_keys` let pass."""
    errors = [] if record["text"].strip() else ["text: is empty"]
    topics = tuple(str(topic) for topic in record["topics"])
    errors += [f"topics: {topic!r} stands twice" for topic in dict.fromkeys(topics) if topics.count(topic) > 1]
    errors += [
        f"unknown topic {topic!r}{did_you_mean(topic, labels.topic_ids)}"
        for topic in dict.fromkeys(topics)
        if topic not in labels.topic_ids
    ]
    positions = []
    for i, entry in enumerate(record["positions"]):
        at = f"positions[{i}]"
        if not isinstance(entry, dict):
            errors.append(f"{at}: expected a mapping with actor, topic and stance, found {entry!r}")
            continue
        errors += _unknown_keys(entry, position_keys, at)
        positions.append(_read_position(entry, at, record["text"], topics, labels, errors))
    if errors:
        raise DataError("\n".join(errors))
    return topics, tuple(positions)


def _read_position(
    entry: Mapping[str, Any], at: str, text: str, topics: tuple[str, ...], labels: LabelSet, errors: list[str]
) -> Position:
    topic, stance, prob = entry.get("topic"), entry.get("stance"), entry.get("prob")
    if topic not in labels.topic_ids:
        errors.append(f"{at}.topic: unknown topic {topic!r}{did_you_mean(str(topic), labels.topic_ids)}")
    elif topic not in topics:
        errors.append(f"{at}.topic: {topic!r} is not among the paragraph's topics {list(topics)}")
    if stance not in labels.stance_ids:
        errors.append(f"{at}.stance: unknown stance {stance!r}{did_you_mean(str(stance), labels.stance_ids)}")
    if "actor" not in entry:
        errors.append(f"{at}.actor: is missing; write null where the holder is implied")
    if prob is not None and not isinstance(prob, int | float):
        errors.append(f"{at}.prob: expected a number or null, found {prob!r}")
    return Position(_read_actor(entry.get("actor"), f"{at}.actor", text, errors), str(topic), str(stance), prob)


def _unknown_keys(entry: Mapping[str, Any], known: Iterable[str], at: str) -> list[str]:
    return [f"{at}.{key}: unknown key{did_you_mean(str(key), known)}" for key in entry if key not in known]


def _read_actor(entry: object, at: str, text: str, errors: list[str]) -> Actor | None:
    if entry is None:
        return None
    if isinstance(entry, dict):
        return _read_mention(entry, at, text, errors)
    if not isinstance(entry, str) or not entry.strip():
        errors.append(f"{at}: expected a non-empty string or null, found {entry!r}")
    elif entry not in text:
        errors.append(f"{at}: {entry!r} does not stand in the text letter for letter")
    else:
        start = _first_mention(entry, text)
        return Actor(entry, start, start + len(entry))
    return None


def _read_mention(entry: Mapping[str, Any], at: str, text: str, errors: list[str]) -> Actor | None:
    quote, start, end = entry.get("text"), entry.get("start"), entry.get("end")
    errors += _unknown_keys(entry, ("text", "start", "end"), at)
    if not isinstance(quote, str) or not quote.strip() or type(start) is not int or type(end) is not int:
        errors.append(f"{at}: expected text, start and end, found {entry!r}")
    elif not 0 <= start < end <= len(text):
        errors.append(f"{at}: expected 0 <= start < end <= {len(text)}, the text's length, found {start} and {end}")
    elif text[start:end] != quote:
        errors.append(f"{at}: characters {start} to {end} of the text are {text[start:end]!r}, not {quote!r}")
    else:
        return Actor(quote, start, end)
    return None


def _first_mention(actor: str, text: str) -> int:
    """Return where an actor first stands as the end of a word ("Algeria", not in "Algerian"), else where at all."""
    whole = re.search(re.escape(actor) + r"(?!\w)", text)
    return whole.start() if whole else text.index(actor)


def _write_actor(actor: Actor | None, text: str) -> str | dict[str, Any] | None:
    if actor is None:
        return None
    if actor.start == _first_mention(actor.text, text):
        return actor.text
    return {"text": actor.text, "start": actor.start, "end": actor.end}
