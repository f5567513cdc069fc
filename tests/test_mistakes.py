from collections import Counter
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqra.model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from fiqra.training.matching import is_right, match
from fiqra.training.metrics import StanceAnswer
from fiqra.training.mistakes import KINDS, count_mistakes, find_mistakes, find_wrong, paragraph_loss

TEXT = "رحبت وزارة الخارجية العراقية بالهدنة ورفضتها حركة حماس في بغداد."
C, G, D = "ceasefire", "detainees", "diplomacy"


def at(words):
    start = TEXT.index(words)
    return Actor(words, start, start + len(words))


IRAQ, HAMAS = at("وزارة الخارجية العراقية"), at("حركة حماس")


def gold(topics, *positions):
    return LabelledParagraph("p1", "d1", 0, TEXT, topics, positions)


def said(topics, *positions, prob=0.9):
    probs = {topic: prob if topic in topics else 1 - prob for topic in (C, G, "border_security", D)}
    return TaggedParagraph("d1", 0, TEXT, topics, probs, positions, "x")


@pytest.mark.parametrize(
    ("gold_positions", "predicted", "kinds"),
    [
        ([(IRAQ, C, "favor")], [(IRAQ, C, "favor")], []),
        ([(IRAQ, C, "favor")], [(IRAQ, C, "against")], ["stance_wrong"]),
        ([(IRAQ, C, "favor")], [(at("العراقية"), C, "favor")], ["actor_span"]),
        ([(None, C, "favor")], [(IRAQ, C, "favor")], ["actor_named_for_implied"]),
        ([(IRAQ, C, "favor")], [(None, C, "favor")], ["actor_implied_for_named"]),
        ([(IRAQ, C, "favor")], [(HAMAS, C, "favor")], ["actor_missed", "actor_extra"]),
        ([(None, C, "favor")], [], ["implied_missed"]),
        ([], [(None, C, "favor")], ["implied_extra"]),
        ([(IRAQ, D, "favor")], [], ["topic_missed", "missed_with_topic"]),
        ([], [(IRAQ, G, "favor")], ["topic_extra", "extra_with_topic"]),
        # the right one is taken first, though the wrong one stands before it
        ([(IRAQ, C, "favor")], [(at("العراقية"), C, "favor"), (IRAQ, C, "favor")], ["actor_extra"]),
        # both actors were found, and their stances swapped: two wrong stances, no actor missed
        (
            [(IRAQ, C, "favor"), (HAMAS, C, "against")],
            [(HAMAS, C, "favor"), (IRAQ, C, "against")],
            ["stance_wrong"] * 2,
        ),
    ],
)
def test_each_kind_of_mistake(gold_positions, predicted, kinds):
    own = gold(tuple({C: 0} | {p[1]: 0 for p in gold_positions}), *(Position(*p) for p in gold_positions))
    answer = said(tuple({C: 0} | {p[1]: 0 for p in predicted}), *(Position(*p, 0.5) for p in predicted))
    assert [mistake.kind for mistake in find_mistakes(own, answer)] == kinds


spans = st.one_of(
    st.none(), st.builds(lambda a, n: Actor(TEXT[a : a + n], a, a + n), st.integers(0, 20), st.integers(1, 12))
)
position_lists = st.lists(
    st.builds(Position, spans, st.sampled_from([C, D]), st.sampled_from(["favor", "against"]), st.just(0.5)), max_size=5
)


@settings(max_examples=200, deadline=None)
@given(position_lists, position_lists)
def test_every_position_that_is_not_right_stands_in_exactly_one_mistake(own, predicted):
    g = gold(tuple({p.topic: 0 for p in own}), *own)
    t = said(tuple({p.topic: 0 for p in predicted}), *predicted)
    mistakes = find_mistakes(g, t)
    n_right = len(match(own, predicted, is_right))
    right_too = Counter(own) - Counter(m.gold for m in mistakes if m.gold)
    assert right_too.total() == n_right == len(predicted) - sum(m.predicted is not None for m in mistakes)
    assert not Counter(m.gold for m in mistakes if m.gold) - Counter(own)
    assert not Counter(m.predicted for m in mistakes if m.predicted) - Counter(predicted)
    assert {m.kind for m in mistakes} <= set(KINDS)
    assert bool(mistakes) == (set(g.topics) != set(t.topics) or not n_right == len(own) == len(predicted))


def test_the_loss_is_the_likelihood_of_what_is_gold_worked_by_hand():
    own = gold((C,), Position(IRAQ, C, "favor"))
    answer = said((C,), Position(IRAQ, C, "against", 0.7))
    answers = [StanceAnswer(0, C, "favor", "against", (), 0.2)]
    # four topics right at 0.9 each; the gold position was given 0.2; what was said instead, 0.7
    assert paragraph_loss(own, answer, answers) == pytest.approx(-(4 * log(0.9) + log(0.2) + log(1 - 0.7)))
    sure = said((C,), Position(IRAQ, C, "against", 1.0))
    assert paragraph_loss(own, sure, answers) < 20  # finite, however sure the tagger was


def test_the_worst_come_first_and_right_ones_not_at_all():
    golds = [gold((C,)), gold((D,)), gold((C,))]
    tagged = [said((C,)), said((C,), prob=0.6), said((D,), prob=0.99)]
    wrong = find_wrong(golds, tagged, [])
    assert [own.tagged for own in wrong] == [tagged[2], tagged[1]]
    assert wrong[0].loss > wrong[1].loss > 0
    counted = count_mistakes(wrong)
    assert counted["n_paragraphs"] == 2
    assert counted["by_kind"]["topic_missed"] == counted["by_kind"]["topic_extra"] == {"mistakes": 2, "paragraphs": 2}
    assert counted["by_kind"]["stance_wrong"] == {"mistakes": 0, "paragraphs": 0}
    record = wrong[0].to_json()
    assert record["kinds"] == {"topic_missed": 1, "topic_extra": 1}
    assert (record["gold"]["topics"], record["predicted"]["topics"]) == ([C], [D])
