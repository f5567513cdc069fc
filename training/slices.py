"""The measures on parts of the data: by source, outlet, year, length, number of topics, and kind of holder."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from .bootstrap import Bootstrap, Floats, Key
from .metrics import f1, paragraph_counts, precision, ratio, recall

LEAST_PARAGRAPHS, LEAST_GROUPS = 30, 10  # fewer are marked, and get no interval: a bootstrap of a few is too narrow
NOT_GIVEN = "(not given)"
Either = TypeVar("Either", LabelledParagraph, TaggedParagraph)
_LENGTHS = (20, 40, 80)  # words


def slice_measures(
    gold: Sequence[LabelledParagraph],
    tagged: Sequence[TaggedParagraph],
    labels: LabelSet,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return {slicing: {value: measures}}; the largest slice first, but years and numbers in their order.

    Recall and F1 with nothing to find are {"value": None}, as is precision with nothing found. `holder` divides the
    positions, not the paragraphs: gold and predicted positions of named actors, and those of implied holders.
    """
    counts = paragraph_counts(gold, tagged, labels)
    slices: dict[str, dict[str, Any]] = {}
    for name, value_of in SLICINGS.items():
        members: dict[str, list[int]] = {}
        for i, record in enumerate(gold):
            members.setdefault(value_of(record), []).append(i)
        ordered = sorted(members.items(), key=_by_size if name in ("source", "outlet") else _by_name)
        slices[name] = {
            value: _measure([gold[i] for i in own], {key: rows[own] for key, rows in counts.items()}, n_resamples, seed)
            for value, own in ordered
        }
    slices["holder"] = {}
    for value, is_named in (("named", True), ("implied", False)):
        kept = [_only(record, is_named) for record in gold], [_only(record, is_named) for record in tagged]
        own_counts = {"position": paragraph_counts(*kept, labels)["position"]}
        holds = np.flatnonzero(own_counts["position"].any(axis=(1, 2, 3))).tolist()
        own_gold = [gold[i] for i in holds]
        slices["holder"][value] = _measure(own_gold, {"position": own_counts["position"][holds]}, n_resamples, seed)
    return slices


def _given(key: str) -> Callable[[LabelledParagraph], str]:
    return lambda record: str(record.extra.get(key) or NOT_GIVEN)


def year(record: LabelledParagraph) -> str:
    """Return the first year from 1900 to 2099 in the record's date, in whatever digits it is written."""
    years = (int(found) for found in re.findall(r"(?<!\d)\d{4}(?!\d)", str(record.extra.get("date") or "")))
    return str(next((found for found in years if 1900 <= found < 2100), NOT_GIVEN))


def length(record: LabelledParagraph) -> str:
    """Return the range that the paragraph's number of words falls in."""
    n = len(record.text.split())
    low = 1
    for high in _LENGTHS:
        if n <= high:
            return f"{low}–{high} words"
        low = high + 1
    return f"{low} words or more"


SLICINGS: dict[str, Callable[[LabelledParagraph], str]] = {
    "source": _given("source"),
    "outlet": _given("outlet"),
    "year": year,
    "length": length,
    "n_topics": lambda record: str(len(record.topics)),
}


def _by_size(item: tuple[str, list[int]]) -> tuple[int, str]:
    return -len(item[1]), item[0]


def _by_name(item: tuple[str, list[int]]) -> tuple[bool, list[int], str]:
    return item[0] == NOT_GIVEN, [int(number) for number in re.findall(r"\d+", item[0])], item[0]


def _only(paragraph: Either, named: bool) -> Either:
    return replace(paragraph, positions=tuple(p for p in paragraph.positions if (p.actor is not None) == named))


def _measure(
    gold: Sequence[LabelledParagraph], counts: dict[str, Floats], n_resamples: int, seed: int
) -> dict[str, Any]:
    if not gold:
        return {"n_paragraphs": 0, "n_resampled_groups": 0, "too_small": True, "support": 0, "measures": {}}
    n_groups = Bootstrap(gold, n_resamples=0).n_groups
    too_small = len(gold) < LEAST_PARAGRAPHS or n_groups < LEAST_GROUPS
    bootstrap = Bootstrap(gold, n_resamples=0 if too_small else n_resamples, seed=seed)
    leaves = bootstrap.leaves(counts, _slice_measures)
    position = counts["position"].sum(axis=(0, 1, 2))  # tp, fp, fn
    no_position = not position[::2].any()
    nothing = {
        "topics_micro_f1": "topic" in counts and not counts["topic"][..., ::2].any(),
        "positions_precision": not position[:2].any(),
        "positions_recall": no_position,
        "positions_f1": no_position,
    }
    return {
        "n_paragraphs": len(gold),
        "n_resampled_groups": n_groups,
        "too_small": too_small,
        "support": int(position[0] + position[2]),
        "measures": {key[0]: {"value": None} if nothing.get(key[0]) else leaf for key, leaf in leaves.items()},
    }


def _slice_measures(counts: dict[str, Floats]) -> dict[Key, Any]:
    measures: dict[Key, Any] = {}
    if "topic" in counts:
        measures["topics_micro_f1",] = f1(counts["topic"].sum(axis=-2))
        measures["topics_exact",] = ratio(counts["exact"][..., 0], counts["exact"][..., 1])
    position = counts["position"].sum(axis=(-3, -2))
    for name, function in (("precision", precision), ("recall", recall), ("f1", f1)):
        measures[f"positions_{name}",] = function(position)
    return measures
