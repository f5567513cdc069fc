"""How far two labellings of the same paragraphs agree.

Topics. Per topic Cohen's kappa (Cohen 1960), Krippendorff's alpha for nominal data (Krippendorff 2011, *Computing
Krippendorff's Alpha-Reliability*) and F1; the plain mean of each over all topics; the share of equal sets. Sets of
topics as wholes: Krippendorff's alpha with MASI distance (Passonneau 2006, LREC, "Measuring agreement on set-valued
items"), which counts sets that share a topic as nearer than sets that share none.

Positions. F1 as in `metrics`: topic and stance equal and the actors' overlap at least 0.5, matched one to one;
`topic_stance` leaves actors out of account. F1 is the same whichever labelling counts as gold. Kappa and alpha need
units that both labellings judge; which positions there are is itself judged, so they have none.

Kappa and alpha are undefined where only one value occurs; a resample of that kind counts for no interval.

Intervals. 95 % percentile bootstrap over documents (stories, where records carry a `cluster`), as in `metrics`.

Shapes: G documents or stories, R resamples, V values (of one variable).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph
from .bootstrap import Bootstrap, Floats, Key
from .matching import n_matched
from .metrics import measures_of, paragraph_counts, stance_counts

_SHARED_MEASURES = (("topics", "macro_f1"), ("topics", "exact"), ("positions", "f1"), ("topic_stance", "f1"))


def measure_agreement(
    first: Sequence[LabelledParagraph],
    second: Sequence[LabelledParagraph],
    labels: LabelSet,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return every measure by dotted key as {"value", "low", "high"}, and how much each labelling holds.

    A value is None where it is undefined.

    Args:
        second: One for each of `first`, in its order (see `paired`).
        n_resamples: Bootstrap resamples; 0 leaves the intervals out.
    """
    counts = _tables(first, second, labels) | paragraph_counts(first, second, labels)
    counts["stance"] = stance_counts(len(first), [], labels)
    distance = _distances(_sets(first, second))
    bootstrap = Bootstrap(first, n_resamples=n_resamples, seed=seed)
    leaves = bootstrap.leaves(counts, lambda summed: _measures(summed, labels, distance))
    return {
        "n_paragraphs": len(first),
        "n_documents": len({paragraph.doc for paragraph in first}),
        "n_resampled_groups": bootstrap.n_groups,
        "n_resamples": n_resamples,
        "support": {
            "topics": {topic: [_n_with(side, topic) for side in (first, second)] for topic in labels.topic_ids},
            "positions": [sum(len(paragraph.positions) for paragraph in side) for side in (first, second)],
        },
        "measures": {
            ".".join(key): {"value": None} if np.isnan(leaf["value"]) else leaf for key, leaf in leaves.items()
        },
    }


def paired(
    first: Sequence[LabelledParagraph], second: Sequence[LabelledParagraph], names: tuple[str, str]
) -> list[LabelledParagraph]:
    """Return `second` in the order of `first`.

    Raises:
        DataError: they are not of the same paragraphs: which ids are missing, whose texts differ.
    """
    by_id = [{paragraph.id: paragraph for paragraph in side} for side in (first, second)]
    differences = [
        f"  {len(found)} {what}: {', '.join(found[:3])}{' …' if len(found) > 3 else ''}"
        for what, found in (
            (f"only in {names[0]}", [i for i in by_id[0] if i not in by_id[1]]),
            (f"only in {names[1]}", [i for i in by_id[1] if i not in by_id[0]]),
            ("with other texts", [i for i, p in by_id[0].items() if i in by_id[1] and by_id[1][i].text != p.text]),
        )
        if found
    ]
    if differences:
        raise DataError("\n".join([f"{names[0]} and {names[1]} don't label the same paragraphs", *differences]))
    return [by_id[1][paragraph.id] for paragraph in first]


def agree(first: LabelledParagraph, second: LabelledParagraph) -> bool:
    """Return whether two labellings of a paragraph are equal: topics, and positions by the matching of `metrics`."""
    n = n_matched(first.positions, second.positions)
    return set(first.topics) == set(second.topics) and n == len(first.positions) == len(second.positions)


