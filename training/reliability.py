"""How well probabilities keep their word: reliability, expected calibration error, Brier score.

Shapes: N answers, C classes.

Topics: each paragraph's probability of the topic against whether it is gold. Stances, given the gold topic and actor:
the probability of the likeliest of {no position, stances} against whether it is gold, and the Brier score over all of
them. Positions: the probability of each predicted position against whether it is right. "Before" is at temperature 1;
"after" is what is shown to users.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.decode import Array, Decoding, ParagraphLogits, sigmoid, softmax
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from .matching import is_right, match
from .metrics import StanceAnswer

N_BINS = 10


def reliability(probs: npt.ArrayLike, truth: npt.ArrayLike) -> dict[str, Any] | None:
    """Compare probabilities (N,) with what was true (N,); None where there is nothing to compare.

    Returns:
        `brier`, the mean squared difference (Brier 1950); `ece`, the mean over ten bins of equal width, weighted by
        their counts, of the distance between the mean probability and the frequency (Naeini et al. 2015,
        doi:10.1609/aaai.v29i1.9602); and the `bins` that are not empty. A probability on an edge is in the upper bin.
    """
    probs, truth = np.asarray(probs, dtype=float), np.asarray(truth, dtype=float)
    if not len(probs):
        return None
    place = np.minimum((probs * N_BINS).astype(int), N_BINS - 1)
    bins = []
    for b in np.unique(place):
        inside = place == b
        bins.append(
            {
                "low": round(float(b) / N_BINS, 6),
                "high": round(float(b + 1) / N_BINS, 6),
                "n": int(inside.sum()),
                "mean_prob": float(probs[inside].mean()),
                "frequency": float(truth[inside].mean()),
            }
        )
    ece = sum(own["n"] * abs(own["mean_prob"] - own["frequency"]) for own in bins) / len(probs)
    return {"n": len(probs), "ece": float(ece), "brier": float(((probs - truth) ** 2).mean()), "bins": bins}


def stance_reliability(probs: Array, columns: Sequence[int]) -> dict[str, Any] | None:
    """As `reliability`, for the likeliest class of `probs` (N, C); the Brier score is the sum over all classes."""
    if not len(probs):
        return None
    gold = np.eye(probs.shape[1])[list(columns)]  # (N, C)
    found = reliability(probs.max(axis=1), probs.argmax(axis=1) == np.asarray(columns))
    assert found is not None
    return {**found, "brier": float(((probs - gold) ** 2).sum(axis=1).mean())}


def measure_calibration(
    gold: Sequence[LabelledParagraph],
    tagged: Sequence[TaggedParagraph],
    logits: Sequence[ParagraphLogits],
    stances: Sequence[StanceAnswer],
    labels: LabelSet,
    decoding: Decoding,
) -> dict[str, Any]:
    """Return the reliability of topics, stance and positions; see the module's docstring."""
    topics = {}
    for k, topic in enumerate(labels.topic_ids):
        truth = [topic in record.topics for record in gold]
        topics[topic] = {
            "temperature": decoding.topic_temperatures[k],
            "before": reliability([float(sigmoid(own.topic[k])) for own in logits], truth),
            "after": reliability([own.topic_probs[topic] for own in tagged], truth),
        }
    rows = np.array([answer.logits for answer in stances]).reshape(len(stances), 1 + len(labels.stances))
    columns = [labels.stance_column(answer.gold) for answer in stances]
    stance = {
        "temperature": decoding.stance_temperature,
        "before": stance_reliability(softmax(rows), columns) if len(rows) else None,
        "after": stance_reliability(softmax(rows / decoding.stance_temperature), columns) if len(rows) else None,
    }
    return {"topics": topics, "stance": stance, "positions": {"after": _position_reliability(gold, tagged)}}


def _position_reliability(
    gold: Sequence[LabelledParagraph], tagged: Sequence[TaggedParagraph]
) -> dict[str, Any] | None:
    probs, truth = [], []
    for record, own in zip(gold, tagged, strict=True):
        right = {column for _, column in match(record.positions, own.positions, is_right)}
        probs += [position.prob or 0.0 for position in own.positions]
        truth += [column in right for column in range(len(own.positions))]
    return reliability(probs, truth)
