"""Discourse networks by hand-worked numbers, their files read back by igraph, and the tables for DNA."""

import csv
from pathlib import Path

import igraph
import pytest
from command_line import fiqra

from fiqra.discourse import build_networks, window_of
from fiqra.dna_export import DOCUMENT_COLUMNS, STATEMENT_COLUMNS, write_dna
from fiqra.ledger import LedgerRow
from fiqra.ledger_files import write_ledger
from fiqra.model.errors import DataError
from fiqra.network_files import write_networks

OPPOSED = ("favor", "against")


def row(actor, topic, stance, article="1", prob=0.5, date="2026-01-10", para=0, **changed):
    """A row of an actor with an id ("iq"), as written (a name in Arabic), or implied (None)."""
    known = actor is not None and actor.isascii()
    name = {"iq": "العراق", "tr": "تركيا", "sy.army": "الجيش السوري", "sdf": "قسد"}.get(actor, actor)
    text = f"😀 قال. {name or 'قيل'} أيّد ذلك."
    fields = {
        "date": date, "outlet": "صحيفة", "article": article, "para": para,
        "quote": text[7:], "quote_start": 7, "quote_end": len(text),
        "actor_text": name, "actor_start": name and 7, "actor_end": name and 7 + len(name),
        "actor_id": actor if known else None, "actor_name": name, "actor_kind": "state" if known else None,
        "actor_root": actor.split(".")[0] if known else None, "actor_root_name": "سوريا" if actor == "sy.army" else name,
        "actor_rule": "implied" if actor is None else "name" if known else "unknown",
        "topic": topic, "stance": stance, "prob": prob, "tagger": "tiny 0", "text": text,
    }  # fmt: skip
    return LedgerRow(**{**fields, **changed})


# X: iq: ceasefire + twice, detainees + once; tr: ceasefire + once, - once; خلف: ceasefire - twice, diplomacy neutral
ROWS = [
    row("iq", "ceasefire", "favor", "1", 0.9), row("iq", "ceasefire", "favor", "1", 0.4), row("iq", "ceasefire", "favor", "2", 0.5),
    row("iq", "detainees", "favor", "2", 0.8),
    row("tr", "ceasefire", "favor", "1", 0.6), row("tr", "ceasefire", "against", "3", 0.2),
    row("خَلَف المطلك", "ceasefire", "against", "3", 0.7), row("خلف المطلك", "ceasefire", "against", "4", 0.3),
    row("خلف المطلك", "diplomacy", "neutral", "4", 0.3),
    row(None, "ceasefire", "favor"),
    row("الوزارة", "ceasefire", "favor", actor_rule="ambiguous"),
]  # fmt: skip
KHALAF = "text:خلف مطلك"


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def graphs(rows=ROWS, **options):
    networks, left_out = build_networks(rows, OPPOSED, **options)
    return {(n.window, n.network): n.graph for n in networks}, left_out


def ties(graph):
    return {frozenset(pair): round(weight, 6) for *pair, weight in graph.edges(data="weight")}


def tie(a, b, weight):
    return {frozenset((a, b)): round(weight, 6)}


def test_congruence_and_conflict_are_sums_of_products():
    found, left_out = graphs()
    assert ties(found["all", "congruence"]) == tie("iq", "tr", 2 * 1) | tie("tr", KHALAF, 1 * 2)
    assert ties(found["all", "conflict"]) == tie("iq", "tr", 2 * 1) | tie("iq", KHALAF, 2 * 2) | tie(
        "tr", KHALAF, 1 * 2
    )
    assert left_out == {"the actor is implied": 1, "a short name for several, which the article leaves open": 1}
    # two spellings of an unknown name are one node, shown as it was first written
    assert found["all", "conflict"].nodes[KHALAF]["label"] in ("خَلَف المطلك", "خلف المطلك")


def test_the_actor_topic_network_keeps_the_stances_apart():
    graph = graphs()[0]["all", "actor-topic"]
    assert graph.edges["tr", "topic:ceasefire"] == {"weight": 2.0, "favor": 1.0, "against": 1.0, "neutral": 0.0}
    assert graph.edges[KHALAF, "topic:diplomacy"]["neutral"] == 1.0
    assert {data["type"] for _, data in graph.nodes(data=True)} == {"actor", "topic"}