def cohen_kappa(table: Floats) -> Any:
    """Counts (..., value of the first, value of the second) -> kappa (...); NaN where undefined."""
    n = table.sum(axis=(-2, -1))
    observed = _ratio(np.trace(table, axis1=-2, axis2=-1), n)
    chance = _ratio((table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1), n**2)
    return _ratio(observed - chance, 1 - chance)


def krippendorff_alpha(table: Floats, distance: Floats) -> Any:
    """Return Krippendorff's alpha (...) of two labellings without gaps; NaN where undefined.

    Args:
        table: (..., V, V) counts of units by the first's and the second's value.
        distance: (V, V), 0 on the diagonal; ones beside it for nominal data.
    """
    coincidences = table + np.swapaxes(table, -1, -2)
    totals = coincidences.sum(axis=-1)
    n = totals.sum(axis=-1)
    observed = _ratio((coincidences * distance).sum(axis=(-2, -1)), n)
    expected = _ratio(np.einsum("...i,...j,ij->...", totals, totals, distance), n * (n - 1))
    return 1 - _ratio(observed, expected)


def masi_distance(a: frozenset[str], b: frozenset[str]) -> float:
    """Return 1 - Jaccard x monotonicity of two sets: 1 if equal, 2/3 if one holds the other, 1/3 if they overlap."""
    if a == b:
        return 0.0
    if not a & b:
        return 1.0
    return 1 - len(a & b) / len(a | b) * (2 / 3 if a <= b or b <= a else 1 / 3)


def _measures(sums: dict[str, Floats], labels: LabelSet, distance: Floats) -> dict[Key, Any]:
    """Turn summed tables and counts into measures, by their path in the result. Leading axes (resamples) are kept."""
    shared = measures_of({key: value for key, value in sums.items() if key not in ("topic_table", "sets")}, labels)
    table = sums["topic_table"]  # (..., K, 2, 2)
    kappas, alphas = cohen_kappa(table), krippendorff_alpha(table, 1 - np.eye(2))
    measures: dict[Key, Any] = {}
    for k, topic in enumerate(labels.topic_ids):
        measures["topics", "per_topic", topic, "kappa"] = kappas[..., k]
        measures["topics", "per_topic", topic, "alpha"] = alphas[..., k]
        measures["topics", "per_topic", topic, "f1"] = shared["topics", "per_topic", topic, "f1"]
    measures["topics", "macro_kappa"] = kappas.mean(axis=-1)
    measures["topics", "macro_alpha"] = alphas.mean(axis=-1)
    measures["topics", "masi_alpha"] = krippendorff_alpha(sums["sets"], distance)
    return measures | {key: shared[key] for key in _SHARED_MEASURES}


def _tables(
    first: Sequence[LabelledParagraph], second: Sequence[LabelledParagraph], labels: LabelSet
) -> dict[str, Floats]:
    """Count per paragraph the pair of values: topic_table (N, K, 2, 2), sets (N, V, V)."""
    sets = _sets(first, second)
    topic = np.zeros((len(first), len(labels.topics), 2, 2))
    whole = np.zeros((len(first), len(sets), len(sets)))
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        for k, name in enumerate(labels.topic_ids):
            topic[i, k, int(name in a.topics), int(name in b.topics)] = 1
        whole[i, sets.index(frozenset(a.topics)), sets.index(frozenset(b.topics))] = 1
    return {"topic_table": topic, "sets": whole}


def _sets(*sides: Sequence[LabelledParagraph]) -> list[frozenset[str]]:
    return list(dict.fromkeys(frozenset(paragraph.topics) for side in sides for paragraph in side))


def _distances(sets: Sequence[frozenset[str]]) -> Floats:
    return np.array([[masi_distance(a, b) for b in sets] for a in sets])


def _n_with(side: Sequence[LabelledParagraph], topic: str) -> int:
    return sum(topic in paragraph.topics for paragraph in side)


def _ratio(part: Any, whole: Any) -> Any:
    whole = np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
