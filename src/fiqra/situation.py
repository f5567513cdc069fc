"""What happened in a pile of articles: a ledger counted for the report, with the sentences behind every number.

Counted once an article: the same stance of an actor on a topic. Shares are of "in favor" among in favor and against;
their intervals are Wilson's, and the interval of the difference between two shares is Newcombe's, built from these
(R. Newcombe, Statistics in Medicine 17, 1998, method 10), all at 95 %. Both take articles as independent, and count
what the tagger said, not whether it was right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scipy.stats import binomtest

from .discourse import Level, Node, Window, build_networks, node_of, window_of
from .ledger import LedgerRow
from .model.errors import DataError
from .model.labels import LabelSet

IMPLIED = Node("implied", "صاحب الموقف مضمر", "implied")
AMBIGUOUS = Node("ambiguous", "لا يُعرف من المقالة من هو", "implied")
OTHERS = Node("others", "سائر الفاعلين", "others")
N_PAIRS = 20
N_CHANGES = 15


@dataclass(frozen=True)
class Share:
    """A share of `of` with its 95 % interval, all from 0 to 1."""

    n: int
    of: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Quote:
    """A sentence, cut at the actor's mention: what stands before it, the mention, what stands after it."""

    before: str
    actor: str
    after: str
    row: LedgerRow


@dataclass
class Cell:
    """A number and what is behind it: how often each stance was taken, and the sentences."""

    id: str
    counts: Counter[str] = field(default_factory=Counter)
    share: Share | None = None
    quotes: list[Quote] = field(default_factory=list)
    more: int = 0  # positions whose sentences are left to the ledger


@dataclass(frozen=True)
class Change:
    """An actor's share in favor of a topic in the last window beside the one before it."""

    actor: Node
    topic: str
    before: Share
    after: Share
    low: float
    high: float
    before_id: str
    after_id: str

    @property
    def difference(self) -> float:
        return self.after.value - self.before.value

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Pair:
    """Two actors: pairs of statements in which they agree and disagree, and the topics on which they do."""

    a: Node
    b: Node
    agree: int
    disagree: int
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Situation:
    n_positions: int
    n_articles: int
    outlets: list[str]
    taggers: list[str]
    first: str | None
    last: str | None
    window: Window
    windows: list[str]
    undated: int
    unresolved: list[tuple[str, int]]
    by_time: dict[str, dict[str, Cell]]  # topic -> window -> cell
    most: int  # the greatest number of statements of a topic in a window
    actors: list[Node]
    cells: dict[str, dict[str, Cell]]  # actor -> topic -> cell
    recent: dict[str, Cell]  # the cells that the changes point at, by their id
    changes: list[Change]
    new: list[Node]  # known actors in the last window that no earlier one has
    silent: list[Node]  # known actors in the window before the last, and not in the last
    agreeing: list[Pair]
    opposed: list[Pair]


def wilson(n: int, of: int) -> Share | None:
    """Return n / of with Wilson's interval; None of nothing."""
    if of == 0:
        return None
    interval = binomtest(n, of).proportion_ci(0.95, method="wilson")
    return Share(n, of, n / of, float(interval.low), float(interval.high))


def newcombe(before: Share, after: Share) -> tuple[float, float]:
    """Return the interval of `after - before` for two independent shares."""
    difference = after.value - before.value
    down = ((after.value - after.low) ** 2 + (before.high - before.value) ** 2) ** 0.5
    up = ((after.high - after.value) ** 2 + (before.value - before.low) ** 2) ** 0.5
    return difference - down, difference + up