def test_an_article_counts_a_stance_once_unless_told_otherwise():
    every = graphs(duplicates="include")[0]
    assert ties(every["all", "congruence"]) == tie("iq", "tr", 3 * 1) | tie("tr", KHALAF, 1 * 2)


def test_expected_counts_sum_probabilities():
    found = graphs(weights="expected")[0]
    # in article 1 iq says it twice: the greater probability counts
    assert ties(found["all", "congruence"]) == tie("iq", "tr", (0.9 + 0.5) * 0.6) | tie("tr", KHALAF, 0.2 * 1.0)
    with pytest.raises(DataError, match="expected counts need a probability"):
        graphs([row("iq", "ceasefire", "favor", prob=None)], weights="expected")


@pytest.mark.parametrize(
    ("normalisation", "norm"),
    [
        ("average", (3 + 2) / 2),  # n(iq) = 3, n(tr) = 2
        ("cosine", 3 * 2),
        ("jaccard", 1 + 1 + 2 * 1),  # only iq: detainees +; only tr: ceasefire -; both: ceasefire + (2 x 1)
    ],
)
def test_normalisations_divide_as_dna_does(normalisation, norm):
    found = graphs(normalisation=normalisation)[0]
    assert ties(found["all", "congruence"])[frozenset(("iq", "tr"))] == round(2 / norm, 6)
    assert ties(found["all", "conflict"])[frozenset(("iq", "tr"))] == round(2 / norm, 6)
    share = found["all", "actor-topic"].edges["iq", "topic:ceasefire"]["weight"]
    assert share == pytest.approx(2 / 3 if normalisation == "average" else 2)


def test_windows_part_the_time_and_rows_without_a_date_are_counted():
    rows = [
        row("iq", "ceasefire", "favor", date=d) for d in ("2026-01-31", "2026-02-01T09:00", "2026-04-01", None, "أمس")
    ]
    found, left_out = graphs(rows, window="month")
    assert list(dict.fromkeys(when for when, _ in found)) == ["2026-01", "2026-02", "2026-04"]
    assert left_out == {"no date in the form 2026-01-31": 2}
    assert window_of("2026-12-31", "quarter") == "2026-Q4"
    assert window_of("2026-12-31", "year") == "2026"
    with pytest.raises(DataError, match="take --window all"):
        graphs(rows[3:], window="month")


def test_at_the_root_level_an_office_is_its_state():
    rows = [row("sy.army", "ceasefire", "favor"), row("iq", "ceasefire", "favor")]
    assert ties(graphs(rows, level="root")[0]["all", "congruence"]) == tie("sy", "iq", 1)
    assert graphs(rows, level="root")[0]["all", "congruence"].nodes["sy"]["label"] == "سوريا"


def test_igraph_reads_the_graphml(tmp_path):
    networks, _ = build_networks([*ROWS, row("س\x0bص", "ceasefire", "favor")], OPPOSED)
    files = write_networks(tmp_path / "net.graphml", networks)
    assert [file.name for file in files] == [
        f"net-{name}.graphml" for name in ("actor-topic", "congruence", "conflict")
    ]
    for file, network in zip(files, networks, strict=True):
        graph = igraph.Graph.Read_GraphML(str(file))
        assert (graph.vcount(), graph.ecount()) == (network.graph.number_of_nodes(), network.graph.number_of_edges())
        assert not graph.is_directed()
        read = {
            frozenset((graph.vs[edge.source]["id"], graph.vs[edge.target]["id"])): round(edge["weight"], 6)
            for edge in graph.es
        }
        assert read == ties(network.graph)
        assert set(graph.vs["label"]) == set(dict(network.graph.nodes(data="label")).values())
        assert "العراق" in graph.vs["label"]


def test_gexf_holds_the_same_edges(tmp_path):
    import networkx

    networks, _ = build_networks(ROWS, OPPOSED)
    for file, network in zip(write_networks(tmp_path / "net.gexf", networks), networks, strict=True):
        graph = networkx.read_gexf(file)
        assert ties(graph) == ties(network.graph)
        assert {data["kind"] for _, data in graph.nodes(data=True)} == {
            data["kind"] for _, data in network.graph.nodes(data=True)
        }


