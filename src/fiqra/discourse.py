"""Discourse networks of a ledger, after Leifeld.

X[a, t, s] is how often actor a took stance s on topic t. The actor-topic network joins a and t by their sum over s. Two
actors are congruent where they take the same stance on a topic, in conflict where they take opposed ones:

    congruence(a, b) = sum over t of X[a,t,+] X[b,t,+] + X[a,t,-] X[b,t,-]
    conflict(a, b)   = sum over t of X[a,t,+] X[b,t,-] + X[a,t,-] X[b,t,+]

with + and - the first two stances of the label set (in favor, against); a neutral statement joins an actor to its
topic alone. Normalisations are those of Discourse Network Analyzer, as its `Exporter.java` computes them, with n(a) the
sum of X[a,.,.] over + and -:

    average   divide by (n(a) + n(b)) / 2; the actor-topic network, by the actor's sum ("activity")
    jaccard   divide by m10 + m01 + m11: what only a said, what only b said, and the products of what both said
    cosine    divide by n(a) n(b)

Jaccard and cosine are not defined for the actor-topic network, which keeps its counts. P. Leifeld: "Discourse Network
Analysis: Policy Debates as Dynamic Networks", in: The Oxford Handbook of Political Networks, 2017; Leifeld, Gruber,
Bossner: Discourse Network Analyzer Manual, 2018, chapter 2.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import networkx as nx

from .actor_names import fold_name
from .ledger import LedgerRow, day_of
from .model.errors import DataError

Weights = Literal["count", "expected"]
Window = Literal["month", "quarter", "year", "all"]
Normalisation = Literal["none", "average", "jaccard", "cosine"]
Duplicates = Literal["article", "include"]
Level = Literal["actor", "root"]
NETWORKS = ("actor-topic", "congruence", "conflict")
# What XML can't hold would make a file that nobody opens.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
Statements = Mapping[tuple[str, str, str], float]  # (actor, topic, stance) -> X


@dataclass(frozen=True)
class Node:
    """An actor as networks and reports know it: an id of the list, or "text:" and the folded name as written."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True)
class DiscourseNetwork:
    window: str  # "2026-02", "2026-Q1", "2026" or "all"
    network: str  # one of NETWORKS
    graph: nx.Graph


def node_of(row: LedgerRow, level: Level = "actor") -> Node | None:
    """Return the actor of a row, or at level "root" the highest it belongs to; None where nobody can say who it is."""
    if row.actor_name is None or row.actor_rule == "ambiguous":
        return None
    if row.actor_id is None:
        name = _NOT_XML.sub("", row.actor_name)
        return Node(f"text:{' '.join(fold_name(name)) or name}", name, "unresolved")
    if level == "root" and row.actor_root and row.actor_root_name:
        return Node(row.actor_root, row.actor_root_name, "root")
    return Node(row.actor_id, row.actor_name, row.actor_kind or "")


def no_actor(row: LedgerRow) -> str:
    """Say why a row has no node."""
    return (
        "the actor is implied" if row.actor_name is None else "a short name for several, which the article leaves open"
    )


def window_of(date: str | None, window: Window) -> str | None:
    """Return the window in which a date falls; None where it isn't known."""
    if window == "all":
        return "all"
    day = day_of(date)
    if day is None:
        return None
    if window == "quarter":
        return f"{day.year:04d}-Q{(day.month + 2) // 3}"
    return f"{day.year:04d}-{day.month:02d}" if window == "month" else f"{day.year:04d}"


def statements(
    rows: Sequence[LedgerRow], nodes: Sequence[Node], *, weights: Weights = "count", duplicates: Duplicates = "article"
) -> dict[tuple[str, str, str], float]:
    """Return X, from rows and the node of each.

    Args:
        weights: "count": a statement is 1; "expected": its probability, so that sums are expected counts.
        duplicates: "article": the same stance of an actor on a topic counts once an article, with the greatest of its
            probabilities (the chance that one of them is right is at least that, however they hang together);
            "include": every row counts.

    Raises:
        DataError: expected counts are asked for and a row has no probability.
    """
    if weights == "expected" and any(row.prob is None for row in rows):
        raise DataError("expected counts need a probability in every row of the ledger; take --weights count")
    best: dict[tuple[object, ...], float] = {}
    for i, (row, node) in enumerate(zip(rows, nodes, strict=True)):
        value = 1.0 if weights == "count" or row.prob is None else row.prob
        unit = (
            node.id,
            row.topic,
            row.stance,
            *((row.outlet, row.date, row.article) if duplicates == "article" else (i,)),
        )
        best[unit] = max(value, best.get(unit, 0.0))
    sums: dict[tuple[str, str, str], float] = defaultdict(float)
    for (actor, topic, stance, *_), value in best.items():
        sums[str(actor), str(topic), str(stance)] += value
    return dict(sums)


