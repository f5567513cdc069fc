"""Shares of topics and stances in tagged paragraphs, corrected by a checked sample, with 95 % intervals.

Design-based supervised learning (Egami, Hinck, Stewart and Wei 2023, NeurIPS, "Using imperfect surrogates for
downstream inference"): the tagger's count over all paragraphs, plus the errors found in the sample, each weighted by
one over its known chance of being drawn. In survey statistics this is the difference estimator (Särndal, Swensson and
Wretman 1992, ch. 6). It has no bias whatever the tagger's errors are, for it trusts only the draw; a good tagger makes
it precise.

What is estimated is the share in these paragraphs, as the person who checked would have labelled them all; it is not
about news at large. The variance is that of stratified sampling without replacement (Cochran 1977, ch. 5).

- The share of a topic is of paragraphs (of a month).
- The share of a stance is of the positions on a topic (of an actor, in a month). Its base is estimated too, so the
  interval is Fieller's (1954), which stays valid where the base is uncertain: then it is all of [0, 1].
- Errors that the sample happened not to show would leave a variance of zero. So the variance always counts one miss and
  one false alarm (for a stance: one missed position, as likely of this stance as of another, and one wrong stance) more
  than were seen, each at the greatest weight at which it could have happened. Where no error was seen, this is about
  the "rule of three": with n checked, up to 3/n may be wrong (Hanley and Lippman-Hand 1983, JAMA 249).

Shapes: N paragraphs, n checked ones, H strata.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from .audit_design import Design, Floats, Ints
from .model.errors import DataError

METHOD = "design-based supervised learning (Egami et al. 2023)"
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A corrected share; `value` is None where there is nothing to take a share of."""

    value: float | None
    low: float = 0.0
    high: float = 1.0


class Checked:
    """The checked sample: which paragraphs (n), and from it each stratum's weight."""

    def __init__(self, design: Design, index: Ints) -> None:
        """Raise `DataError` where a stratum has too few checked paragraphs for its variance."""
        self.index = index
        self._design = design
        self._stratum = design.stratum[index]
        self._n = np.bincount(self._stratum, minlength=len(design.names))
        short = [
            f"  {name}: {n} checked of {size} paragraphs"
            for name, n, size in zip(design.names, self._n, design.n_stratum, strict=True)
            if n < min(2, size)
        ]
        if short:
            raise DataError(
                "\n".join(["each stratum needs two checked paragraphs, or all it has; check more of", *short])
            )
        self.weight = (design.n_stratum / self._n)[self._stratum]
        self._is_open = np.ones(len(design.stratum), dtype=bool)
        self._is_open[index] = False
        n_free = int((self._n - 1)[self._n < design.n_stratum].sum())
        self.quantile = float(stats.t.ppf(0.975, n_free)) if n_free else 0.0

    def total(self, tagged: Floats, true: Floats) -> float:
        """Return the corrected total of what the tagger counts (N) and the person counts in the sample (n)."""
        return float(tagged.sum() + (self.weight * (true - tagged[self.index])).sum())

    def covariance(self, a: Floats, b: Floats) -> float:
        """Return the covariance of the estimated totals of two variables known in the sample (n)."""
        n, size = self._n, self._design.n_stratum
        means = [np.bincount(self._stratum, x, len(n)) / n for x in (a, b)]
        products = np.bincount(self._stratum, (a - means[0][self._stratum]) * (b - means[1][self._stratum]), len(n))
        return float((size**2 * (1 - n / size) * products / np.maximum(n - 1, 1) / n).sum())

    def greatest_weight(self, where: Bools) -> float:
        """Return for how many unchecked paragraphs among `where` (N) one more error could stand."""
        n_open = np.bincount(self._design.stratum[where & self._is_open], minlength=len(self._n))
        return float(np.minimum(self._design.n_stratum / self._n, n_open).max())


def topic_share(checked: Checked, tagged: Floats, true: Floats, within: Bools) -> Share:
    """Return the share of the paragraphs `within` (N) that are about a topic.

    Args:
        tagged: (N) 1 where the tagger sees the topic; 0 outside `within`, as in `true`.
        true: (n) 1 where the person does.
    """
    error = true - tagged[checked.index]
    unseen = checked.greatest_weight(within & (tagged == 0)) ** 2 + checked.greatest_weight(within & (tagged > 0)) ** 2
    variance = checked.covariance(error, error) + unseen
    return _fieller(checked.total(tagged, true), float(within.sum()), variance, 0.0, 0.0, checked.quantile)


def stance_share(checked: Checked, tagged: tuple[Floats, Floats], true: tuple[Floats, Floats], within: Bools) -> Share:
    """Return the share of a stance among positions.

    Args:
        tagged: The tagger's counts (N) of positions with the stance, and of all.
        true: The person's (n).
        within: (N) the paragraphs where such a position can be.
    """
    errors = [own - guess[checked.index] for own, guess in zip(true, tagged, strict=True)]
    miss = checked.greatest_weight(within & (tagged[1] == 0)) ** 2
    wrong = checked.greatest_weight(within & (tagged[1] > 0)) ** 2
    return _fieller(
        checked.total(tagged[0], true[0]),
        checked.total(tagged[1], true[1]),
        checked.covariance(errors[0], errors[0]) + miss / 2 + wrong,
        checked.covariance(errors[0], errors[1]) + miss / 2,
        checked.covariance(errors[1], errors[1]) + miss,
        checked.quantile,
    )


def _fieller(part: float, whole: float, v_part: float, covariance: float, v_whole: float, t: float) -> Share:
    """Return part / whole with the interval of all r in [0, 1] where part - r * whole is within t of its own error."""
    if whole <= 0:
        return Share(None)
    value = min(max(part / whole, 0.0), 1.0)
    a = whole**2 - t**2 * v_whole
    b = part * whole - t**2 * covariance
    c = part**2 - t**2 * v_part
    if a <= 0:
        return Share(value)
    root = np.sqrt(max(b * b - a * c, 0.0))
    low, high = (min(max(float(r), 0.0), 1.0) for r in ((b - root) / a, (b + root) / a))
    return Share(value, low, high)
