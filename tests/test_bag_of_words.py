import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from fiqra import Tagger
from fiqra.model import inference
from fiqra.model.bag_of_words import KEYS, N_FEATURES, BagOfWords, count_words
from fiqra.model.decode import sigmoid
from fiqra.model.errors import TaggerError
from fiqra.model.records import LabelledParagraph
from fiqra.training.bag_of_words import fit_bag_of_words
from fiqra.training.config import ConfigError, load_config

TRUCE = "دخلت الهدنة حيز التنفيذ صباح اليوم في المدينة"
TALKS = "التقى الوزير نظيره في العاصمة وبحثا العلاقات"
OTHER = "فاز الفريق بالمباراة في المدينة صباح اليوم"
FEATURES = [
    13031,
    13634,
    31564,
    34212,
    44466,
    44800,
    48864,
    54821,
    56969,
    64275,
    68641,
    82901,
    90784,
    104672,
    118609,
    120031,
    126009,
    140606,
    146944,
    149454,
    200306,
    207225,
    213244,
    220279,
    221248,
    226691,
]
ONES = (np.ones(shape, dtype=np.float32) for shape in [(N_FEATURES,), (N_FEATURES, 2), (2,)])
FLAT = BagOfWords(0.5, *ONES, np.zeros(1, dtype=np.float32))


def paragraph(i, text, *topics):
    return LabelledParagraph(f"p{i}", f"d{i}", 0, text, topics, ())


def fitted(labels, texts, weights=None):
    records = [paragraph(i, *text) for i, text in enumerate(texts)]
    counts = [count_words(record.text) for record in records]
    return fit_bag_of_words(counts, records, weights or [1.0] * len(records), labels, share=0.5)


def topics_of(bag, text):
    return sigmoid(bag.topic_logits(count_words(text)))


@given(st.text())
def test_any_text_is_counted_and_scored(text):
    features, values = count = count_words(text)
    assert len(set(features.tolist())) == len(features) == len(values)
    assert ((features >= 0) & (features < N_FEATURES)).all()
    # weights of one: what is left is the sum of a vector of length one, and the bias
    expected = 1 + (values.sum() / np.sqrt((values**2).sum()) if len(values) else 0)
    assert np.allclose(FLAT.topic_logits(count), expected, rtol=1e-4)


def test_features_are_those_that_taggers_were_trained_on():
    # part of the format of tagger folders: where this changes, raise FORMAT in model/settings.py
    assert count_words("الهدنة NATO").features.tolist() == FEATURES
    assert count_words("مُدَرِّس").features.tolist() == count_words("مُدَرِّس ").features.tolist()
    assert len(count_words("مُدَرِّس").features) > 15  # one word, whatever its marks


def test_a_word_said_twice_counts_more_but_not_twice():
    once, twice = count_words("الهدنة"), count_words("الهدنة الهدنة")
    assert (once.features == twice.features).all()
    assert np.allclose(twice.values / once.values, 1 + math.log(2))


def test_a_run_of_letters_without_end_is_no_burden():
    started = time.perf_counter()
    assert len(count_words("ا" + "بت" * 1_000_000).features) < 200
    assert time.perf_counter() - started < 2


def test_it_learns_words_and_knows_their_other_forms(labels):
    bag = fitted(labels, [(TRUCE, "ceasefire"), (TALKS, "diplomacy"), (OTHER,)] * 4)
    ceasefire, diplomacy = labels.topic_index("ceasefire"), labels.topic_index("diplomacy")
    assert topics_of(bag, TRUCE)[ceasefire] > 0.9 > 0.1 > topics_of(bag, OTHER)[ceasefire]
    assert topics_of(bag, TALKS)[diplomacy] > 0.9
    # another form of a word, never seen: its pieces are known
    truce, visit = (topics_of(bag, text)[ceasefire] for text in ("رفضوا هدنة جديدة", "رفضوا زيارة جديدة"))
    assert truce > visit


def test_a_headline_decides_less_than_a_paragraph_of_the_same_words():
    short, long = count_words("هدنة"), count_words(" ".join([TRUCE, TALKS, OTHER]))
    headlines = replace(FLAT, least_length=np.full(1, 10, dtype=np.float32))
    assert (headlines.topic_logits(short) < FLAT.topic_logits(short)).all()
    assert (headlines.topic_logits(long) == FLAT.topic_logits(long)).all()


def test_words_that_were_never_seen_change_nothing(labels):
    bag = fitted(labels, [(TRUCE, "ceasefire"), (TALKS, "diplomacy"), (OTHER,)] * 4)
    assert np.allclose(topics_of(bag, f"{TRUCE} Zxqvk"), topics_of(bag, TRUCE))


def test_a_topic_that_none_or_all_paragraphs_have_is_named(labels, caplog):
    bag = fitted(labels, [(TRUCE, "ceasefire", "diplomacy"), (OTHER, "diplomacy")] * 9)
    assert topics_of(bag, TALKS)[labels.topic_index("detainees")] < 0.05
    assert topics_of(bag, TALKS)[labels.topic_index("diplomacy")] > 0.95
    assert "'detainees' is on none" in caplog.text
    assert "'diplomacy' is on all" in caplog.text


def test_paragraphs_count_by_their_weight(labels):
    texts = [(TRUCE, "ceasefire"), (TRUCE,), (TALKS, "ceasefire"), (TALKS, "ceasefire"), (OTHER,), (OTHER,)]
    k = labels.topic_index("ceasefire")
    light, heavy = (topics_of(fitted(labels, texts, [w, 1, 1, 1, 1, 1]), TRUCE)[k] for w in (0.1, 10))
    assert light < 0.5 < heavy


def test_it_joins_the_network_over_the_whole_of_a_long_paragraph(tiny_tagger):
    text = " ".join([TRUCE, TALKS, OTHER] * 12)
    encoded = inference.encode([text, ""], tiny_tagger.tokenizer, "news")
    assert len(inference.windows(encoded[:1], tiny_tagger._window)) > 2
    alone = inference.run(tiny_tagger.backend, encoded, window=tiny_tagger._window, pad_id=tiny_tagger._pad_id)
    share, bag = tiny_tagger.settings.bag_share, tiny_tagger.bag
    for own, joined, of_bag in zip(
        alone, tiny_tagger.run(encoded), (bag.topic_logits(count_words(text)), bag.bias), strict=True
    ):
        assert np.allclose(joined.topic, (1 - share) * own.topic + share * of_bag, atol=1e-5)


def test_a_tagger_whose_bag_is_missing_or_another_is_refused(tiny_tagger, folder):
    tensors = load_file(f"{folder}/model.safetensors")
    lacking = {key: tensor for key, tensor in tensors.items() if key != KEYS[1]}
    parts = (tiny_tagger.tokenizer, tiny_tagger.backend.compute)
    for wrong in (lacking, {**tensors, "bag.bias": tensors["bag.bias"][:1]}):
        with pytest.raises(TaggerError, match=r"bag_share is 0\.3, so the weights need a bag of words"):
            Tagger(tiny_tagger.settings, wrong, *parts)
    assert Tagger(replace(tiny_tagger.settings, bag_share=0.0), lacking, *parts).bag is None


def test_a_share_of_one_leaves_the_network_nothing_to_say(write_config):
    with pytest.raises(ConfigError, match=r"bag_of_words\.share: expected less than 1, found 1"):
        load_config(write_config(bag_of_words={"share": 1}))