def build_networks(
    rows: Sequence[LedgerRow],
    opposed: tuple[str, str],
    *,
    weights: Weights = "count",
    window: Window = "all",
    normalisation: Normalisation = "none",
    duplicates: Duplicates = "article",
    level: Level = "actor",
) -> tuple[list[DiscourseNetwork], Counter[str]]:
    """Return the three networks of each window in time's order, and a count of the rows left out, by reason.

    Args:
        opposed: The two stances that oppose each other, in favor first.

    Raises:
        DataError: no row can be used.
    """
    left_out: Counter[str] = Counter()
    windows: dict[str, list[tuple[LedgerRow, Node]]] = defaultdict(list)
    for row in rows:
        found, when = node_of(row, level), window_of(row.date, window)
        if found is None:
            left_out[no_actor(row)] += 1
        elif when is None:
            left_out["no date in the form 2026-01-31"] += 1
        else:
            windows[when].append((row, found))
    if not windows:
        reasons = ", ".join(f"{n}: {reason}" for reason, n in left_out.items())
        raise DataError(f"no position is left for a network ({reasons}); without dates, take --window all")
    networks = []
    for when, pairs in sorted(windows.items()):
        x = statements([row for row, _ in pairs], [n for _, n in pairs], weights=weights, duplicates=duplicates)
        nodes = {n.id: n for _, n in pairs}
        networks.append(DiscourseNetwork(when, "actor-topic", _actor_topic(x, nodes, normalisation)))
        networks += [
            DiscourseNetwork(when, kind, _actor_actor(x, nodes, opposed, kind == "conflict", normalisation))
            for kind in NETWORKS[1:]
        ]
    return networks, left_out


def _actor_topic(x: Statements, nodes: Mapping[str, Node], normalisation: Normalisation) -> nx.Graph:
    graph = nx.Graph()
    activity: Counter[str] = Counter()
    for (actor, _, _), value in x.items():
        activity[actor] += value  # type: ignore[assignment]
    for (actor, topic, stance), value in sorted(x.items()):
        _add_actor(graph, nodes[actor], activity[actor])
        graph.add_node(f"topic:{topic}", label=topic, type="topic", kind="topic", statements=0.0)
        if not graph.has_edge(actor, f"topic:{topic}"):
            graph.add_edge(actor, f"topic:{topic}", weight=0.0)
        edge = graph.edges[actor, f"topic:{topic}"]
        edge[stance] = value
        edge["weight"] += value / activity[actor] if normalisation == "average" else value
        graph.nodes[f"topic:{topic}"]["statements"] += value
    stances = sorted({stance for _, _, stance in x})
    for _, _, edge in graph.edges(data=True):
        for stance in stances:
            edge.setdefault(stance, 0.0)  # a key that some edges lack reads as missing in Gephi
    return graph


def _add_actor(graph: nx.Graph, node: Node, activity: float) -> None:
    graph.add_node(node.id, label=node.name, type="actor", kind=node.kind, statements=float(activity))


def _actor_actor(
    x: Statements, nodes: Mapping[str, Node], opposed: tuple[str, str], conflict: bool, normalisation: Normalisation
) -> nx.Graph:
    graph = nx.Graph()
    own: dict[str, dict[tuple[str, str], float]] = {actor: {} for actor in nodes}
    for (actor, topic, stance), value in sorted(x.items()):
        if stance in opposed:
            own[actor][topic, stance] = value
    for actor in sorted(own):
        _add_actor(graph, nodes[actor], sum(own[actor].values()))
    other = dict(zip(opposed, reversed(opposed), strict=True))
    for a, b in combinations(sorted(own), 2):
        shared = sum(
            value * own[b].get((topic, other[stance] if conflict else stance), 0.0)
            for (topic, stance), value in own[a].items()
        )
        if shared:
            graph.add_edge(a, b, weight=shared / _norm(own[a], own[b], normalisation))
    return graph


def _norm(
    a: Mapping[tuple[str, str], float], b: Mapping[tuple[str, str], float], normalisation: Normalisation
) -> float:
    """Return what a tie is divided by; never 0 for two actors that share a statement."""
    n_a, n_b = sum(a.values()), sum(b.values())
    if normalisation == "average":
        return (n_a + n_b) / 2
    if normalisation == "cosine":
        return n_a * n_b
    if normalisation == "jaccard":
        only_a = sum(value for key, value in a.items() if key not in b)
        only_b = sum(value for key, value in b.items() if key not in a)
        return only_a + only_b + sum(value * b[key] for key, value in a.items() if key in b)
    return 1.0
