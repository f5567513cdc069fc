"""The shipped tagger on the probes, and that the probes themselves are what they say."""

import copy
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from probe_masked import MaskedText
from probe_noise import NOISES, applies, clean_answer
from probes import PAIRS, probe_masked, probe_noise, probe_stances, probe_words, read_pairs, shares, turns
from rapidfuzz import fuzz, process

from fiqra import Tagger
from fiqra.model.bundled import weights_path
from fiqra.model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from fiqra.model.text import normalise_news
from fiqra.training.dataset import read_labelled

# What the shipped tagger must reach at least: the share of pairs that pass, and of those with the right direction.
# Set a little under what `python benchmarks/probes.py` prints; raise them with every better tagger.
PAIR_FLOORS = {
    "negation": (0.15, 0.50),
    "swap": (0.37, 0.80),
    "attribution": (0.36, 0.95),
    "words": (0.84, 0.95),
}
NOISE_FLOORS = dict.fromkeys(NOISES, 0.95)
MASKED_MARGIN = 0.05  # by how much the stance's macro-F1 must exceed that of the text with the actor masked

shipped = pytest.mark.skipif(weights_path() is None, reason="the bundled encoder is not installed here")


@pytest.fixture(scope="module")
def tagger():
    return Tagger.from_pretrained("fiqra-mini", device="cpu")


def outcomes_of(tagger, name):
    return probe_words(tagger) if name == "words" else probe_stances(tagger, name)


@shipped
@pytest.mark.parametrize("name", PAIRS)
def test_the_shipped_tagger_passes_as_many_pairs_as_it_should(tagger, name):
    outcomes = outcomes_of(tagger, name)
    for share, floor in zip(shares(outcomes), PAIR_FLOORS[name], strict=True):
        assert share.value >= floor, [outcome for outcome in outcomes if not outcome.passed]


@shipped
def test_another_writing_of_the_same_words_changes_nothing(tagger):
    found = probe_noise(tagger, n=10)
    assert {kind: len(same) for kind, same in found.items()} == dict.fromkeys(NOISES, 10)
    for kind, same in found.items():
        assert sum(same.values()) / len(same) >= NOISE_FLOORS[kind], (kind, same)


@shipped
def test_the_stance_is_more_than_what_the_text_gives_away(tagger):
    tagged, text_only, usual = (leaf["value"] for leaf in probe_masked(tagger).values())
    assert tagged >= text_only + MASKED_MARGIN
    assert text_only > usual  # or the comparison would be an empty one


@pytest.mark.parametrize("name", PAIRS)
def test_a_tagger_that_cannot_read_passes_next_to_no_pair(tiny_tagger, name):
    talkative = copy.copy(tiny_tagger)
    talkative.bag = None  # its random bag turns topics off, and who is silent says nothing wrong of the accused
    passed, _ = shares(outcomes_of(talkative, name))
    assert passed.value <= 0.1


@pytest.mark.parametrize("name", PAIRS)
def test_each_probe_has_thirty_pairs_that_turn(labels, name):
    records = read_pairs(name, labels)
    assert len(records) >= 60
    assert {topic for record in records for topic in record.topics} == set(labels.topic_ids)
    for first, second in zip(records[::2], records[1::2], strict=True):
        assert first.text != second.text
        if name == "words":
            assert not first.topics and len(second.topics) == 1
            continue
        found = turns(first, second)
        assert len(found) >= (2 if name == "swap" else 1), first.doc
        assert all(words in first.text and words in second.text for words, *_ in found), first.doc
        if name == "swap":
            assert sorted(gold[2] for gold in found) == sorted(gold[3] for gold in found) == ["against", "favor"]
        if name == "attribution":
            assert all(None in stances for _, _, *stances in found), first.doc


def test_nothing_that_is_like_a_probe_is_trained_on(labels, root):
    probes = [record.text for name in PAIRS for record in read_pairs(name, labels)]
    assert len(set(probes)) == len(probes)
    files = [*root.glob("data/corpus/*.jsonl"), root / "data/contrast/pairs.jsonl"]
    trained_on = [record.text for file in files for record in read_labelled(file, labels)]
    assert len(trained_on) >= 2900
    assert process.cdist(probes, trained_on, scorer=fuzz.ratio, score_cutoff=60).max() == 0


NEWS = st.lists(
    st.sampled_from(
        ["أعلنت", "وزارة", "الدفاع", "«قسد»", '"الهدنة"', "في", "2024", "٣", "إن", "قوات", "آخر،", "والحكومة", "12%"]
    ),
    min_size=1,
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@example("٣", "spaces", 0)
@given(NEWS, st.sampled_from(sorted(NOISES)), st.integers(0, 9))
def test_noise_is_another_writing_of_the_same_words(text, kind, seed):
    if not applies(kind, text):
        return
    pieces = NOISES[kind](text, random.Random(seed))
    assert len(pieces) == len(text)
    assert normalise_news("".join(pieces)).text.strip() == normalise_news(text).text


def test_an_actor_in_noise_is_found_again_in_the_clean_text():
    text = "رفضت قسد الهدنة"
    pieces = [char + ("ـ" if char == "س" else "") + ("  " if char == " " else "") for char in text]
    noisy = "".join(pieces)
    start = noisy.index("قسـد")
    position = Position(Actor("قسـد", start, start + 4), "ceasefire", "against", 0.5)
    tagged = TaggedParagraph("a", 0, noisy, ("ceasefire",), {}, (position,), "t")
    assert clean_answer(tagged, pieces) == ({"ceasefire"}, {(5, 8, "ceasefire", "against")})


def test_the_masked_model_does_not_see_who_is_asked_for(labels, records):
    def ask(name, other):
        text = f"رفضت {name} الهدنة ورحبت بها {other}"
        actor = Actor(name, text.index(name), text.index(name) + len(name))
        return LabelledParagraph(name, name, 0, text, ("ceasefire",), (Position(actor, "ceasefire", "against"),))

    model = MaskedText(labels).fit(records)
    first, second = model.answer([ask("دمشق", "أنقرة"), ask("بغداد", "أنقرة")])
    assert first.predicted == second.predicted
    assert "دمشق" not in model.words.inverse_transform(model.words.transform(["رفضت MASKED الهدنة"]))[0]