def test_one_csv_of_edges_with_gephis_headings(tmp_path):
    networks, _ = build_networks(ROWS, OPPOSED, window="month")
    (path,) = write_networks(tmp_path / "net.csv", networks)
    edges = read_csv(path)
    assert list(edges[0])[:4] == ["Source", "Target", "Type", "Weight"]
    assert {edge["network"] for edge in edges} == {"actor-topic", "congruence", "conflict"}
    assert {(e["Source"], e["favor"], e["against"]) for e in edges if e["Target"] == "topic:ceasefire"} == {
        ("iq", "2.0", "0.0"), ("tr", "1.0", "1.0"), (KHALAF, "0.0", "2.0")
    }  # fmt: skip
    assert sum(edge["network"] == "conflict" for edge in edges) == 3


def test_dna_statements_point_into_their_documents(tmp_path):
    rows = [row("iq", "ceasefire", "favor"), row("tr", "ceasefire", "against", para=2), row("tr", "diplomacy", "neutral"),
            row("sdf", "detainees", "favor", "b", date=None), row(None, "ceasefire", "favor")]  # fmt: skip
    n, left_out = write_dna(tmp_path / "dna", rows, OPPOSED)
    assert n == 2
    assert sorted(left_out.values()) == [1, 1, 1]
    documents = read_csv(tmp_path / "dna/documents.csv")
    statements = read_csv(tmp_path / "dna/statements.csv")
    assert (tuple(documents[0]), tuple(statements[0])) == (DOCUMENT_COLUMNS, STATEMENT_COLUMNS)
    assert [(d["document"], d["title"], d["source"], d["date_time"]) for d in documents] == [
        ("1", "1", "صحيفة", "2026-01-10")
    ]
    assert [(s["organization"], s["concept"], s["agreement"]) for s in statements] == [
        ("العراق", "ceasefire", "1"), ("تركيا", "ceasefire", "0")
    ]  # fmt: skip
    units = documents[0]["text"].encode("utf-16-le")  # what a Java string counts
    for statement, source in zip(statements, rows, strict=False):
        start, end = int(statement["startCaret"]), int(statement["endCaret"])
        assert units[2 * start : 2 * end].decode("utf-16-le") == source.quote


def test_every_column_that_dnas_functions_take_is_handed_over(tmp_path):
    write_dna(tmp_path / "dna", [row("iq", "ceasefire", "favor")], OPPOSED)
    script = (tmp_path / "dna/import.R").read_text(encoding="utf-8")
    for column in DOCUMENT_COLUMNS:
        assert f"documents${column}" in script
    for column in STATEMENT_COLUMNS[:-1]:  # the probability is for the reader
        assert f"s${column}" in script


@pytest.fixture
def ledger(tmp_path) -> Path:
    write_ledger(tmp_path / "ledger.parquet", ROWS)
    return tmp_path / "ledger.parquet"


def test_the_command_writes_networks_and_says_what_it_left_out(ledger, tmp_path):
    result = fiqra("network", ledger, "-o", tmp_path / "n.graphml", "--window", "quarter", "--dna", tmp_path / "d")
    assert sorted(path.name for path in tmp_path.glob("n-*")) == [
        f"n-2026-Q1-{name}.graphml" for name in ("actor-topic", "conflict", "congruence")
    ]
    assert "left out: 1 positions: the actor is implied" in result.stderr
    assert "8 statements for Discourse Network Analyzer" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to write"),
        (["-o", "n.xlsx"], "end it in .graphml, .gexf, .csv"),
        (["-o", "no/n.csv"], "no folder no"),
        (["--dna", "ledger.parquet"], "is a file; name a folder"),
    ],
)
def test_mistakes_end_with_code_2(ledger, monkeypatch, arguments, said):
    monkeypatch.chdir(ledger.parent)
    assert said in fiqra("network", "ledger.parquet", *arguments, code=2).stderr
    assert [path.name for path in ledger.parent.iterdir()] == ["ledger.parquet"]
