import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqra import Tagger
from fiqra.model import inference
from fiqra.model.bag_of_words import KEYS, N_FEATURES, BagOfWords, count
from fiqra.model.decode import sigmoid
from fiqra.model.errors import TaggerError
from fiqra.model.records import LabelledParagraph
from fiqra.model.tagger import _load_tensors
from fiqra.training.bag_of_words import fit_bag_of_words

TRUCE = "دخلت الهدنة حيز التنفيذ صباح اليوم في المدينة"
TALKS = "التقى الوزير نظيره في العاصمة وبحثا العلاقات"
OTHER = "فاز الفريق بالمباراة في المدينة صباح اليوم"


def paragraph(i, text, *topics):
    return LabelledParagraph(f"p{i}", f"d{i}", 0, text, topics, ())


def fitted(labels, records, weights=None):
    return fit_bag_of_words(records, weights or [1.0] * len(records), labels, normalisation="news", share=0.5)


def topics_of(bag, text):
    return sigmoid(bag.topic_logits(count(text)))


@given(st.text())
def test_any_text_is_counted_and_scored(text):
    counted = count(text)
    assert len(set(counted.features.tolist())) == len(counted.features) == len(counted.values)
    assert ((counted.features >= 0) & (counted.features < N_FEATURES)).all()
    flat = BagOfWords(0.5, *(np.ones(shape, dtype=np.float32) for shape in [(N_FEATURES,), (N_FEATURES, 2), (2,)]))
    logits = flat.topic_logits(counted)
    # weights of one: what is left is the sum of a vector of length one, and the bias
    values = counted.values
    expected = 1 + (values.sum() / np.sqrt((values**2).sum()) if len(values) else 0)
    assert np.allclose(logits, expected, rtol=1e-4)


def test_a_word_said_twice_counts_more_but_not_twice():
    once, twice = count("الهدنة"), count("الهدنة الهدنة")
    assert (once.features == twice.features).all()
    assert np.allclose(twice.values / once.values, 1 + math.log(2))


def test_it_learns_words_and_knows_their_other_forms(labels):
    texts = [(TRUCE, "ceasefire"), (TALKS, "diplomacy"), (OTHER,)] * 4
    bag = fitted(labels, [paragraph(i, *text) for i, text in enumerate(texts)])
    ceasefire, diplomacy = labels.topic_index("ceasefire"), labels.topic_index("diplomacy")
    assert topics_of(bag, TRUCE)[ceasefire] > 0.9 > 0.1 > topics_of(bag, OTHER)[ceasefire]
    assert topics_of(bag, TALKS)[diplomacy] > 0.9
    # another form of a word, never seen: its pieces are known
    truce, visit = (topics_of(bag, text)[ceasefire] for text in ("رفضوا هدنة جديدة", "رفضوا زيارة جديدة"))
    assert truce > visit


def test_a_topic_that_no_paragraph_has_stays_unlikely_and_is_named(labels, caplog):
    bag = fitted(
        labels, [paragraph(i, text, *["ceasefire"] * (text is TRUCE)) for i, text in enumerate([TRUCE, OTHER] * 9)]
    )
    assert topics_of(bag, TALKS)[labels.topic_index("detainees")] < 0.05
    assert "'detainees' is on none" in caplog.text


def test_paragraphs_count_by_their_weight(labels):
    texts = [(TRUCE, "ceasefire"), (TRUCE,), (TALKS, "ceasefire"), (OTHER,)]
    records = [paragraph(i, *text) for i, text in enumerate(texts)]
    k = labels.topic_index("ceasefire")
    light, heavy = (topics_of(fitted(labels, records, [w, 1, 1, 1]), TRUCE)[k] for w in (0.1, 10))
    assert light < 0.5 < heavy


def test_it_joins_the_network_over_the_whole_of_a_long_paragraph(tiny_tagger):
    text = " ".join([TRUCE, TALKS, OTHER] * 12)
    encoded = inference.encode([text], tiny_tagger.tokenizer, "news")
    assert len(inference.windows(encoded, tiny_tagger._window)) > 2
    alone = inference.run(tiny_tagger.backend, encoded, window=tiny_tagger._window, pad_id=tiny_tagger._pad_id)[0]
    share = tiny_tagger.settings.bag_share
    expected = (1 - share) * alone.topic + share * tiny_tagger.bag.topic_logits(count(text))
    assert np.allclose(tiny_tagger.run(encoded)[0].topic, expected, atol=1e-5)


def test_a_tagger_without_its_bag_is_refused(tiny_tagger, folder, tmp_path):
    tensors = _load_tensors(Tagger.from_pretrained(folder, backend="torch").files)
    lacking = {key: tensor for key, tensor in tensors.items() if key != KEYS[1]}
    compute = tiny_tagger.backend.compute
    with pytest.raises(TaggerError, match=r"bag_share is 0\.3.*'bag\.weight'"):
        Tagger(tiny_tagger.settings, lacking, tiny_tagger.tokenizer, compute)
    plain = Tagger(replace(tiny_tagger.settings, bag_share=0.0), lacking, tiny_tagger.tokenizer, compute)
    assert plain.tag(TRUCE)[0].topic_probs != tiny_tagger.tag(TRUCE)[0].topic_probs
