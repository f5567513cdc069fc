"""What is measured, defined once.

Topics. Per topic precision, recall and F1 at the tagger's threshold, average precision from its probabilities, and
support (gold paragraphs). Macro-F1 is the plain mean over every topic of the label set, micro-F1 pools all decisions,
`exact` is the share of paragraphs whose set of topics is right whole. An F1 with nothing to find and
nothing found is 0.

Positions. A predicted position is right when its topic and stance equal a gold one's and the actors match: both
implied, or intersection over union of their character spans at least 0.5; predicted and gold are matched one to one,
as many as possible. `topic_stance` is the same with actors left out of account.

Stance. Given the gold topics and the gold actors, the likeliest stance: macro-F1 of the stances over all gold
positions, the same per topic, and the mean F1 of the first two stances (favor and against).

Intervals. 95 % percentile bootstrap over documents (over stories, where records carry a `cluster`): whole documents
are drawn with replacement, so paragraphs of one document stand or fall together.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import average_precision_score

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import Actor, LabelledParagraph, Position, TaggedParagraph

Floats = npt.NDArray[np.float64]
LEAST_OVERLAP = 0.5
METRICS_VERSION = 1  # goes up with every change of a definition: figures of two versions can't be compared


@dataclass(frozen=True)
class StanceAnswer:
    """The likeliest stance for one gold position."""

    paragraph: int
    topic: str
    gold: str
    predicted: str


def overlap(a: Actor | None, b: Actor | None) -> float:
    """Return the intersection over union of two actors' characters; 1 where both are implied, 0 where one is."""
    if a is None or b is None:
        return float(a is b)
    shared = max(0, min(a.end, b.end) - max(a.start, b.start))
    return shared / ((a.end - a.start) + (b.end - b.start) - shared)


def n_matched(gold: Sequence[Position], predicted: Sequence[Position], *, actors: bool = True) -> int:
    """Return the size of the greatest one-to-one matching of right positions."""
    right = np.array(
        [
            [
                g.topic == p.topic
                and g.stance == p.stance
                and (not actors or overlap(g.actor, p.actor) >= LEAST_OVERLAP)
                for p in predicted
            ]
            for g in gold
        ],
        dtype=np.int8,
    ).reshape(len(gold), len(predicted))
    if right.size == 0 or not right.any():
        return 0
    return int((maximum_bipartite_matching(csr_array(right), perm_type="column") >= 0).sum())


