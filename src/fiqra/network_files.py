"""Discourse networks as files for Gephi, igraph and visone: GraphML and GEXF, a file a network, or one CSV of edges."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import networkx as nx

from .discourse import DiscourseNetwork
from .files import check_place, whole_file
from .model.errors import DataError
from .results import no_formula

ENDINGS = (".graphml", ".gexf", ".csv")
EDGE_COLUMNS = ("Source", "Target", "Type", "Weight", "network", "window", "source_label", "target_label")


def check_network_output(path: Path) -> None:
    """Raise `DataError` where networks could not be written to `path`."""
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: can't tell the format from {path.suffix!r}; end it in {', '.join(ENDINGS)}")
    check_place(path)


def write_networks(path: Path, networks: Sequence[DiscourseNetwork]) -> list[Path]:
    """Write networks, all or none, and return the files: `path` for CSV, else a file a network beside `path`.

    `net.graphml` becomes `net-congruence.graphml`; with windows of time, `net-2026-02-congruence.graphml`.
    """
    check_network_output(path)
    if path.suffix.lower() == ".csv":
        with whole_file(path) as scratch:
            _write_edges(scratch, networks)
        return [path]
    write = nx.write_graphml if path.suffix.lower() == ".graphml" else nx.write_gexf
    files = []
    with ExitStack() as stack:
        for found in networks:
            when = "" if found.window == "all" else f"-{found.window}"
            files.append(path.with_name(f"{path.stem}{when}-{found.network}{path.suffix}"))
            write(found.graph, stack.enter_context(whole_file(files[-1])), encoding="utf-8")
    return files


def _write_edges(path: Path, networks: Sequence[DiscourseNetwork]) -> None:
    """Write one edge a row under the headings that Gephi's importer knows, and a column for each stance."""
    stances = sorted(
        {key for found in networks for _, _, edge in found.graph.edges(data=True) for key in edge} - {"weight"}
    )
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, lineterminator="\r\n")
        rows.writerow([*EDGE_COLUMNS, *stances])
        for found in networks:
            labels = found.graph.nodes(data="label")
            for source, target, edge in found.graph.edges(data=True):
                if found.graph.nodes[source]["type"] == "topic":
                    source, target = target, source
                row = [source, target, "Undirected", edge["weight"], found.network, found.window]
                row += [labels[source], labels[target], *(edge.get(stance) for stance in stances)]
                rows.writerow([no_formula(cell) for cell in row])
