import numpy as np
import pytest

from fiqra.training.calibration import binary_temperature, topic_thresholds


def test_a_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-logits))
    assert binary_temperature(logits * 3, truth) == pytest.approx(3, rel=0.05)
    assert binary_temperature(logits, truth) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("truth", [np.ones(5, bool), np.zeros(5, bool)])
def test_one_class_alone_is_left_as_it_is(truth):
    assert binary_temperature(np.arange(5.0), truth) == 1.0


def test_the_fewer_examples_the_nearer_a_threshold_stays_to_the_pooled_one_and_to_a_half():
    rng = np.random.default_rng(1)
    truth = np.zeros((4000, 2), bool)
    truth[:2000, 0] = True
    truth[:3, 1] = True
    # the common topic's true ones are likelier than 0.7, the rare one's than 0.2
    probs = np.where(truth, rng.uniform(0.72, 1, truth.shape), rng.uniform(0, 0.68, truth.shape))
    probs[:, 1] = np.where(truth[:, 1], 0.25, 0.1)
    common, rare = topic_thresholds(probs, truth)
    assert common == pytest.approx(0.7, abs=0.05)
    assert abs(rare - common) < 0.06
    few = np.r_[:3, 3997:4000]
    assert topic_thresholds(probs[few, :1], truth[few, :1])[0] == pytest.approx(0.5, abs=0.03)
    assert topic_thresholds(probs, np.zeros_like(truth)) == (0.5, 0.5)
