from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from fiqra.model.errors import DataError
from fiqra.model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from fiqra.training.matching import is_right, match, n_matched, overlap
from fiqra.training.metrics import StanceAnswer, average_precision, evaluate

C, D, B, G = "ceasefire", "diplomacy", "border_security", "detainees"


def at(start, end):
    return Actor("x" * (end - start), start, end)


def gold(i, topics, positions=(), doc=None):
    return LabelledParagraph(str(i), doc or f"d{i}", 0, f"t{i}", tuple(topics), tuple(positions))


def said(i, topics, positions=(), probs=None):
    probs = {t: (0.9 if t in topics else 0.1) for t in (C, G, B, D)} | (probs or {})
    return TaggedParagraph("a", 0, f"t{i}", tuple(topics), probs, tuple(positions), "x")


def test_overlap_is_intersection_over_union():
    assert overlap(at(0, 10), at(5, 15)) == pytest.approx(5 / 15)
    assert overlap(at(0, 10), at(0, 5)) == 0.5
    assert overlap(None, None) == 1
    assert overlap(None, at(0, 1)) == overlap(at(0, 1), None) == 0
    assert overlap(at(0, 2), at(2, 4)) == 0


def test_positions_are_matched_one_to_one_as_many_as_possible():
    wide, left, right = at(0, 10), at(0, 6), at(4, 10)
    g = [Position(left, C, "favor"), Position(wide, C, "favor")]
    # `left` fits both gold actors and `right` only the wide one: taking `left` for the wide one first would lose a match
    p = [Position(left, C, "favor"), Position(right, C, "favor")]
    assert n_matched(g, p) == 2
    assert n_matched(g, p[:1] * 2) == 2
    assert n_matched(g[:1], p) == 1
    assert n_matched(g, [Position(left, D, "favor"), Position(wide, C, "against")]) == 0
    assert n_matched([Position(None, C, "favor")], [Position(left, C, "favor")]) == 0
    assert n_matched([Position(None, C, "favor")], [Position(left, C, "favor")], actors=False) == 1


spans = st.one_of(st.none(), st.builds(lambda start, n: at(start, start + n), st.integers(0, 6), st.integers(1, 6)))
positions = st.lists(
    st.builds(Position, spans, st.sampled_from([C, D]), st.sampled_from(["favor", "against"])), max_size=5
)


@settings(max_examples=300, deadline=None)
@given(positions, positions)
def test_the_matching_is_as_large_as_any_and_holds_only_right_pairs(golds, predicted):
    pairs = match(golds, predicted, is_right)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(is_right(golds[row], predicted[column]) for row, column in pairs)
    for actors in (True, False):
        few, many = sorted((golds, predicted), key=len)
        brute = max(
            sum(is_right(a, b, actors=actors) for a, b in zip(few, order, strict=True))
            for order in permutations(many, len(few))
        )
        assert n_matched(golds, predicted, actors=actors) == brute


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.3, 0.3, 0.5, 0.9]), st.integers(0, 3)), min_size=1))
def test_average_precision_equals_scikit_learns_ties_and_weights_included(rows):
    truth, probs, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = average_precision(truth, probs, weights.astype(float))
    if (truth * weights).any():
        assert found == pytest.approx(average_precision_score(truth, probs, sample_weight=weights))
    else:
        assert np.isnan(found)