def evaluate(
    gold: Sequence[LabelledParagraph],
    predicted: Sequence[TaggedParagraph],
    stances: Sequence[StanceAnswer],
    labels: LabelSet,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return every measure as {"value", "low", "high"}, in sections; see the module's docstring for what they are.

    Args:
        predicted: One for each of `gold`, in its order.
        stances: One for each gold position; empty where the gold stances were not asked for.
        n_resamples: Bootstrap resamples; 0 leaves the intervals out.

    Raises:
        DataError: `gold` is empty, or the two differ in length or text.
    """
    if not gold:
        raise DataError("nothing to evaluate on: no labelled paragraph")
    if [g.text for g in gold] != [p.text for p in predicted]:
        raise DataError("the predictions are not of the labelled paragraphs, in their order")
    counts = paragraph_counts(gold, predicted, stances, labels)
    groups = story_numbers(gold)
    by_group = {key: sum_by(groups, value) for key, value in counts.items()}
    full = measures_of({key: value.sum(axis=0) for key, value in by_group.items()}, labels)
    result: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        "labels": {"topics": list(labels.topic_ids), "stances": list(labels.stance_ids)},
        "data_sha256": data_sha256(gold),
        "n_paragraphs": len(gold),
        "n_documents": len({g.doc for g in gold}),
        "n_resampled_groups": int(groups.max()) + 1,
        "n_resamples": n_resamples,
    }
    intervals: dict[str, tuple[float, float]] = {}
    if n_resamples:
        rng = np.random.default_rng(seed)
        draws = draw_resamples(int(groups.max()) + 1, n_resamples, rng)  # (resamples, groups)
        resampled = measures_of({k: np.tensordot(draws, v, axes=1) for k, v in by_group.items()}, labels)
        intervals = {
            key: (float(np.quantile(value, 0.025)), float(np.quantile(value, 0.975)))
            for key, value in resampled.items()
        }
    for key, value in full.items():
        leaf: dict[str, float] = {"value": float(value)}
        if key in intervals:
            leaf["low"], leaf["high"] = intervals[key]
        _place(result, key, leaf)
    for k, topic in enumerate(labels.topic_ids):
        truth = counts["topic"][:, k, 0] + counts["topic"][:, k, 2]
        probs = np.array([p.topic_probs[topic] for p in predicted])
        section = result["topics"]["per_topic"][topic]
        section["support"] = int(truth.sum())
        section["average_precision"] = {"value": float(average_precision_score(truth, probs)) if truth.any() else None}
    result["positions"]["support"] = sum(len(g.positions) for g in gold)
    return result


def paragraph_counts(
    gold: Sequence[LabelledParagraph],
    predicted: Sequence[TaggedParagraph | LabelledParagraph],
    stances: Sequence[StanceAnswer],
    labels: LabelSet,
) -> dict[str, Floats]:
    """Count per paragraph: topic (N, K, [tp, fp, fn]), positions and topic_stance (N, [tp, fp, fn]), exact (N, 2),
    stance (N, K, S gold, S predicted).
    """
    n_topics, n_stances = len(labels.topics), len(labels.stances)
    topic = np.zeros((len(gold), n_topics, 3))
    positions, topic_stance = np.zeros((len(gold), 3)), np.zeros((len(gold), 3))
    exact = np.ones((len(gold), 2))
    stance = np.zeros((len(gold), n_topics, n_stances, n_stances))
    for i, (g, p) in enumerate(zip(gold, predicted, strict=True)):
        for k, name in enumerate(labels.topic_ids):
            is_gold, is_predicted = name in g.topics, name in p.topics
            topic[i, k] = (is_gold and is_predicted, is_predicted and not is_gold, is_gold and not is_predicted)
        exact[i, 0] = set(g.topics) == set(p.topics)
        for table, actors in ((positions, True), (topic_stance, False)):
            n = n_matched(g.positions, p.positions, actors=actors)
            table[i] = (n, len(p.positions) - n, len(g.positions) - n)
    for answer in stances:
        row, column = labels.stance_ids.index(answer.gold), labels.stance_ids.index(answer.predicted)
        stance[answer.paragraph, labels.topic_index(answer.topic), row, column] += 1
    return {"topic": topic, "positions": positions, "topic_stance": topic_stance, "exact": exact, "stance": stance}


def measures_of(counts: dict[str, Floats], labels: LabelSet) -> dict[str, Any]:
    """Turn summed counts into measures, by dotted key. Leading axes (resamples) are kept."""
    measures: dict[str, Any] = {}
    topic = counts["topic"]  # (..., K, 3)
    f1s = f1(topic)
    for k, name in enumerate(labels.topic_ids):
        for key, function in (("precision", precision), ("recall", recall), ("f1", f1)):
            measures[f"topics.per_topic.{name}.{key}"] = function(topic[..., k, :])
    measures["topics.macro_f1"] = f1s.mean(axis=-1)
    measures["topics.micro_f1"] = f1(topic.sum(axis=-2))
    measures["topics.exact"] = _ratio(counts["exact"][..., 0], counts["exact"][..., 1])
    for section in ("positions", "topic_stance"):
        for key, function in (("precision", precision), ("recall", recall), ("f1", f1)):
            measures[f"{section}.{key}"] = function(counts[section])
    confusion = counts["stance"]  # (..., K, S, S)
    pooled = _confusion_f1(confusion.sum(axis=-3))  # (..., S)
    if confusion.sum() > 0:
        measures["stance.macro_f1"] = pooled.mean(axis=-1)
        measures["stance.favor_against_f1"] = pooled[..., :2].mean(axis=-1)
        for s, name in enumerate(labels.stance_ids):
            measures[f"stance.per_stance.{name}.f1"] = pooled[..., s]
        per_topic = _confusion_f1(confusion)  # (..., K, S)
        for k, name in enumerate(labels.topic_ids):
            measures[f"stance.per_topic.{name}.macro_f1"] = per_topic[..., k, :].mean(axis=-1)
            measures[f"stance.per_topic.{name}.favor_against_f1"] = per_topic[..., k, :2].mean(axis=-1)
    return measures


def _ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros_like(np.asarray(whole, dtype=float)), where=np.asarray(whole) > 0)


def precision(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> precision (...); 0 where nothing was predicted."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> recall (...); 0 where there is nothing to find."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> F1 (...)."""
    return _ratio(2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def _confusion_f1(confusion: Floats) -> Floats:
    """Confusion (..., gold, predicted) -> F1 of each class (..., S)."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return f1(np.stack([hit, confusion.sum(axis=-2) - hit, confusion.sum(axis=-1) - hit], axis=-1))  # type: ignore[no-any-return]


def story_numbers(gold: Sequence[LabelledParagraph]) -> npt.NDArray[np.intp]:
    """Return for each paragraph the number of the story (or document) it belongs to."""
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    return np.array([numbers[str(g.extra.get("cluster") or f"doc:{g.doc}")] for g in gold], dtype=np.intp)


def data_sha256(gold: Sequence[LabelledParagraph]) -> str:
    """Return a digest of what is measured on: ids, texts, labels, documents and stories; files in whatever order."""
    return hashlib.sha256("\n".join(sorted(map(_identity, gold))).encode()).hexdigest()


def _identity(gold: LabelledParagraph) -> str:
    positions = [(p.topic, p.stance, p.actor and (p.actor.start, p.actor.end)) for p in gold.positions]
    return json.dumps([gold.id, gold.doc, gold.extra.get("cluster"), gold.text, sorted(gold.topics), positions])


def sum_by(groups: npt.NDArray[np.intp], values: Floats) -> Floats:
    summed = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(summed, groups, values)
    return summed


def draw_resamples(n_groups: int, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Return how often each bootstrap resample holds each group (resamples, groups)."""
    return rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples).astype(float)


def _place(result: dict[str, Any], key: str, leaf: dict[str, float]) -> None:
    *sections, last = key.split(".")
    for section in sections:
        result = result.setdefault(section, {})
    result[last] = leaf
