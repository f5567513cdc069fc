"""Which paragraphs are not wholly right, how far off they are, and in what way.

The loss of a paragraph is the negative log-likelihood, in nats, of what is gold, by the tagger's calibrated
probabilities: of every topic's being there or not; of every gold position, given its topic and actor; and, for every
predicted position that is wrong, of its not being there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from ..model.records import LabelledParagraph, Position, TaggedParagraph
from .matching import LEAST_OVERLAP, is_right, match, overlap
from .metrics import StanceAnswer

KINDS = {
    "topic_missed": "a gold topic is not predicted",
    "topic_extra": "a predicted topic is not gold",
    "stance_wrong": "topic and actor are right, the stance is not",
    "actor_span": f"topic and stance are right, the actor's words overlap by less than {LEAST_OVERLAP:.0%}",
    "actor_named_for_implied": "topic and stance are right, a named actor stands for the implied holder",
    "actor_implied_for_named": "topic and stance are right, the implied holder stands for a named actor",
    "actor_missed": "a named actor's position on a topic that was found is not predicted",
    "actor_extra": "a named actor's position on a right topic is predicted that is not gold",
    "implied_missed": "the implied holder's position on a topic that was found is not predicted",
    "implied_extra": "an implied holder's position on a right topic is predicted that is not gold",
    "missed_with_topic": "a gold position is missed because its topic is",
    "extra_with_topic": "a predicted position is extra because its topic is",
}
_LEAST_PROB = 1e-6  # keeps the loss finite


@dataclass(frozen=True)
class Mistake:
    """One mistake. `gold` or `predicted` is None where that side has nothing; both are where a topic is wrong."""

    kind: str
    topic: str
    gold: Position | None = None
    predicted: Position | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "topic": self.topic,
            "gold": self.gold.to_json() if self.gold else None,
            "predicted": self.predicted.to_json() if self.predicted else None,
        }


@dataclass(frozen=True)
class WrongParagraph:
    """A paragraph that is not wholly right."""

    gold: LabelledParagraph
    tagged: TaggedParagraph
    loss: float
    mistakes: tuple[Mistake, ...]

    def to_json(self) -> dict[str, Any]:
        gold, tagged = self.gold, self.tagged
        about = {key: str(gold.extra[key]) for key in ("source", "outlet", "date", "cluster") if gold.extra.get(key)}
        return {
            "id": gold.id,
            "doc": gold.doc,
            "para": gold.para,
            **about,
            "loss": round(self.loss, 4),
            "kinds": dict(Counter(mistake.kind for mistake in self.mistakes)),
            "text": gold.text,
            "gold": {"topics": list(gold.topics), "positions": [own.to_json() for own in gold.positions]},
            "predicted": {
                "topics": list(tagged.topics),
                "topic_probs": dict(tagged.topic_probs),
                "positions": [own.to_json() for own in tagged.positions],
            },
            "mistakes": [mistake.to_json() for mistake in self.mistakes],
        }


def find_mistakes(gold: LabelledParagraph, tagged: TaggedParagraph) -> tuple[Mistake, ...]:
    """Return a paragraph's mistakes; every gold or predicted position that is not right stands in exactly one."""
    mistakes = [Mistake("topic_missed", topic) for topic in gold.topics if topic not in tagged.topics]
    mistakes += [Mistake("topic_extra", topic) for topic in tagged.topics if topic not in gold.topics]
    left, wrong = list(gold.positions), list(tagged.positions)
    for kind, fits in (("", is_right), *_NEAR_MISSES.items()):
        pairs = match(left, wrong, fits)
        if kind:
            mistakes += [Mistake(kind, left[row].topic, left[row], wrong[column]) for row, column in pairs]
        left = [own for i, own in enumerate(left) if i not in {row for row, _ in pairs}]
        wrong = [own for i, own in enumerate(wrong) if i not in {column for _, column in pairs}]
    mistakes += [Mistake(_alone(own, tagged.topics, "missed"), own.topic, gold=own) for own in left]
    mistakes += [Mistake(_alone(own, gold.topics, "extra"), own.topic, predicted=own) for own in wrong]
    return tuple(mistakes)


def _same(gold: Position, predicted: Position) -> bool:
    return gold.topic == predicted.topic and gold.stance == predicted.stance


# Tried in this order on what is left after the right ones.
_NEAR_MISSES: dict[str, Callable[[Position, Position], bool]] = {
    "stance_wrong": lambda g, p: g.topic == p.topic and overlap(g.actor, p.actor) >= LEAST_OVERLAP,
    "actor_span": lambda g, p: _same(g, p) and overlap(g.actor, p.actor) > 0,
    "actor_named_for_implied": lambda g, p: _same(g, p) and g.actor is None,
    "actor_implied_for_named": lambda g, p: _same(g, p) and p.actor is None,
}


def _alone(position: Position, other_topics: Sequence[str], what: str) -> str:
    if position.topic not in other_topics:
        return f"{what}_with_topic"
    return f"{'actor' if position.actor else 'implied'}_{what}"


def paragraph_loss(gold: LabelledParagraph, tagged: TaggedParagraph, answers: Sequence[StanceAnswer]) -> float:
    """Return the loss; `answers` are those for this paragraph's gold positions."""
    likelihoods = [prob if topic in gold.topics else 1 - prob for topic, prob in tagged.topic_probs.items()]
    likelihoods += [answer.prob for answer in answers]
    right = {column for _, column in match(gold.positions, tagged.positions, is_right)}
    likelihoods += [1 - (own.prob or 0.0) for i, own in enumerate(tagged.positions) if i not in right]
    return -sum(log(max(likelihood, _LEAST_PROB)) for likelihood in likelihoods)


def find_wrong(
    gold: Sequence[LabelledParagraph], tagged: Sequence[TaggedParagraph], stances: Sequence[StanceAnswer]
) -> list[WrongParagraph]:
    """Return the paragraphs that are not wholly right, the greatest loss first."""
    answers = defaultdict(list)
    for answer in stances:
        answers[answer.paragraph].append(answer)
    wrong = [
        WrongParagraph(record, own, paragraph_loss(record, own, answers[i]), mistakes)
        for i, (record, own) in enumerate(zip(gold, tagged, strict=True))
        if (mistakes := find_mistakes(record, own))
    ]
    return sorted(wrong, key=lambda own: -own.loss)


def count_mistakes(wrong: Sequence[WrongParagraph]) -> dict[str, Any]:
    """Return for every kind how many mistakes there are, and in how many paragraphs."""
    mistakes = Counter(mistake.kind for own in wrong for mistake in own.mistakes)
    paragraphs = Counter(kind for own in wrong for kind in {mistake.kind for mistake in own.mistakes})
    by_kind = {kind: {"mistakes": mistakes[kind], "paragraphs": paragraphs[kind]} for kind in KINDS}
    return {"n_paragraphs": len(wrong), "by_kind": by_kind}
