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


def test_a_topic_with_few_examples_stays_near_the_pooled_threshold():
    rng = np.random.default_rng(1)
    truth = np.zeros((1000, 2), bool)
    truth[:500, 0] = True
    truth[:3, 1] = True
    probs = np.where(truth, rng.uniform(0.4, 1, truth.shape), rng.uniform(0, 0.6, truth.shape))
    probs[:, 1] = np.where(truth[:, 1], 0.25, 0.1)  # on its own the rare topic would ask for about 0.2
    alone = topic_thresholds(probs[:, 1:], truth[:, 1:])[0]
    common, rare = topic_thresholds(probs, truth)
    assert alone < 0.26
    assert 0.4 < common < 0.6
    assert abs(rare - common) < 0.05
