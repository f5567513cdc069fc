"""Comparing two taggers: the figures against scipy's and hand-worked ones, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import fiqra
from scipy import stats

from fiqra.model.errors import DataError
from fiqra.model.records import LabelledParagraph, TaggedParagraph
from fiqra.training.compare import compare_answers, holm
from fiqra.training.metrics import StanceAnswer, data_sha256, evaluate
from fiqra.training.predictions import Answers, find_saved, prediction_lines, read_saved

C = "ceasefire"


def golds(truth, per_doc=1, **extra):
    return [
        LabelledParagraph(f"p{i}", f"d{i // per_doc}", i % per_doc, f"نص {i}", (C,) if on else (), (), extra)
        for i, on in enumerate(truth)
    ]


def answers(name, gold, said, stances=()):
    probs = dict.fromkeys(("ceasefire", "detainees", "border_security", "diplomacy"), 0.5)
    tagged = [
        TaggedParagraph(g.doc, g.para, g.text, (C,) if on else (), probs, (), name)
        for g, on in zip(gold, said, strict=True)
    ]
    return Answers(name, tagged, list(stances))


def drawn(n=240, right_a=0.8, right_b=0.9, seed=0):
    """Truth, and two taggers that are right with the given chances."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    return truth, *(np.where(rng.random(n) < right, truth, ~truth) for right in (right_a, right_b))


def test_p_and_interval_are_those_of_scipy(labels):
    """With one paragraph a document, `exact` is a mean of paired zeros and ones: scipy has both methods for it."""
    truth, a, b = drawn()
    gold = golds(truth)
    own = compare_answers(gold, answers("a", gold, a), answers("b", gold, b), labels)["measures"]["topics.exact"]
    right_a, right_b = (a == truth).astype(float), (b == truth).astype(float)
    assert own["difference"] == pytest.approx(right_b.mean() - right_a.mean())

    def difference(x, y, axis):
        return y.mean(axis=axis) - x.mean(axis=axis)

    data = (right_a, right_b)
    test = stats.permutation_test(data, difference, permutation_type="samples", n_resamples=10_000, rng=1)
    assert own["p"] == pytest.approx(test.pvalue, abs=0.01)
    interval = stats.bootstrap(
        data, difference, paired=True, n_resamples=10_000, method="percentile", rng=1
    ).confidence_interval
    assert (own["low"], own["high"]) == pytest.approx(tuple(interval), abs=0.006)


def test_whole_documents_and_stories_are_the_units(labels):
    """B is right where A is wrong in 10 of 100 paragraphs: sure if they stand alone, one accident if in one document."""
    truth, a, b = np.ones(100, bool), np.arange(100) >= 10, np.ones(100, bool)
    cases = {
        "alone": golds(truth),
        "document": golds(truth, per_doc=10),
        "story": [replace(g, extra={"cluster": f"s{i // 10}"}) for i, g in enumerate(golds(truth))],
    }
    found = {
        name: compare_answers(gold, answers("a", gold, a), answers("b", gold, b), labels, n_resamples=2000)["measures"][
            "topics.exact"
        ]
        for name, gold in cases.items()
    }
    # alone: 2 of the 2**10 ways to swap the ten give as great a difference; together: both of the two ways
    assert found["alone"]["p"] == pytest.approx(2 / 2**10, abs=0.003)
    assert found["document"]["p"] == found["story"]["p"] == 1
    assert found["document"]["low"] == 0 < found["alone"]["low"]
    assert found["story"]["high"] == found["document"]["high"] > found["alone"]["high"]


def test_values_are_those_of_evaluate_and_a_clear_difference_is_shown(labels):
    truth, a, b = drawn(right_a=0.6, right_b=0.95)
    gold = golds(truth)
    found = compare_answers(gold, answers("a", gold, a), answers("b", gold, b), labels, n_resamples=2000)
    for side, said in (("a", a), ("b", b)):
        metrics = evaluate(gold, answers(side, gold, said).tagged, [], labels, n_resamples=0)
        own = found["measures"]
        assert own["topics.micro_f1"][side] == metrics["topics"]["micro_f1"]["value"]
        assert own["topics.per_topic.ceasefire.recall"][side] == metrics["topics"]["per_topic"][C]["recall"]["value"]
    assert found["measures"]["topics.exact"]["shown"] == "b"
    assert found["measures"]["positions.f1"]["shown"] is None
    assert found["measures"]["positions.f1"]["p"] == 1
    again = compare_answers(gold, answers("a", gold, a), answers("b", gold, b), labels, n_resamples=2000)
    assert again == found
    turned = compare_answers(gold, answers("b", gold, b), answers("a", gold, a), labels, n_resamples=2000)
    exact, mirrored = found["measures"]["topics.exact"], turned["measures"]["topics.exact"]
    assert (mirrored["difference"], mirrored["shown"]) == (-exact["difference"], "a")


def test_of_two_equal_taggers_few_are_told_apart(labels):
    """Under the null hypothesis p is uniform: 5 % of comparisons reach 0.05, within what 100 of them can show."""
    rng = np.random.default_rng(5)
    n_low = 0
    for _ in range(100):
        truth, a, b = drawn(n=80, right_a=0.8, right_b=0.8, seed=rng)
        gold = golds(truth, per_doc=2)
        found = compare_answers(gold, answers("a", gold, a), answers("b", gold, b), labels, n_resamples=200)
        n_low += found["measures"]["topics.exact"]["p"] <= 0.05
    assert n_low <= 12  # a binomial of 100 at 0.05 passes 12 twice in 1000


