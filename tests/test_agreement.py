"""Agreement of two labellings: published examples, scikit-learn, the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import fiqra
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from fiqra.labelstudio import read_export
from fiqra.model.errors import DataError
from fiqra.model.records import Actor, LabelledParagraph, Position
from fiqra.training.agreement import (
    agree,
    cohen_kappa,
    krippendorff_alpha,
    masi_distance,
    measure_agreement,
    paired,
)
from fiqra.training.labelled import read_labelled

C, D, B, G = "ceasefire", "diplomacy", "border_security", "detainees"
TEXT = "رحبت الحكومة العراقية بالهدنة ودعت دمشق إلى محادثات."
IRAQ, DAMASCUS = Actor("الحكومة العراقية", 5, 21), Actor("دمشق", 35, 39)


def table(first, second):
    values = sorted({*first, *second})
    counts = np.zeros((len(values), len(values)))
    for a, b in zip(first, second, strict=True):
        counts[values.index(a), values.index(b)] += 1
    return counts


def nominal(counts):
    return 1 - np.eye(len(counts))


def labelled(i, topics, positions=(), doc=None):
    return LabelledParagraph(f"p{i}", doc or f"d{i}", 0, TEXT, tuple(topics), tuple(positions))


def test_alpha_of_krippendorffs_examples():
    """Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, sections A (0.095) and B (0.692)."""
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    counts = table(meg, owen)
    assert krippendorff_alpha(counts, nominal(counts)) == pytest.approx(0.095, abs=5e-4)
    counts = table("aabbdcccedda", "babbbcccedddd"[:12])
    assert krippendorff_alpha(counts, nominal(counts)) == pytest.approx(0.692, abs=5e-4)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=30))
def test_alpha_is_observed_over_expected_disagreement_of_pairs(units):
    """Against the definition: mean distance within units over mean distance of all pairs of values."""
    values = "abc"
    distance = np.array([[0, 0.2, 1], [0.2, 0, 0.5], [1, 0.5, 0]])
    counts = np.zeros((3, 3))
    for a, b in units:
        counts[values.index(a), values.index(b)] += 1
    every = [values.index(value) for unit in units for value in unit]
    pairs = [distance[a, b] for i, a in enumerate(every) for j, b in enumerate(every) if i != j]
    alpha = krippendorff_alpha(counts, distance)
    if sum(pairs) == 0:
        assert np.isnan(alpha)
    else:
        within = np.mean([distance[values.index(a), values.index(b)] for a, b in units])
        assert alpha == pytest.approx(1 - within / np.mean(pairs))


def test_kappa_by_hand_and_by_scikit_learn():
    # 35 of 50 agree; by chance 25/50 * 30/50 + 25/50 * 20/50 = 0.5 would
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 3, (2, 40))
    assert cohen_kappa(table(first, second)) == pytest.approx(cohen_kappa_score(first, second))
    assert np.isnan(cohen_kappa(np.array([[7, 0], [0, 0]])))


def test_masi_distance_of_passonneaus_cases():
    ab, a, bc, c, none = (frozenset(letters) for letters in ("ab", "a", "bc", "c", ""))
    assert masi_distance(ab, ab) == masi_distance(none, none) == 0
    assert masi_distance(ab, a) == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert masi_distance(ab, bc) == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert masi_distance(a, c) == masi_distance(a, none) == 1


def test_a_table_worked_by_hand(labels):
    first = [
        labelled(0, [C, D], [Position(IRAQ, C, "favor"), Position(None, D, "neutral")]),
        labelled(1, [C]),
        labelled(2, []),
        labelled(3, [D], [Position(DAMASCUS, D, "against")]),
    ]
    second = [
        labelled(0, [C], [Position(Actor("الحكومة", 5, 12), C, "favor")]),  # 7 of 16 characters: too short
        labelled(1, [C]),
        labelled(2, []),
        labelled(3, [D], [Position(DAMASCUS, D, "against")]),
    ]
    found = measure_agreement(first, second, labels, n_resamples=0)
    value = {key: own["value"] for key, own in found["measures"].items()}
    assert value["topics.per_topic.ceasefire.kappa"] == value["topics.per_topic.ceasefire.alpha"] == 1
    # diplomacy: 3 of 4 agree; chance (2/4 * 1/4 + 2/4 * 3/4) = 0.5
    assert value["topics.per_topic.diplomacy.kappa"] == pytest.approx(0.5)
    # coincidences 4 (off, off), 1 + 1 (mixed), 2 (on, on): 1 - 7 * 1 / (5 * 3)
    assert value["topics.per_topic.diplomacy.alpha"] == pytest.approx(1 - 7 / 15)
    assert value["topics.per_topic.detainees.kappa"] is None
    assert value["topics.macro_kappa"] is None
    assert value["topics.exact"] == 0.75
    assert value["positions.f1"] == pytest.approx(2 * 1 / (3 + 2))
    assert value["topic_stance.f1"] == pytest.approx(2 * 2 / (3 + 2))
    # values CD, C, C, C, none, none, D, D; the one unit that differs is CD against C, 2/3 apart
    within = 2 / 3 / 4
    between = 2 * (3 * 2 / 3 + 2 * 1 + 2 * 2 / 3 + 3 * 2 + 3 * 2 + 2 * 2) / (8 * 7)
    assert value["topics.masi_alpha"] == pytest.approx(1 - within / between)
    assert found["support"] == {"topics": {C: [2, 2], G: [0, 0], B: [0, 0], D: [2, 1]}, "positions": [3, 2]}
    assert [agree(a, b) for a, b in zip(first, second, strict=True)] == [False, True, True, True]


def test_the_order_of_the_labellings_changes_nothing_and_intervals_draw_documents(labels):
    rng = np.random.default_rng(1)
    sides = [[labelled(i, [t for t in (C, D) if rng.random() < 0.5]) for i in range(60)] for _ in range(2)]
    there, back = (measure_agreement(a, b, labels, n_resamples=200)["measures"] for a, b in (sides, sides[::-1]))
    assert there == {key: pytest.approx(own) for key, own in back.items()}
    own = there["topics.per_topic.ceasefire.kappa"]
    assert own["low"] < own["value"] < own["high"]
    merged = [[replace(p, doc="one") for p in side] for side in sides]
    own = measure_agreement(*merged, labels, n_resamples=50)["measures"]["topics.per_topic.ceasefire.kappa"]
    assert own["low"] == own["value"] == own["high"]


def test_labellings_of_other_paragraphs_are_refused():
    first = [labelled(0, []), labelled(1, []), labelled(2, [])]
    assert paired(first, first[::-1], ("a", "b")) == first
    with pytest.raises(DataError, match=r"1 only in a: p0\n  1 only in b: p9\n  1 with other texts: p1"):
        paired(first, [labelled(9, []), replace(first[1], text="نص آخر"), first[2]], ("a", "b"))


def test_the_shipped_labellings(root, labels, tmp_path):
    """The figures of data/README.md, and the disagreements as tasks that come back once they are settled."""
    files = [root / f"data/agreement/{name}.jsonl" for name in ("first", "second")]
    out, config = tmp_path / "differ.json", tmp_path / "config.xml"
    result = fiqra("agreement", *files, "-o", out, "--config-out", config, "--json", "--resamples", 100)
    measures = json.loads(result.stdout)["measures"]
    kappas = [measures[f"topics.per_topic.{topic}.kappa"]["value"] for topic in (C, G, B, D)]
    assert kappas == pytest.approx([0.94, 0.94, 0.93, 0.89], abs=0.005)
    assert measures["positions.f1"]["value"] == pytest.approx(0.80, abs=0.005)
    assert "112 of 336 paragraphs differ" in result.stderr
    assert "direction: rtl" in config.read_text(encoding="utf-8")

    tasks = json.loads(out.read_text(encoding="utf-8"))
    assert len(tasks) == 112
    assert {tuple(p["model_version"] for p in task["predictions"]) for task in tasks} == {
        ("first.jsonl", "second.jsonl")
    }
    for task in tasks[:40]:  # somebody takes over the second labelling of forty
        task["annotations"] = [{"result": task["predictions"][1]["result"]}]
    out.write_text(json.dumps(tasks), encoding="utf-8")
    settled = read_export(out, labels)
    assert settled.n_without == 72
    second = {record.id: record for record in read_labelled(files[1], labels)}
    assert all(agree(record, second[record.id]) for record in settled.records)
    assert len(settled.records) == 40


def test_the_table_and_the_errors(root, tmp_path):
    files = [root / f"data/agreement/{name}.jsonl" for name in ("first", "second")]
    result = fiqra("agreement", *files, "--resamples", 0)
    for part in ("Cohen's kappa", "Krippendorff's alpha", "sets of topics, MASI", "0.936"):
        assert part in result.stdout
    smoke = root / "tests/data/smoke.jsonl"
    assert "don't label the same paragraphs" in fiqra("agreement", files[0], smoke, code=2).stderr
    assert "can't read it" in fiqra("agreement", files[0], tmp_path / "no.jsonl", code=2).stderr
    assert "no folder" in fiqra("agreement", *files, "-o", tmp_path / "no/differ.json", code=2).stderr