def test_a_table_worked_by_hand(labels):
    golds = [
        gold(0, [C, D], [Position(at(0, 10), C, "favor"), Position(None, D, "neutral")]),
        gold(1, [C], [Position(at(0, 4), C, "against")]),
        gold(2, []),
        gold(3, [G], []),
    ]
    tagged = [
        said(0, [C], [Position(at(0, 8), C, "favor"), Position(at(0, 8), C, "neutral")]),  # one right, one wrong
        said(1, [C, D], [Position(at(0, 1), C, "against")]),  # actor too short, topic and stance right
        said(2, []),
        said(3, [C]),
    ]
    stances = [
        StanceAnswer(0, C, "favor", "favor"),
        StanceAnswer(0, D, "neutral", "favor"),
        StanceAnswer(1, C, "against", "against"),
    ]
    m = evaluate(golds, tagged, stances, labels, n_resamples=0)
    ceasefire = m["topics"]["per_topic"][C]
    assert ceasefire["precision"]["value"] == pytest.approx(2 / 3)
    assert ceasefire["recall"]["value"] == 1
    assert ceasefire["f1"]["value"] == pytest.approx(0.8)
    assert ceasefire["support"] == 2
    assert m["topics"]["per_topic"][D]["f1"]["value"] == 0
    assert m["topics"]["per_topic"][B] == {
        "precision": {"value": 0.0}, "recall": {"value": 0.0}, "f1": {"value": 0.0}, "support": 0,
        "average_precision": {"value": None},
    }  # fmt: skip
    assert m["topics"]["macro_f1"]["value"] == pytest.approx(0.8 / 4)
    assert m["topics"]["micro_f1"]["value"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))
    assert m["topics"]["exact"]["value"] == 0.25
    assert m["positions"]["precision"]["value"] == pytest.approx(1 / 3)
    assert m["positions"]["recall"]["value"] == pytest.approx(1 / 3)
    assert m["topic_stance"]["f1"]["value"] == pytest.approx(2 / 3)
    assert m["positions"]["per_topic"][C]["favor"] == {
        "precision": {"value": 1.0}, "recall": {"value": 1.0}, "f1": {"value": 1.0}, "support": 1, "n_predicted": 1,
    }  # fmt: skip
    assert m["positions"]["per_topic"][C]["against"]["f1"] == {"value": 0.0}
    assert m["positions"]["per_topic"][D]["neutral"]["support"] == 1
    assert m["topics"]["without_example"] == [B]
    # favor: 1 right, 1 false; against: 1 right; neutral: 1 missed
    assert m["stance"]["macro_f1"]["value"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert m["stance"]["favor_against_f1"]["value"] == pytest.approx((2 / 3 + 1) / 2)


def test_topics_and_stances_equal_scikit_learns(labels):
    rng = np.random.default_rng(3)
    ids, stances = labels.topic_ids, labels.stance_ids
    truth, answer = rng.random((60, 4)) < 0.3, rng.random((60, 4)) < 0.4
    golds = [gold(i, [t for t, on in zip(ids, row, strict=True) if on]) for i, row in enumerate(truth)]
    scores = rng.random((60, 4)).round(1)
    tagged = [
        said(i, [t for t, on in zip(ids, row, strict=True) if on], probs=dict(zip(ids, own, strict=True)))
        for i, (row, own) in enumerate(zip(answer, scores, strict=True))
    ]
    answers = [
        StanceAnswer(int(rng.integers(60)), str(rng.choice(ids)), *map(str, rng.choice(stances, 2))) for _ in range(200)
    ]
    m = evaluate(golds, tagged, answers, labels, n_resamples=0)
    p, r, f, _ = precision_recall_fscore_support(truth, answer)
    for k, topic in enumerate(ids):
        own = m["topics"]["per_topic"][topic]
        assert [own[key]["value"] for key in ("precision", "recall", "f1")] == pytest.approx([p[k], r[k], f[k]])
        assert own["average_precision"]["value"] == pytest.approx(average_precision_score(truth[:, k], scores[:, k]))
    assert m["topics"]["macro_f1"]["value"] == pytest.approx(f1_score(truth, answer, average="macro"))
    assert m["topics"]["micro_f1"]["value"] == pytest.approx(f1_score(truth, answer, average="micro"))
    expected = f1_score([a.gold for a in answers], [a.predicted for a in answers], average="macro")
    assert m["stance"]["macro_f1"]["value"] == pytest.approx(expected)


def test_intervals_draw_whole_documents(labels):
    golds = [gold(i, [C] if i % 2 else [], doc=f"d{i // 10}") for i in range(100)]
    tagged = [said(i, [C] if i % 2 and i < 80 else []) for i in range(100)]
    m = evaluate(golds, tagged, [], labels, n_resamples=500)
    own = m["topics"]["per_topic"][C]["recall"]
    assert own["low"] < own["value"] == 0.8 < own["high"]
    # all that is wrong stands in two of ten documents, so the interval is far wider than 100 separate draws would give
    assert own["high"] - own["low"] > 0.3
    assert m == evaluate(golds, tagged, [], labels, n_resamples=500)


def test_wrong_inputs_are_refused(labels):
    with pytest.raises(DataError, match="no labelled paragraph"):
        evaluate([], [], [], labels)
    with pytest.raises(DataError, match="not of the labelled paragraphs"):
        evaluate([gold(0, [])], [said(1, [])], [], labels)
