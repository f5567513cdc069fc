"""What is measured, defined once.

Topics. Per topic precision, recall and F1 at the tagger's threshold, average precision from its probabilities, and
support (gold paragraphs). Macro-F1 is the plain mean over every topic of the label set, micro-F1 pools all decisions,
`exact` is the share of paragraphs whose set of topics is right whole. An F1 with nothing to find and
nothing found is 0.

Positions. A predicted position is right when its topic and stance equal a gold one's and the actors match: both
implied, or intersection over union of their character spans at least 0.5; predicted and gold are matched one to one,
as many as possible. `per_topic` has each topic and stance apart. `topic_stance` is the same with actors left out of
account.

Stance. Given the gold topics and the gold actors, the likeliest stance: macro-F1 of the stances over all gold
positions, the same per topic, and the mean F1 of the first two stances (favor and against).

Intervals. 95 % percentile bootstrap over documents (over stories, where records carry a `cluster`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from .bootstrap import Bootstrap, Floats, Key, interval
from .matching import is_right, match, n_matched

METRICS_VERSION = 1  # goes up with every change of a definition: figures of two versions can't be compared


@dataclass(frozen=True)
class StanceAnswer:
    """The likeliest stance for one gold position, given its topic and actor.

    `logits` are those of {no position, stances}; `prob` is the calibrated probability of the gold position: that its
    words are an actor, times that this actor's stance is the gold one.
    """

    paragraph: int
    topic: str
    gold: str
    predicted: str
    logits: tuple[float, ...] = ()
    prob: float = 1.0


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
    counts = paragraph_counts(gold, predicted, labels) | {"stance": stance_counts(len(gold), stances, labels)}
    bootstrap = Bootstrap(gold, n_resamples=n_resamples, seed=seed)
    result: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        "labels": {"topics": list(labels.topic_ids), "stances": list(labels.stance_ids)},
        "data_sha256": data_sha256(gold),
        "n_paragraphs": len(gold),
        "n_documents": len({g.doc for g in gold}),
        "n_resampled_groups": bootstrap.n_groups,
        "n_resamples": n_resamples,
    }
    for key, leaf in bootstrap.leaves(counts, lambda summed: measures_of(summed, labels)).items():
        _place(result, key, leaf)
    for k, topic in enumerate(labels.topic_ids):
        truth = np.array([topic in g.topics for g in gold])
        probs = np.array([p.topic_probs[topic] for p in predicted])
        section = result["topics"]["per_topic"][topic]
        section["support"] = int(truth.sum())
        section["average_precision"] = _average_precision_leaf(truth, probs, bootstrap)
        for s, stance in enumerate(labels.stance_ids):
            right, extra, missed = counts["position"][:, k, s].sum(axis=0)
            cell = result["positions"]["per_topic"][topic][stance]
            cell["support"], cell["n_predicted"] = int(right + missed), int(right + extra)
    if "stance" in result:
        confusion = counts["stance"].sum(axis=0)  # (K, S gold, S predicted)
        for k, topic in enumerate(labels.topic_ids):
            result["stance"]["per_topic"][topic]["support"] = int(confusion[k].sum())
        for s, stance in enumerate(labels.stance_ids):
            result["stance"]["per_stance"][stance]["support"] = int(confusion[:, s].sum())
    result["topics"]["without_example"] = [t for t, own in result["topics"]["per_topic"].items() if not own["support"]]
    result["positions"]["support"] = sum(len(g.positions) for g in gold)
    return result


def data_sha256(gold: Sequence[LabelledParagraph]) -> str:
    """Return a digest of what is measured on: ids, texts, labels, documents and stories; files in whatever order."""
    return hashlib.sha256("\n".join(sorted(map(_identity, gold))).encode()).hexdigest()


def _identity(gold: LabelledParagraph) -> str:
    positions = [(p.topic, p.stance, p.actor and (p.actor.start, p.actor.end)) for p in gold.positions]
    return json.dumps([gold.id, gold.doc, gold.extra.get("cluster"), gold.text, sorted(gold.topics), positions])


def paragraph_counts(
    gold: Sequence[LabelledParagraph], predicted: Sequence[TaggedParagraph | LabelledParagraph], labels: LabelSet
) -> dict[str, Floats]:
    """Count per paragraph: topic (N, K, [tp, fp, fn]), position (N, K, S, [tp, fp, fn]),
    topic_stance (N, [tp, fp, fn]), exact (N, [right, 1]).

    A right position has its gold one's topic and stance, so the greatest matching is one within each cell.
    """
    n_topics, n_stances = len(labels.topics), len(labels.stances)
    topic = np.zeros((len(gold), n_topics, 3))
    position = np.zeros((len(gold), n_topics, n_stances, 3))
    topic_stance = np.zeros((len(gold), 3))
    exact = np.ones((len(gold), 2))
    for i, (g, p) in enumerate(zip(gold, predicted, strict=True)):
        for k, name in enumerate(labels.topic_ids):
            is_gold, is_predicted = name in g.topics, name in p.topics
            topic[i, k] = (is_gold and is_predicted, is_predicted and not is_gold, is_gold and not is_predicted)
        exact[i, 0] = set(g.topics) == set(p.topics)
        right = match(g.positions, p.positions, is_right)
        for own, change in (
            *((own, (0, 1, 0)) for own in p.positions),
            *((own, (0, 0, 1)) for own in g.positions),
            *((g.positions[row], (1, -1, -1)) for row, _ in right),
        ):
            position[i, labels.topic_index(own.topic), labels.stance_ids.index(own.stance)] += change
        n = n_matched(g.positions, p.positions, actors=False)
        topic_stance[i] = (n, len(p.positions) - n, len(g.positions) - n)
    return {"topic": topic, "position": position, "topic_stance": topic_stance, "exact": exact}


def stance_counts(n_paragraphs: int, stances: Sequence[StanceAnswer], labels: LabelSet) -> Floats:
    """Return how often each gold stance was answered by each (N, K, S gold, S predicted)."""
    counts = np.zeros((n_paragraphs, len(labels.topics), len(labels.stances), len(labels.stances)))
    for answer in stances:
        row, column = labels.stance_ids.index(answer.gold), labels.stance_ids.index(answer.predicted)
        counts[answer.paragraph, labels.topic_index(answer.topic), row, column] += 1
    return counts


def measures_of(counts: dict[str, Floats], labels: LabelSet) -> dict[Key, Any]:
    """Turn summed counts into measures, by their path in the result. Leading axes (resamples) are kept."""
    measures: dict[Key, Any] = {}
    topic = counts["topic"]  # (..., K, 3)
    f1s = f1(topic)
    for k, name in enumerate(labels.topic_ids):
        for key, function in (("precision", precision), ("recall", recall), ("f1", f1)):
            measures["topics", "per_topic", name, key] = function(topic[..., k, :])
    measures["topics", "macro_f1"] = f1s.mean(axis=-1)
    measures["topics", "micro_f1"] = f1(topic.sum(axis=-2))
    measures["topics", "exact"] = ratio(counts["exact"][..., 0], counts["exact"][..., 1])
    position = counts["position"]  # (..., K, S, 3)
    for key, function in (("precision", precision), ("recall", recall), ("f1", f1)):
        measures["positions", key] = function(position.sum(axis=(-3, -2)))
        measures["topic_stance", key] = function(counts["topic_stance"])
        for k, topic_id in enumerate(labels.topic_ids):
            for s, stance_id in enumerate(labels.stance_ids):
                measures["positions", "per_topic", topic_id, stance_id, key] = function(position[..., k, s, :])
    confusion = counts["stance"]  # (..., K, S, S)
    pooled = _confusion_f1(confusion.sum(axis=-3))  # (..., S)
    if confusion.sum() > 0:
        measures["stance", "macro_f1"] = pooled.mean(axis=-1)
        measures["stance", "favor_against_f1"] = pooled[..., :2].mean(axis=-1)
        for s, name in enumerate(labels.stance_ids):
            measures["stance", "per_stance", name, "f1"] = pooled[..., s]
        per_topic = _confusion_f1(confusion)  # (..., K, S)
        for k, name in enumerate(labels.topic_ids):
            measures["stance", "per_topic", name, "macro_f1"] = per_topic[..., k, :].mean(axis=-1)
            measures["stance", "per_topic", name, "favor_against_f1"] = per_topic[..., k, :2].mean(axis=-1)
    return measures


def ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros_like(np.asarray(whole, dtype=float)), where=np.asarray(whole) > 0)


def precision(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> precision (...); 0 where nothing was predicted."""
    return ratio(counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> recall (...); 0 where there is nothing to find."""
    return ratio(counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Floats) -> Any:
    """Counts (..., [tp, fp, fn]) -> F1 (...)."""
    return ratio(2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def _confusion_f1(confusion: Floats) -> Floats:
    """Confusion (..., gold, predicted) -> F1 of each class (..., S)."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return f1(np.stack([hit, confusion.sum(axis=-2) - hit, confusion.sum(axis=-1) - hit], axis=-1))  # type: ignore[no-any-return]


def average_precision(truth: Floats, probs: Floats, weights: Floats) -> float:
    """Return the sum over thresholds of precision times the step in recall; NaN where no weight is on a true one.

    All arguments (N,). Paragraphs of equal probability come in together, as in `sklearn.metrics`.
    """
    order = np.argsort(-probs, kind="stable")
    last_of_ties = np.append(np.diff(probs[order]) != 0, True)
    found = np.cumsum((weights * truth)[order])[last_of_ties]
    taken = np.cumsum(weights[order])[last_of_ties]
    if found[-1] == 0:
        return float("nan")
    return float((ratio(found, taken) * np.diff(found, prepend=0)).sum() / found[-1])


def _average_precision_leaf(truth: Floats, probs: Floats, bootstrap: Bootstrap) -> dict[str, float | None]:
    if not truth.any():
        return {"value": None}
    resampled = [average_precision(truth, probs, weights) for weights in bootstrap.weights()]
    return {"value": average_precision(truth, probs, np.ones(len(truth))), **interval(resampled)}


def _place(result: dict[str, Any], key: Key, leaf: dict[str, float]) -> None:
    *sections, last = key
    for section in sections:
        result = result.setdefault(section, {})
    result[last] = leaf
