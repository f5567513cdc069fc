import pytest

from fiqra.model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from fiqra.training.metrics import evaluate
from fiqra.training.slices import length, slice_measures, year

C, D = "ceasefire", "diplomacy"
TEXT = "بغداد ترحب بالهدنة"
BAGHDAD = Actor("بغداد", 0, 5)


def record(i, topics=(C,), positions=(), **extra):
    return LabelledParagraph(str(i), f"d{i}", 0, TEXT, topics, positions, extra)


def said(topics=(C,), positions=()):
    return TaggedParagraph(
        "d", 0, TEXT, topics, dict.fromkeys((C, "detainees", "border_security", D), 0.5), positions, ""
    )


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2015-08-10", "2015"), ("10/08/2015", "2015"), ("٣ أغسطس ٢٠٢٣", "2023"), ("31 أغسطس", "(not given)"),
        ("", "(not given)"), (None, "(not given)"), ("no. 123456, 1999", "1999"), (2020, "2020"), ("0512", "(not given)"),
    ],
)  # fmt: skip
def test_the_year_is_found_in_any_form_of_date(date, expected):
    assert year(record(0, date=date)) == expected


def test_lengths_are_told_in_words():
    words = {n: length(LabelledParagraph("", "", 0, "كلمة " * n, (), ())) for n in (1, 20, 21, 80, 81)}
    assert list(words.values()) == ["1–20 words", "1–20 words", "21–40 words", "41–80 words", "81 words or more"]


def test_a_slice_has_the_measures_of_its_paragraphs_alone(labels):
    own = [record(i, (C,) if i % 3 else (D,), outlet="صحيفة" if i < 40 else None) for i in range(60)]
    answers = [said((C,) if i < 40 else (D,)) for i in range(60)]
    slices = slice_measures(own, answers, labels, n_resamples=100)
    assert list(slices) == ["source", "outlet", "year", "length", "n_topics", "holder"]
    part = slices["outlet"]["صحيفة"]
    alone = evaluate(own[:40], answers[:40], [], labels, n_resamples=100)
    assert part["measures"]["topics_micro_f1"] == pytest.approx(alone["topics"]["micro_f1"])
    assert part["measures"]["topics_exact"] == pytest.approx(alone["topics"]["exact"])
    assert (part["n_paragraphs"], part["too_small"]) == (40, False)
    small = slices["outlet"]["(not given)"]
    assert small["too_small"] and "low" not in small["measures"]["topics_micro_f1"]
    assert list(slices["source"]) == list(slices["year"]) == ["(not given)"]


def test_many_paragraphs_of_one_document_are_still_too_small(labels):
    own = [LabelledParagraph(str(i), "d", i, TEXT, (C,), ()) for i in range(50)]
    assert slice_measures(own, [said()] * 50, labels, n_resamples=10)["n_topics"]["1"]["too_small"]


def test_named_and_implied_holders_are_told_apart(labels):
    named, implied = Position(BAGHDAD, C, "favor"), Position(None, C, "against")
    own = [record(i, positions=(named, implied)) for i in range(40)] + [record(99, ())]
    answers = [said(positions=(named,))] * 30 + [said(positions=(implied,))] * 10 + [said(())]
    holder = slice_measures(own, answers, labels, n_resamples=50)["holder"]
    assert holder["named"]["measures"]["positions_recall"]["value"] == 0.75
    assert holder["implied"]["measures"]["positions_recall"]["value"] == 0.25
    assert holder["named"]["n_paragraphs"] == holder["implied"]["support"] == 40
    assert "topics_exact" not in holder["named"]["measures"]


def test_nothing_to_find_is_no_number(labels):
    own, answers = [record(i, ()) for i in range(40)], [said(())] * 39 + [said()]
    slices = slice_measures(own, answers, labels, n_resamples=50)
    measures = slices["n_topics"]["0"]["measures"]
    assert measures["topics_micro_f1"] == measures["positions_f1"] == measures["positions_precision"] == {"value": None}
    assert measures["topics_exact"]["value"] == pytest.approx(39 / 40)
    assert slices["holder"]["implied"] == {
        "n_paragraphs": 0, "n_resampled_groups": 0, "too_small": True, "support": 0, "measures": {},
    }  # fmt: skip