def test_holm_by_hand():
    # in order 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04; none may fall below the one before
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1, 1]


def test_one_document_can_not_be_compared(labels):
    gold = golds([True, False], per_doc=2)
    with pytest.raises(DataError, match="one document or story"):
        compare_answers(gold, answers("a", gold, [1, 1]), answers("b", gold, [0, 0]), labels)


def test_the_digest_knows_what_counts_and_not_the_order(labels, records):
    digest = data_sha256(records)
    assert data_sha256(records[::-1]) == digest
    first, *rest = records
    for changed in (
        replace(first, topics=()),
        replace(first, text=first.text + " "),
        replace(first, doc="other"),
        replace(first, id="other"),
        replace(first, extra={"cluster": "s"}),
    ):
        assert data_sha256([changed, *rest]) != digest
    assert data_sha256([replace(first, extra={"outlet": "x"}), *rest]) == digest


@pytest.fixture
def saved(labels, records, tmp_path):
    """A folder as `evaluate -o` writes it, of a tagger that is right in everything."""
    probs = dict.fromkeys(labels.topic_ids, 0.5)
    tagged = [TaggedParagraph(g.doc, g.para, g.text, g.topics, probs, g.positions, "right 1") for g in records]
    stances = [StanceAnswer(i, p.topic, p.stance, p.stance) for i, g in enumerate(records) for p in g.positions]
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "predictions.jsonl").write_text(prediction_lines(records, tagged, stances), encoding="utf-8")
    metrics = {"tagger": "right 1", **evaluate(records, tagged, stances, labels, n_resamples=0)}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return folder


def test_saved_predictions_come_back_whole(saved, records):
    run = find_saved(str(saved))
    back = read_saved(run, records[::-1])
    assert [t.text for t in back.tagged] == [g.text for g in records[::-1]]
    assert [t.positions for t in back.tagged] == [g.positions for g in records[::-1]]
    assert len(back.stances) == sum(len(g.positions) for g in records)
    assert all(s.gold == s.predicted for s in back.stances)


def test_a_tagger_against_saved_predictions(saved, folder, root, tmp_path):
    data = root / "tests/data/smoke.jsonl"
    fiqra("evaluate", folder, data, "-o", tmp_path / "own", "--resamples", 0)
    result = fiqra("compare", folder, tmp_path / "own", "--data", data, "--json", "--resamples", 1000)
    own = json.loads(result.stdout)
    assert own["n_measures"] == len(own["measures"]) == 34
    assert {m["difference"] for m in own["measures"].values()} == {0}
    assert {m["shown"] for m in own["measures"].values()} == {None}

    result = fiqra(
        "compare", folder, saved / "predictions.jsonl", "--data", data, "-o", tmp_path / "c.json", "--resamples", 2000
    )
    assert "no difference shown" in result.stdout or "B is higher" in result.stdout
    assert "34 measures are tested at once" in result.stderr
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert written["measures"]["topics.macro_f1"]["b"] == 1
    assert written["measures"]["stance.macro_f1"]["shown"] == "b"


def test_runs_that_can_not_be_compared_are_refused(saved, folder, root, tmp_path):
    data = root / "tests/data/smoke.jsonl"
    lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
    metrics = json.loads((saved / "metrics.json").read_text())

    def refused(said, *, changed=None, data=data):
        (saved / "metrics.json").write_text(json.dumps({**metrics, **(changed or {})}))
        assert said in fiqra("compare", folder, saved, "--data", data, code=2).stderr

    refused("of version 0, here they are of version 1", changed={"metrics_version": 0})
    stances = metrics["labels"]["stances"]
    other = {"labels": {"topics": ["ceasefire", "elections"], "stances": stances}}
    refused("the label sets differ", changed=other)
    refused("has ceasefire, elections", changed=other)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(lines[1:]), encoding="utf-8")
    refused("1 predictions are of paragraphs that the data hasn't", data=fewer)
    relabelled = tmp_path / "relabelled.jsonl"
    first = {**json.loads(lines[0]), "doc": "another"}
    relabelled.write_text("".join([json.dumps(first) + "\n", *lines[1:]]), encoding="utf-8")
    refused("gold labels, documents or stories have changed", data=relabelled)
    retold = tmp_path / "retold.jsonl"
    retold.write_text("".join([lines[0].replace('"text": "', '"text": "قال: '), *lines[1:]]), encoding="utf-8")
    refused("1 texts differ", data=retold)
    del metrics["data_sha256"]
    refused("doesn't say 'data_sha256'")
    (saved / "metrics.json").unlink()
    assert "no metrics.json beside it" in fiqra("compare", saved, folder, "--data", data, code=2).stderr
    assert "no tagger" in fiqra("compare", tmp_path / "none", folder, "--data", data, code=2).stderr
    assert (
        "stand in another file already"
        in fiqra("compare", folder, folder, "--data", data, "--data", data, code=2).stderr
    )


def test_stances_are_left_out_where_one_side_has_none(saved, folder, root):
    path = saved / "predictions.jsonl"
    kept = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in r.items() if k != "stances_given_gold"}) + "\n" for r in kept))
    result = fiqra("compare", folder, saved, "--data", root / "tests/data/smoke.jsonl", "--json", "--resamples", 1000)
    assert not [key for key in json.loads(result.stdout)["measures"] if key.startswith("stance.")]
