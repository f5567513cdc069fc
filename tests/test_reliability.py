import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from fiqra.model.decode import Decoding, ParagraphLogits
from fiqra.model.records import LabelledParagraph, Position, TaggedParagraph
from fiqra.training.metrics import StanceAnswer
from fiqra.training.reliability import measure_calibration, reliability, stance_reliability


def test_a_table_worked_by_hand():
    # bins 0.0-0.1: probabilities 0.05 and 0.05, one true; 0.6-0.7: 0.6 and 0.65, both true; 1.0 falls in the last
    found = reliability([0.05, 0.05, 0.6, 0.65, 1.0], [1, 0, 1, 1, 0])
    assert [(b["low"], b["high"], b["n"]) for b in found["bins"]] == [(0.0, 0.1, 2), (0.6, 0.7, 2), (0.9, 1.0, 1)]
    assert found["ece"] == pytest.approx((2 * 0.45 + 2 * 0.375 + 1 * 1.0) / 5)
    assert found["brier"] == pytest.approx((0.95**2 + 0.05**2 + 0.4**2 + 0.35**2 + 1) / 5)
    assert reliability([], []) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_it_equals_scikit_learns(rows):
    probs, truth = (np.array(column) for column in zip(*rows, strict=True))
    # scikit-learn puts an edge in the lower bin and we in the upper one, so move off the edges
    probs = np.clip(np.where(np.isclose(probs * 10, np.round(probs * 10)), probs + 1e-4, probs), 0, 1 - 1e-4)
    found = reliability(probs, truth)
    assert found["brier"] == pytest.approx(brier_score_loss(truth, probs, pos_label=True))
    frequency, mean = calibration_curve(truth, probs, n_bins=10, strategy="uniform")
    assert [b["frequency"] for b in found["bins"]] == pytest.approx(frequency)
    assert [b["mean_prob"] for b in found["bins"]] == pytest.approx(mean)
    counts = np.array([b["n"] for b in found["bins"]])
    assert found["ece"] == pytest.approx((counts * abs(frequency - mean)).sum() / len(probs))


def test_stances_are_judged_by_the_likeliest_and_all_classes():
    probs = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]])
    found = stance_reliability(probs, [0, 2])
    assert found["brier"] == pytest.approx((0.3**2 + 0.2**2 + 0.1**2 + 0.2**2 + 0.5**2 + 0.7**2) / 2)
    assert found["ece"] == pytest.approx((0.3 + 0.5) / 2)  # 0.7 was right, 0.5 was wrong


def test_before_is_at_temperature_one_and_after_is_what_is_shown(labels):
    gold = [LabelledParagraph("a", "d", 0, "t", ("ceasefire",), (Position(None, "ceasefire", "favor"),))]
    probs = {topic: 0.25 for topic in labels.topic_ids}
    said = (Position(None, "ceasefire", "favor", 0.8), Position(None, "ceasefire", "against", 0.4))
    tagged = [TaggedParagraph("d", 0, "t", ("ceasefire",), probs, said, "x")]
    logits = [ParagraphLogits(np.zeros(4), np.zeros((2, 3)), np.zeros((2, 4, 4)))]
    answers = [StanceAnswer(0, "ceasefire", "favor", "favor", (0.0, np.log(2.0), 0.0, 0.0), 0.4)]
    decoding = Decoding((2.0,) * 4, (0.5,) * 4, stance_temperature=0.5)
    found = measure_calibration(gold, tagged, logits, answers, labels, decoding)
    assert found["topics"]["ceasefire"]["before"]["brier"] == 0.25
    assert found["topics"]["ceasefire"]["after"]["brier"] == pytest.approx(0.75**2)
    assert found["stance"]["before"]["ece"] == pytest.approx(1 - 2 / 5)
    assert found["stance"]["after"]["ece"] == pytest.approx(1 - 4 / 7)
    assert found["positions"]["after"]["brier"] == pytest.approx((0.2**2 + 0.4**2) / 2)
    nobody = measure_calibration([gold[0]], tagged, logits, [], labels, decoding)
    assert nobody["stance"]["after"] is None