def build_situation(
    rows: Sequence[LedgerRow],
    labels: LabelSet,
    *,
    window: Window = "month",
    level: Level = "actor",
    n_actors: int = 30,
    n_quotes: int = 30,
) -> Situation:
    """Count a ledger for the report.

    Args:
        n_actors: The most active actors are shown by name, the rest together.
        n_quotes: Sentences kept of each number, the surest first.

    Raises:
        DataError: the ledger has a topic or stance that the label set lacks.
    """
    _check_labels(rows, labels)
    counter = _Counter(labels, n_quotes)
    nodes = [node_of(row, level) or (IMPLIED if row.actor_name is None else AMBIGUOUS) for row in rows]
    nobody = (AMBIGUOUS, IMPLIED)
    order = _by_activity(rows, nodes)
    shown = [node for node, _ in order if node not in nobody][:n_actors]
    places = [node if node in shown or node in nobody else OTHERS for node in nodes]
    keys = {node.id: f"a{i}" for i, node in enumerate([*shown, OTHERS, *nobody])}
    whens = [window_of(row.date, window) for row in rows]
    windows = sorted({when for when in whens if when})
    cells = counter.table([(place.id, row.topic) for place, row in zip(places, rows, strict=True)], rows, nodes, keys)
    dated = [i for i, when in enumerate(whens) if when]
    by_time = counter.table(
        [(rows[i].topic, str(whens[i])) for i in dated], [rows[i] for i in dated], [nodes[i] for i in dated],
        {topic: f"t{k}" for k, topic in enumerate(labels.topic_ids)},
    )  # fmt: skip
    changes, recent = _changes(rows, nodes, whens, windows, shown, counter) if window != "all" else ([], {})
    active = [{nodes[i] for i in dated if whens[i] == when} - set(nobody) for when in windows[-2:]]
    news, silent = (active[1] - active[0], active[0] - active[1]) if len(active) == 2 else (set(), set())
    earlier = {nodes[i] for i in dated if whens[i] != windows[-1]}
    ranks = [node for node, _ in order]
    dates = sorted(row.date for row in rows if row.date and window_of(row.date, "month"))
    return Situation(
        n_positions=len(rows),
        n_articles=len({(row.outlet, row.date, row.article) for row in rows}),
        outlets=sorted({row.outlet for row in rows if row.outlet}),
        taggers=sorted({row.tagger for row in rows}),
        first=dates[0][:10] if dates else None,
        last=dates[-1][:10] if dates else None,
        window=window,
        windows=windows,
        undated=len(rows) - len(dated),
        unresolved=Counter(node.name for node in nodes if node.kind == "unresolved").most_common(40),
        by_time=by_time,
        most=max((sum(cell.counts.values()) for own in by_time.values() for cell in own.values()), default=0),
        actors=[*shown, *(node for node in (OTHERS, *nobody) if node.id in cells)],
        cells=cells,
        recent=recent,
        changes=changes,
        new=[node for node in ranks if node in news - earlier and node.kind != "unresolved"],
        silent=[node for node in ranks if node in silent and node.kind != "unresolved"],
        agreeing=_pairs(rows, labels, shown, level, "congruence"),
        opposed=_pairs(rows, labels, shown, level, "conflict"),
    )


def _check_labels(rows: Sequence[LedgerRow], labels: LabelSet) -> None:
    foreign = {row.topic for row in rows} - set(labels.topic_ids) | {row.stance for row in rows} - set(
        labels.stance_ids
    )
    if foreign:
        raise DataError(f"the label set has no {', '.join(sorted(foreign))}; name the ledger's own with --labels")


def _by_activity(rows: Sequence[LedgerRow], nodes: Sequence[Node]) -> list[tuple[Node, int]]:
    """Return actors by their number of statements, each counted once an article."""
    units = {
        (node, row.topic, row.stance, row.outlet, row.date, row.article) for row, node in zip(rows, nodes, strict=True)
    }
    counts = Counter(node for node, *_ in units)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0].id))


class _Counter:
    """Counts rows into cells."""

    def __init__(self, labels: LabelSet, n_quotes: int) -> None:
        self._favor, self._against = labels.stance_ids[0], labels.stance_ids[1] if len(labels.stances) > 1 else ""
        self._n_quotes = n_quotes

    def table(
        self, keys: Sequence[tuple[str, str]], rows: Sequence[LedgerRow], nodes: Sequence[Node], ids: Mapping[str, str]
    ) -> dict[str, dict[str, Cell]]:
        """Return the cells by their two keys; `ids` begins a cell's id by the first of these."""
        groups: dict[tuple[str, str], list[tuple[LedgerRow, Node]]] = defaultdict(list)
        for key, row, node in zip(keys, rows, nodes, strict=True):
            groups[key].append((row, node))
        table: dict[str, dict[str, Cell]] = {}
        for (first, second), own in sorted(groups.items()):
            table.setdefault(first, {})[second] = self.cell(f"{ids[first]}-{second}", own)
        return table

    def cell(self, cell_id: str, own: Iterable[tuple[LedgerRow, Node]]) -> Cell:
        pairs = list(own)
        units = {(node.id, row.topic, row.stance, row.outlet, row.date, row.article) for row, node in pairs}
        counts = Counter(stance for _, _, stance, *_ in units)
        surest = sorted((row for row, _ in pairs), key=lambda row: -(row.prob or 0.0))
        share = wilson(counts[self._favor], counts[self._favor] + counts[self._against])
        quotes = [_quote(row) for row in surest[: self._n_quotes]]
        return Cell(cell_id, counts, share, quotes, max(0, len(surest) - self._n_quotes))


