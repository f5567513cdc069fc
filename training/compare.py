"""Two taggers on the same labelled paragraphs: what differs, and whether chance explains it.

The measures of `metrics` are compared, as B minus A, but for average precision and the positions on each topic apart.
Whole documents (stories, where records carry a `cluster`) are the units of both methods:

- the 95 % interval is a paired percentile bootstrap: each resample draws the same documents for A and B;
- p is two-sided approximate randomisation (Noreen 1989, *Computer-Intensive Methods for Testing Hypotheses*; Yeh 2000,
  COLING, "More accurate tests for the statistical significance of result differences"): were A and B alike, the two
  answers on a document could change places. p = (1 + shuffles with as great a difference) / (1 + shuffles).

Many measures are tested at once, so p is also given after Holm (1979, Scand. J. Statist. 6), and only a difference
with an adjusted p of at most 0.05 counts as shown.

Shapes: N paragraphs, G documents or stories, R resamples.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph
from .bootstrap import Floats, draw_groups, group_numbers, interval, sum_by_group
from .metrics import measures_of, paragraph_counts, stance_counts
from .predictions import Answers

LEVEL = 0.05
_BLOCK = 500  # resamples held at once
_LEFT_OUT = ("positions", "per_topic")
_EPS = 1e-12  # two sums of the same counts may differ in their last bit

Counts = dict[str, Floats]


def compare_answers(
    gold: Sequence[LabelledParagraph],
    a: Answers,
    b: Answers,
    labels: LabelSet,
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return {"measures": {key: {a, b, difference, low, high, p, p_holm, shown}}} and how they came about.

    `shown` is "a" or "b", the higher one, or None where no difference is shown. Stances given gold are compared where
    both sides have them.

    Raises:
        DataError: the paragraphs are of a single document or story.
    """
    numbers = group_numbers(gold)
    n_groups = int(numbers.max()) + 1
    if n_groups < 2:
        raise DataError("all paragraphs are of one document or story; a comparison needs at least two of them")
    both = a.stances is not None and b.stances is not None
    sums = [_sums(gold, side, labels, numbers, with_stances=both) for side in (a, b)]
    totals = [_measures({key: value.sum(axis=0) for key, value in own.items()}, labels) for own in sums]
    rng = np.random.default_rng(seed)
    drawn = _joined(_bootstrap(sums, labels, n_resamples, rng))
    shuffled = _joined(_randomisation(sums, labels, n_resamples, rng))
    measures: dict[str, dict[str, Any]] = {}
    for key, value in totals[0].items():
        difference = float(totals[1][key] - value)
        n_as_great = int((np.abs(shuffled[key]) >= abs(difference) - _EPS).sum())
        measures[key] = {
            "a": float(value),
            "b": float(totals[1][key]),
            "difference": difference,
            **interval(drawn[key]),
            "p": (1 + n_as_great) / (1 + n_resamples),
        }
    for own, adjusted in zip(measures.values(), holm([own["p"] for own in measures.values()]), strict=True):
        own["p_holm"] = adjusted
        own["shown"] = None if adjusted > LEVEL else "b" if own["difference"] > 0 else "a"
    return {
        "a": a.name,
        "b": b.name,
        "n_paragraphs": len(gold),
        "n_documents": len({g.doc for g in gold}),
        "n_resampled_groups": n_groups,
        "n_resamples": n_resamples,
        "seed": seed,
        "n_measures": len(measures),
        "stances_compared": both,
        "measures": measures,
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method, in the order given."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in adjusted]


def _sums(
    gold: Sequence[LabelledParagraph], side: Answers, labels: LabelSet, numbers: Any, *, with_stances: bool
) -> Counts:
    """Return the counts of each document or story (G, …)."""
    stances = (side.stances or []) if with_stances else []
    counts = paragraph_counts(gold, side.tagged, labels) | {"stance": stance_counts(len(gold), stances, labels)}
    return {key: sum_by_group(numbers, value) for key, value in counts.items()}


def _bootstrap(sums: list[Counts], labels: LabelSet, n: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Yield the differences of each block of resamples, by measure."""
    n_groups = len(sums[0]["exact"])
    for size in _blocks(n):
        draws = draw_groups(n_groups, size, rng)
        yield _differences([_weighted(draws, own) for own in sums], labels)


def _randomisation(sums: list[Counts], labels: LabelSet, n: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Yield the differences of each block of shuffles, by measure: each document's answers change places or stay."""
    a, b = sums
    n_groups = len(a["exact"])
    for size in _blocks(n):
        swaps = rng.integers(0, 2, size=(size, n_groups)).astype(float)
        moved = _weighted(swaps, {key: b[key] - a[key] for key in a})
        sides = [{key: own[key].sum(axis=0) + sign * moved[key] for key in own} for own, sign in ((a, 1.0), (b, -1.0))]
        yield _differences(sides, labels)


def _blocks(n: int) -> list[int]:
    return [_BLOCK] * (n // _BLOCK) + ([n % _BLOCK] if n % _BLOCK else [])


def _weighted(weights: Floats, counts: Counts) -> Counts:
    """Weights (R, G) and counts (G, …) -> counts (R, …)."""
    return {key: np.tensordot(weights, value, axes=1) for key, value in counts.items()}


def _differences(sides: list[Counts], labels: LabelSet) -> Counts:
    a, b = (_measures(own, labels) for own in sides)
    return {key: b[key] - a[key] for key in a}


def _measures(sums: Counts, labels: LabelSet) -> Counts:
    """Return the measures that are compared, by dotted key.

    Not those of each single topic and stance's positions: they are many and rest on few cases each, so that all
    measures would have to pass a harder test for their sake.
    """
    return {".".join(key): value for key, value in measures_of(sums, labels).items() if key[:2] != _LEFT_OUT}


def _joined(blocks: Iterator[Counts]) -> Counts:
    parts = list(blocks)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
