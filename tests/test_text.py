import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqra.model.text import NORMALISATIONS, normalise_arabert, normalise_news, split_paragraphs

ARABIC = st.text(
    st.one_of(
        st.characters(min_codepoint=0x600, max_codepoint=0x6FF),
        st.sampled_from(" \n\tـ«»\"'()[]/.،؛؟!؟AFPabc0123٣٥ًّْ\u200f\u202b\u200c\ufeff\xa0ﷺﻻ…—–&;<>@:"),
        st.characters(),
    ),
    max_size=60,
)


@pytest.mark.parametrize("name", NORMALISATIONS)
@given(text=ARABIC)
def test_every_character_comes_from_somewhere_in_order(name, text):
    norm = NORMALISATIONS[name](text)
    assert len(norm.text) == len(norm.starts) == len(norm.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(norm.starts, norm.ends, strict=True))
    assert norm.starts == sorted(norm.starts)
    assert norm.ends == sorted(norm.ends)


@given(text=ARABIC)
def test_news_normalisation_is_stable(text):
    once = normalise_news(text).text
    assert normalise_news(once).text == once


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("أكَّدَ الجانبُ العراقيّ", "اكد الجانب العراقي"),
        ("وقـــف إطلاق النـار", "وقف اطلاق النار"),
        ("٢٠٢٤ و۲۰۲۴", "2024 و2024"),
        ("«قسد» “قسد”", '"قسد" "قسد"'),
        ("کردستان العراق یوم", "كردستان العراق يوم"),
        ("\u200fالعراق\u202c  \xa0 و سوريا", "العراق و سوريا"),
        ("ﻻ ﷲ", "لا الله"),
        (" هدنة \u00a0\t", "هدنة"),
    ],
)
def test_news_normalisation_folds_what_readers_take_for_the_same(written, plain):
    assert normalise_news(written).text == plain


def test_a_quote_keeps_the_marks_on_its_last_letter():
    text = "الجانب العراقيّ أكد"
    norm = normalise_news(text)
    end = norm.text.index(" اكد")
    assert text[slice(*norm.original_span(0, end))] == "الجانب العراقيّ"


def test_arabert_normalisation_equals_the_package_arabert(root):
    preprocess = pytest.importorskip("arabert.preprocess")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = preprocess.ArabertPreprocessor("bert-base-arabertv02")
    texts = [
        json.loads(line)["text"] for line in (root / "data/corpus/train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    texts += [
        "&quot;هدنة&quot; &amp; <b>سلام</b> https://a.com/x?y=1 @user me@x.org هههههه ١٥مارس 2024م 3/4 😀 ـــ رائــــع!!!!!",
        "أكّدَ 12٪ ٥٫٦ a.b.com://x <br /> www.x.y",
        "",
        "   ",
    ]
    for text in texts:
        assert normalise_arabert(text).text == theirs.preprocess(text)


def test_paragraphs_are_cut_at_every_kind_of_line_break():
    assert split_paragraphs("أ\nب\r\n\r\nج\u2029د\n \n") == ["أ", "ب", "ج", "د"]


def test_a_long_body_without_breaks_is_cut_at_sentence_ends_and_loses_nothing():
    sentence = "وقالت وزارة الدفاع في بيان إن الهدنة صامدة منذ 3.5 أيام في الشمال الشرقي كله. "
    paragraphs = split_paragraphs(sentence * 12)
    assert len(paragraphs) > 2
    assert " ".join(paragraphs) == (sentence * 12).strip()
    assert all(paragraph.endswith("كله.") for paragraph in paragraphs)
    assert split_paragraphs(sentence * 2) == [(sentence * 2).strip()]
