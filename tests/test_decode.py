import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqra.model.decode import Decoding, ParagraphLogits, actor_spans, decode, quote_span, softmax, token_words

ON, OFF = 8.0, -8.0


def tags(text):
    return np.array([[ON if tag == own else OFF for own in "OBI"] for tag in text])


def single(n):
    return [(i, i + 1) for i in range(n)]


def test_actor_words_become_spans():
    assert [span[:2] for span in actor_spans(tags("OBIIOBBIO"), single(9), 0.5)] == [(1, 4), (5, 6), (6, 8)]
    assert [span[:2] for span in actor_spans(tags("OIIO"), single(4), 0.5)] == [(1, 3)]
    assert actor_spans(tags("OOO"), single(3), 0.5) == []
    # a word is taken whole or not at all, and cannot be two actors
    assert [span[:2] for span in actor_spans(tags("OBIOO"), [(0, 1), (1, 4), (4, 5)], 0.5)] == [(1, 4)]
    assert [span[:2] for span in actor_spans(tags("OBBO"), [(0, 1), (1, 3), (3, 4)], 0.5)] == [(1, 3)]


def test_the_threshold_decides_how_sure_an_actor_must_be():
    unsure = np.log(np.array([[0.9, 0.05, 0.05], [0.55, 0.4, 0.05], [0.9, 0.05, 0.05]]))
    assert actor_spans(unsure, single(3), 0.5) == []
    assert actor_spans(unsure, single(3), 0.4) == [(1, 2, pytest.approx(0.45))]


def test_tokens_are_grouped_into_words():
    text = 'قوات "قسد"، 35'
    spans = [(0, 0), (0, 2), (2, 4), (5, 6), (6, 9), (9, 11), (12, 13), (13, 14), (0, 0)]
    assert token_words(spans, text) == [(1, 3), (3, 4), (4, 5), (5, 6), (6, 8)]


def test_positions_are_read_off_topics_that_are_on(labels):
    text = "بغداد تدعم الهدنة وطهران ترفض"
    spans = [(0, 0), (0, 5), (6, 10), (11, 17), (18, 24), (25, 29), (0, 0)]
    stance = np.full((7, 4, 4), 0.0)
    stance[..., 0] = 3.0  # nobody holds anything, but
    stance[1, 0] = [0, 9, 0, 0]  # Baghdad favors the ceasefire,
    stance[1, 3] = [0, 0, 9, 0]  # and diplomacy, which is off, is not asked about;
    stance[4, 0] = [0, 0, 9, 0]  # Tehran is against
    logits = ParagraphLogits(np.array([ON, OFF, OFF, OFF]), tags("OBOOBOO"), stance)
    topics, probs, positions = decode(logits, spans, text, labels, Decoding.default(4))
    assert topics == ("ceasefire",)
    assert probs["ceasefire"] > 0.99 > 0.01 > probs["diplomacy"]
    assert [(p.actor.text, p.topic, p.stance) for p in positions] == [
        ("بغداد", "ceasefire", "favor"), ("وطهران", "ceasefire", "against"),
    ]  # fmt: skip
    assert all(0 < p.prob <= 1 for p in positions)
    stance[0, 0] = [0, 0, 0, 9]
    _, _, positions = decode(logits, spans, text, labels, Decoding.default(4))
    assert (positions[0].actor, positions[0].stance) == (None, "neutral")


@pytest.mark.parametrize(
    ("text", "tokens", "quoted"),
    [
        ('قوات "قسد" أعلنت', [(0, 4), (5, 6), (6, 9)], 'قوات "قسد"'),
        ('أعلنت "قسد"، أمس', [(6, 7), (7, 10), (10, 12)], "قسد"),
        ("أكد الجانب العراقيّ، أمس", [(4, 10), (11, 19)], "الجانب العراقيّ"),
        ("وزير الخارجية العراقي", [(0, 4), (5, 10)], "وزير الخارجية"),
        ("بغداد والولايات المتحدة", [(6, 15), (16, 23)], "الولايات المتحدة"),
        ("بغداد وَأَلْولايات المتحدة", [(6, 18), (19, 26)], "أَلْولايات المتحدة"),
        ("أمر والي نينوى", [(4, 8), (9, 14)], "والي نينوى"),
        ("أمر والــي نينوى", [(4, 10), (11, 16)], "والــي نينوى"),
        ("«حماس» رفضت", [(0, 1), (1, 4)], "حماس"),
        ("قالت الهي\u0654ة أمس", [(5, 9)], "الهي\u0654ة"),
        ("(واع) قالت", [(0, 1)], None),
    ],
)
def test_a_quote_is_whole_words_without_outer_signs(text, tokens, quoted):
    span = quote_span(tokens, text)
    assert (text[slice(*span)] if span else None) == quoted


@given(text=st.text(max_size=30), data=st.data())
def test_a_quote_is_never_empty_and_never_outside_the_text(text, data):
    n = len(text)
    pairs = st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted).map(tuple)
    tokens = sorted(data.draw(st.lists(pairs, max_size=4)))
    span = quote_span(tokens, text)
    assert span is None or 0 <= span[0] < span[1] <= n


def test_an_actor_written_in_two_ways_has_one_stance(labels):
    text = "رفضت قسد ثم رحبت قســد"
    spans = [(0, 0), (0, 4), (5, 8), (9, 11), (12, 16), (17, 22), (0, 0)]
    stance = np.zeros((7, 4, 4))
    stance[2, 0] = [0, 0, 9, 0]
    stance[5, 0] = [0, 5, 0, 0]
    logits = ParagraphLogits(np.array([ON, OFF, OFF, OFF]), tags("OOBOOBO"), stance)
    _, _, positions = decode(logits, spans, text, labels, Decoding.default(4))
    assert [(p.actor.text, p.stance) for p in positions if p.actor] == [("قسد", "against")]


def test_softmax_stays_finite():
    assert softmax(np.array([[1e4, -1e4]])).tolist() == [[1.0, 0.0]]


def test_a_name_joined_to_a_conjunction_starts_an_actor_of_its_own():
    text = "بحث العراق وتركيا الأمر"
    spans = [(0, 3), (4, 10), (11, 12), (12, 17), (18, 23)]  # the conjunction is a token of its own
    tags = [0, 1, 0, 1, 0]
    logits = np.array([[6.0 if tag == k else 0.0 for k in range(3)] for tag in tags])
    found = actor_spans(logits, token_words(spans, text), 0.3)
    assert [quote_span(spans[first:last], text) for first, last, _ in found] == [(4, 10), (12, 17)]
