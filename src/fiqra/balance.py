"""How labelled paragraphs are spread over topics, stances, features, regions and genres."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .model.labels import LabelSet
from .model.records import LabelledParagraph

QUANTILES = {"least": 0.0, "tenth": 0.1, "median": 0.5, "nine tenths": 0.9, "most": 1.0}


def count_balance(splits: Mapping[str, Sequence[LabelledParagraph]], labels: LabelSet) -> dict[str, Any]:
    """Return {"splits": {name: counts}, "all": counts}, ready for JSON. Shares are left to the reader of counts."""
    everything = [record for records in splits.values() for record in records]
    counted = {name: _count(records, labels) for name, records in splits.items()}
    return {"splits": counted, "all": _count(everything, labels)}


def _count(records: Sequence[LabelledParagraph], labels: LabelSet) -> dict[str, Any]:
    topics = Counter(topic for record in records for topic in record.topics)
    positions = [position for record in records for position in record.positions]
    stances = Counter(position.stance for position in positions)
    without = [record for record in records if not record.topics]
    return {
        "articles": len({record.doc for record in records}),
        "paragraphs": len(records),
        "topics": {topic: topics[topic] for topic in labels.topic_ids},
        "several_topics": sum(len(record.topics) > 1 for record in records),
        "no_topic": len(without),
        "no_topic_hard": sum("hard" in _values(record, "features") for record in without),
        "positions": len(positions),
        "stances": {stance: stances[stance] for stance in labels.stance_ids},
        "implied": sum(position.actor is None for position in positions),
        "actors_differ": sum(map(_actors_differ, records)),
        "features": _tally(records, "features"),
        "regions": _tally(records, "region"),
        "genres": _tally(records, "genre"),
        "words": _quantiles([len(record.text.split()) for record in records]),
    }


def _actors_differ(record: LabelledParagraph) -> bool:
    """Say whether two holders take different stances on one topic."""
    return any(
        a.topic == b.topic and a.stance != b.stance and a.actor != b.actor
        for a in record.positions
        for b in record.positions
    )


def _values(record: LabelledParagraph, key: str) -> list[str]:
    """Return an extra key's values, be it a list, a single one or missing."""
    value = record.extra.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(value) for value in values]


def _tally(records: Sequence[LabelledParagraph], key: str) -> dict[str, int]:
    return dict(Counter(value for record in records for value in _values(record, key)).most_common())


def _quantiles(numbers: list[int]) -> dict[str, float]:
    return {name: float(np.quantile(numbers, at)) for name, at in QUANTILES.items()} if numbers else {}


def balance_headings(balance: Mapping[str, Any]) -> list[str]:
    """Return the table's headings; a single split stands for all."""
    names = list(balance["splits"])
    return ["", *names, *(["all"] if len(names) > 1 else [])]


def balance_rows(balance: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: what is counted, then a cell for each heading. An empty row stands between parts."""
    counts = [*balance["splits"].values(), balance["all"]]
    columns = [_parts(own, balance["all"]) for own in (counts if len(counts) > 2 else counts[1:])]
    rows: list[tuple[str, ...]] = []
    for k, names in enumerate(columns[-1]):
        rows += [()] * bool(rows and names)
        rows += [(name, *(column[k][name] for column in columns)) for name in names]
    return rows


def _parts(counts: Mapping[str, Any], whole: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the parts of one column, each a mapping of names to cells; the names are those found in `whole`."""
    n, n_positions = counts["paragraphs"], counts["positions"]
    topics = {topic: _share(count, n) for topic, count in counts["topics"].items()}
    stances = {f"… {stance}": _share(count, n_positions) for stance, count in counts["stances"].items()}
    none = {"no topic": _share(counts["no_topic"], n), "… of them hard": str(counts["no_topic_hard"])}
    differ = {"two actors differ on a topic": str(counts["actors_differ"])}
    features = {f"feature {name}": str(counts["features"].get(name, 0)) for name in whole["features"]}
    return [
        {"articles": str(counts["articles"]), "paragraphs": str(n)},
        {**topics, "two or more topics": _share(counts["several_topics"], n), **none},
        {
            "positions": str(n_positions),
            **stances,
            "… holder implied": _share(counts["implied"], n_positions),
            **differ,
        },
        features,
        _shares("region", counts, whole),
        _shares("genre", counts, whole),
        {f"words, {name}": f"{counts['words'].get(name, 0):.0f}" for name in whole["words"]},
    ]


def _shares(kind: str, counts: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, str]:
    """Return the shares of regions or genres; those under 2 % of the whole are taken together."""
    own, n = counts[f"{kind}s"], counts["paragraphs"]
    common = [name for name, count in whole[f"{kind}s"].items() if count >= 0.02 * whole["paragraphs"]]
    cells = {f"{kind} {name}": _share(own.get(name, 0), n) for name in common}
    n_rare = len(whole[f"{kind}s"]) - len(common)
    rare = sum(own.values()) - sum(own.get(name, 0) for name in common)
    return {**cells, f"{n_rare} rarer {kind}s": _share(rare, n)} if n_rare else cells


def _share(part: int, n: int) -> str:
    return f"{part} ({100 * part / n:.0f}%)" if part else "0"  # no blank: three splits fit in 80 columns
