"""The bootstrap: whole documents, or stories, drawn with replacement.

Shapes: N paragraphs, G documents or stories, R resamples.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.records import LabelledParagraph

Key = tuple[str, ...]  # a measure's path in the result
Floats = npt.NDArray[np.float64]


class Bootstrap:
    """Resamples of labelled paragraphs, the same for every measure.

    Paragraphs of one document stand or fall together; where records carry a `cluster` (a story that several papers
    print), so do the paragraphs of one cluster.
    """

    def __init__(self, gold: Sequence[LabelledParagraph], *, n_resamples: int = 1000, seed: int = 0) -> None:
        """Draw. No resamples: no intervals."""
        self.groups = group_numbers(gold)  # (N,)
        self.n_groups = int(self.groups.max()) + 1
        self._draws = draw_groups(self.n_groups, n_resamples, np.random.default_rng(seed))  # (R, G)

    def leaves(
        self, counts: dict[str, Floats], measure: Callable[[dict[str, Floats]], dict[Key, Any]]
    ) -> dict[Key, dict[str, float]]:
        """Return each measure as {"value", "low", "high"}: of all paragraphs, and the 95 % percentile interval.

        Args:
            counts: Per paragraph (N, ...).
            measure: Turns summed counts (..., as in `counts`) into measures (...).
        """
        leaves = {key: {"value": float(value)} for key, value in measure(_summed(counts)).items()}
        if len(self._draws):
            resampled = measure({key: self._resampled(value) for key, value in counts.items()})
            for key, values in resampled.items():
                leaves[key] |= interval(values)
        return leaves

    def weights(self) -> Iterator[Floats]:
        """Yield for each resample how often it holds each paragraph (N,)."""
        for draw in self._draws:
            yield draw[self.groups]

    def _resampled(self, values: Floats) -> Floats:
        return np.tensordot(self._draws, sum_by_group(self.groups, values), axes=1)  # (R, ...)


def draw_groups(n_groups: int, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Return how often each resample holds each document or story (R, G)."""
    return rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples).astype(float)


def sum_by_group(groups: npt.NDArray[np.intp], values: Floats) -> Floats:
    """Sum counts of paragraphs (N, ...) over each document or story (G, ...)."""
    summed = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(summed, groups, values)
    return summed


def interval(values: npt.ArrayLike) -> dict[str, float]:
    """Return {"low", "high"} that hold 95 % of a measure's resamples; empty where no resample could be measured."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return {}
    low, high = np.quantile(finite, (0.025, 0.975))
    return {"low": float(low), "high": float(high)}


def group_numbers(gold: Sequence[LabelledParagraph]) -> npt.NDArray[np.intp]:
    """Return for each paragraph the number of the story (or document) it belongs to."""
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    return np.array([numbers[str(g.extra.get("cluster") or f"doc:{g.doc}")] for g in gold], dtype=np.intp)


def _summed(counts: dict[str, Floats]) -> dict[str, Floats]:
    return {key: value.sum(axis=0) for key, value in counts.items()}