def _quote(row: LedgerRow) -> Quote:
    if row.actor_start is None or row.actor_end is None:
        return Quote(row.quote, "", "", row)
    start, end = row.actor_start - row.quote_start, row.actor_end - row.quote_start
    return Quote(row.quote[:start], row.quote[start:end], row.quote[end:], row)


def _changes(
    rows: Sequence[LedgerRow],
    nodes: Sequence[Node],
    whens: Sequence[str | None],
    windows: Sequence[str],
    shown: Sequence[Node],
    counter: _Counter,
) -> tuple[list[Change], dict[str, Cell]]:
    """Return how the shares in favor differ between the last two windows: the surest first, by the nearer end."""
    if len(windows) < 2:
        return [], {}
    groups: dict[tuple[Node, str, str], list[tuple[LedgerRow, Node]]] = defaultdict(list)
    for row, node, when in zip(rows, nodes, whens, strict=True):
        if when and node in shown and when in windows[-2:]:
            groups[node, row.topic, when].append((row, node))
    changes: list[Change] = []
    cells: dict[str, Cell] = {}
    for i, (node, topic) in enumerate(
        sorted({(node, topic) for node, topic, _ in groups}, key=lambda key: (key[0].id, key[1]))
    ):
        before, after = (
            counter.cell(f"c{i}-{k}", groups.get((node, topic, when), [])) for k, when in enumerate(windows[-2:])
        )
        if before.share and after.share and before.share.value != after.share.value:
            low, high = newcombe(before.share, after.share)
            changes.append(Change(node, topic, before.share, after.share, low, high, before.id, after.id))
            cells |= {before.id: before, after.id: after}
    changes.sort(key=lambda change: (-max(change.low, -change.high), -abs(change.difference)))
    kept = changes[:N_CHANGES]
    return kept, {key: cells[key] for change in kept for key in (change.before_id, change.after_id)}


def _pairs(
    rows: Sequence[LedgerRow],
    labels: LabelSet,
    shown: Sequence[Node],
    level: Level,
    by: Literal["congruence", "conflict"],
) -> list[Pair]:
    """Return the pairs of actors with the strongest ties, ranked by average-activity normalisation."""
    own = [row for row in rows if node_of(row, level) in shown]
    if not own or len(labels.stances) < 2:
        return []
    opposed = (labels.stance_ids[0], labels.stance_ids[1])
    plain = {n.network: n.graph for n in build_networks(own, opposed, level=level)[0]}
    ranked = {n.network: n.graph for n in build_networks(own, opposed, level=level, normalisation="average")[0]}
    nodes = {node.id: node for node in shown}
    edges = sorted(ranked[by].edges(data="weight"), key=lambda edge: (-edge[2], edge[0], edge[1]))

    def weight(kind: str, a: str, b: str) -> int:
        edge: dict[str, float] = plain[kind].get_edge_data(a, b, {"weight": 0.0})
        return round(edge["weight"])

    def topics(actor: str) -> set[Any]:
        return {
            topic for topic, edge in plain["actor-topic"][actor].items() if any(edge[s] for s in opposed if s in edge)
        }

    return [
        Pair(
            nodes[a], nodes[b], weight("congruence", a, b), weight("conflict", a, b),
            tuple(sorted(topic.removeprefix("topic:") for topic in topics(a) & topics(b))),
        )
        for a, b, _ in edges[:N_PAIRS]
    ]  # fmt: skip
