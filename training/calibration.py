"""Fit temperatures and thresholds on development data.

Shapes: N paragraphs, K topics, S stances.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from ..model.decode import Array, Decoding, ParagraphLogits, decode
from ..model.inference import EncodedParagraph
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph
from .dataset import holder_span
from .matching import n_matched
from .metrics import f1

_GRID = np.round(np.arange(0.15, 0.86, 0.05), 2)
# With so many examples, a threshold is trusted as much as what it is drawn to; `benchmarks/thresholds.py` compares.
_OWN_PRIOR, _POOLED_PRIOR = 60, 400


def fit_decoding(
    gold: Sequence[LabelledParagraph],
    logits: Sequence[ParagraphLogits],
    encoded: Sequence[EncodedParagraph],
    labels: LabelSet,
) -> Decoding:
    """Fit, in this order: topic temperatures, stance temperature, topic thresholds, actor and position thresholds."""
    topic_logits = np.stack([own.topic for own in logits])  # (N, K)
    truth = np.array([[topic in record.topics for topic in labels.topic_ids] for record in gold])  # (N, K)
    temperatures = [binary_temperature(topic_logits[:, k], truth[:, k]) for k in range(truth.shape[1])]
    probs = 1 / (1 + np.exp(-topic_logits / np.array(temperatures)))
    decoding = replace(
        Decoding.default(truth.shape[1]),
        topic_temperatures=tuple(round(t, 4) for t in temperatures),
        topic_thresholds=topic_thresholds(probs, truth),
        stance_temperature=round(_stance_temperature(gold, logits, encoded, labels), 4),
    )
    return _fit_position_thresholds(decoding, gold, logits, encoded, labels)


def binary_temperature(logits: Array, truth: npt.NDArray[np.bool_]) -> float:
    """Return the temperature that gives the truth its greatest likelihood (Guo et al. 2017, arXiv:1706.04599).

    `logits` and `truth` (N,); 1.0 where the truth is all one class, which no temperature can fit.
    """
    if truth.all() or not truth.any():
        return 1.0
    sign = np.where(truth, 1.0, -1.0)
    return _best_temperature(lambda temperature: -log_expit(sign * logits / temperature).mean())


def _stance_temperature(
    gold: Sequence[LabelledParagraph],
    logits: Sequence[ParagraphLogits],
    encoded: Sequence[EncodedParagraph],
    labels: LabelSet,
) -> float:
    rows, columns = [], []
    for record, own, enc in zip(gold, logits, encoded, strict=True):
        for position in record.positions:
            span = holder_span(position.actor, enc.spans)
            if span is not None:
                rows.append(own.stance[span[0] : span[1], labels.topic_index(position.topic)].mean(axis=0))
                columns.append(labels.stance_column(position.stance))
    if not rows:
        return 1.0
    stacked, index = np.stack(rows), np.arange(len(rows))
    return _best_temperature(lambda t: -log_softmax(stacked / t, axis=-1)[index, columns].mean())


def _best_temperature(loss: object) -> float:
    found = minimize_scalar(lambda log_t: loss(np.exp(log_t)), bounds=(-2.5, 2.5), method="bounded")  # type: ignore[operator]
    return float(np.exp(found.x))


def topic_thresholds(
    probs: Array, truth: npt.NDArray[np.bool_], *, pooled_prior: int = _POOLED_PRIOR
) -> tuple[float, ...]:
    """Return a threshold a topic (K,), from calibrated probabilities and truth (N, K).

    A topic's threshold is the one of greatest F1 on its own, drawn towards the one that is best for all topics pooled,
    and that one towards 0.5: the fewer examples there are, the more.
    """
    n_all = int(truth.sum())
    pooled = 0.5
    if n_all:
        best = _best_threshold(probs.ravel(), truth.ravel())
        pooled = (n_all * best + pooled_prior * 0.5) / (n_all + pooled_prior)
    thresholds = []
    for k in range(truth.shape[1]):
        n = int(truth[:, k].sum())
        own = _best_threshold(probs[:, k], truth[:, k]) if n else pooled
        thresholds.append(round((n * own + _OWN_PRIOR * pooled) / (n + _OWN_PRIOR), 4))
    return tuple(thresholds)


def _best_threshold(probs: Array, truth: npt.NDArray[np.bool_]) -> float:
    """Return the middle of the thresholds whose F1 is within half a point of the best, which overfits less."""
    on = probs[None] >= _GRID[:, None]  # (grid, N)
    counts = np.stack([(on & truth).sum(1), (on & ~truth).sum(1), (~on & truth).sum(1)], axis=-1)
    scores = f1(counts.astype(float))
    return float(np.median(_GRID[scores >= scores.max() - 0.005]))


def _fit_position_thresholds(
    decoding: Decoding,
    gold: Sequence[LabelledParagraph],
    logits: Sequence[ParagraphLogits],
    encoded: Sequence[EncodedParagraph],
    labels: LabelSet,
) -> Decoding:
    """Choose the position, actor and implied thresholds of greatest position F1, one after the other."""
    for name, grid in (
        ("position_threshold", (0.14, 0.18, 0.22, 0.26, 0.3, 0.35, 0.4, 0.5)),
        ("actor_threshold", (0.15, 0.2, 0.3, 0.4, 0.5)),
        ("implied_threshold", (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
    ):
        usual = getattr(decoding, name)
        scored = []
        for value in grid:
            trial = _with(decoding, name, value)
            scored.append((_position_f1(trial, gold, logits, encoded, labels), -abs(value - usual), value))
        decoding = _with(decoding, name, max(scored)[2])
    return decoding


def _with(decoding: Decoding, name: str, value: float) -> Decoding:
    return Decoding.from_json({**decoding.to_json(), name: value})


def _position_f1(
    decoding: Decoding,
    gold: Sequence[LabelledParagraph],
    logits: Sequence[ParagraphLogits],
    encoded: Sequence[EncodedParagraph],
    labels: LabelSet,
) -> float:
    counts = np.zeros(3)
    for record, own, enc in zip(gold, logits, encoded, strict=True):
        _, _, positions = decode(own, enc.spans, record.text, labels, decoding)
        n = n_matched(record.positions, positions)
        counts += (n, len(positions) - n, len(record.positions) - n)
    return float(f1(counts))
