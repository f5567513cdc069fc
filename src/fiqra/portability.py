"""How far another backend or precision changes what a tagger says of the same paragraphs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .model.records import TaggedParagraph

ALLOWED = 0.005  # share of paragraphs whose topics or positions may change before an export fails


@dataclass(frozen=True)
class Change:
    """Shares of paragraphs (0 to 1) that changed, and how far topic probabilities moved (0 to 1)."""

    n_paragraphs: int
    topics_changed: float
    positions_changed: float
    changed: float
    prob_largest: float
    prob_mean: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(before: Sequence[TaggedParagraph], after: Sequence[TaggedParagraph]) -> Change:
    """Compare two taggings of the same paragraphs. A position is its actor's place, topic and stance.

    Raises:
        ValueError: there is nothing to compare, or the paragraphs differ.
    """
    if not before or [t.text for t in before] != [t.text for t in after]:
        raise ValueError("expected two taggings of the same paragraphs, at least one")
    pairs = list(zip(before, after, strict=True))
    topics = np.array([set(a.topics) != set(b.topics) for a, b in pairs])
    positions = np.array([_positions(a) != _positions(b) for a, b in pairs])
    moved = np.array([[abs(a.topic_probs[topic] - b.topic_probs[topic]) for topic in a.topic_probs] for a, b in pairs])
    return Change(
        n_paragraphs=len(pairs),
        topics_changed=float(topics.mean()),
        positions_changed=float(positions.mean()),
        changed=float((topics | positions).mean()),
        prob_largest=float(moved.max()),
        prob_mean=float(moved.mean()),
    )


def _positions(paragraph: TaggedParagraph) -> set[tuple[object, ...]]:
    return {
        (position.actor and (position.actor.start, position.actor.end), position.topic, position.stance)
        for position in paragraph.positions
    }


HEADINGS = ("", "paragraphs", "topics changed", "positions changed", "either", "probability: largest", "mean")


def change_row(name: str, change: Change) -> tuple[str, ...]:
    """Return the cells of a table under `HEADINGS`."""
    shares = [f"{100 * share:.2f} %" for share in (change.topics_changed, change.positions_changed, change.changed)]
    return (name, str(change.n_paragraphs), *shares, f"{change.prob_largest:.1e}", f"{change.prob_mean:.1e}")
