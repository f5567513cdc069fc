"""Which predicted positions are which gold ones."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ..model.records import Actor, Position

LEAST_OVERLAP = 0.5


def overlap(a: Actor | None, b: Actor | None) -> float:
    """Return the intersection over union of two actors' characters; 1 where both are implied, 0 where one is."""
    if a is None or b is None:
        return float(a is b)
    shared = max(0, min(a.end, b.end) - max(a.start, b.start))
    return shared / ((a.end - a.start) + (b.end - b.start) - shared)


def is_right(gold: Position, predicted: Position, *, actors: bool = True) -> bool:
    """Say whether topic and stance are equal and, where they are looked at, the actors match."""
    return (
        gold.topic == predicted.topic
        and gold.stance == predicted.stance
        and (not actors or overlap(gold.actor, predicted.actor) >= LEAST_OVERLAP)
    )


def match(
    gold: Sequence[Position], predicted: Sequence[Position], fits: Callable[[Position, Position], bool]
) -> list[tuple[int, int]]:
    """Return the pairs (place in gold, place in predicted) of a greatest one-to-one matching of those that fit."""
    fitting = np.array([[fits(g, p) for p in predicted] for g in gold], dtype=np.int8)
    if not fitting.any():
        return []
    columns = maximum_bipartite_matching(csr_array(fitting), perm_type="column")
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0]


def n_matched(gold: Sequence[Position], predicted: Sequence[Position], *, actors: bool = True) -> int:
    """Return the size of the greatest one-to-one matching of right positions."""
    return len(match(gold, predicted, lambda g, p: is_right(g, p, actors=actors)))
