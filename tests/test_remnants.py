import json

import pytest

from fiqra.remnants import part_remnants, remnant_kind


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("+A", "font size"),
        ("حجم الخط", "font size"),
        ("شارك", "share button"),
        ("فيسبوك | تويتر | واتساب", "share button"),
        ("icon", "share button"),
        ("2024.03.27 | 14:29 دمشق", "date"),
        ("آخر تحديث: 27.03.2024 | 14:49 دمشق", "date"),
        ("الأربعاء ١٢ تشرين الثاني/ نوفمبر ٢٠٢٥", "date"),
        ("عناصر من قوات الحدود قرب القائم - AFP", "caption credit"),
        ("جنود عند المنفذ (رويترز)", "caption credit"),
        ("التغطية الحية", "section name or caption"),
        ("اقرأ أيضا: هدنة جديدة في الشمال", "related link"),
        ("https://example.org/a", "related link"),
        ("Read more on our site", "no Arabic"),
    ],
)
def test_lines_of_the_page_are_known(line, kind):
    assert remnant_kind(line) == kind


@pytest.mark.parametrize(
    "line",
    [
        "أعلنت الرئاسة الهدنة.",
        "بغداد: لا تفاوض",
        "العراق يعيد فتح معبر القائم أمام الشاحنات",
        "وفي 26 كانون الثاني/ يناير توقفت المعارك في ريف الحسكة.",
        "شارك وزير الخارجية العراقي في اجتماع عمّان يوم 3.4.2025 وطالب بوقف النار",
        'قال الوزير "لا"',
    ],
)
def test_text_is_kept(line):
    assert remnant_kind(line) is None


def test_no_labelled_paragraph_is_taken_for_a_remnant(root):
    for split in ("train", "dev", "test"):
        for line in (root / f"data/corpus/{split}.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["topics"]:
                assert remnant_kind(record["text"]) is None, record["text"]


def test_headlines_under_a_related_link_go_with_it_and_nothing_is_lost():
    lines = ["رحبت بغداد بالاتفاق.", "اقرأ أيضا", "ثلاثة أسئلة عن مخيم روج في الحسكة", "وقال الوزير إن الهدنة صامدة."]
    kept, remnants = part_remnants(lines)
    assert kept == [lines[0], lines[3]]
    assert [(remnant.kind, remnant.text) for remnant in remnants] == [("related link", line) for line in lines[1:3]]
