"""Remnants of a web page among an article's paragraphs: found by rule, named by kind, never thrown away unseen."""

import re

from .model.records import Remnant
from .model.text import ARABIC_LETTER

_MONTH = (
    "يناير|فبراير|مارس|[أا]بريل|مايو|يونيو|يوليو|[أا]غسطس|سبتمبر|[أا]كتوبر|نوفمبر|ديسمبر|جانفي|فيفري|[أا]فريل|ماي|جوان|"
    "جويلية|[أا]وت|كانون (?:الثاني|الأول)|شباط|[آا]ذار|نيسان|[أا]يار|حزيران|تموز|[آا]ب|[أا]يلول|تشرين (?:الأول|الثاني)"
)
_DAY = "السبت|الأحد|الاثنين|الإثنين|الثلاثاء|الأربعاء|الخميس|الجمعة"
_STAMP_PART = (
    rf"(?:\d+|{_MONTH}|{_DAY}|[صم]|مساء|صباحا|GMT|UTC|KSA|AM|PM|دمشق|بغداد|القدس|مكة|الدوحة|بتوقيت|غرينتش|تاريخ|التاريخ|"
    r"الساعة|نشر|النشر|نُشر|في|يوم|آخر|اخر|أخر|تحديث|التحديث|تم)"
)
_AGENCIES = (
    r"AFP|Reuters|AP|Getty(?: Images)?|EPA|DPA|Anadolu|AA|رويترز|فرانس برس|أ ?ف ?ب|ا ?ف ?ب|أسوشيتد برس|أسوشييتد برس|"
    r"الأناضول|غيتي(?: إيميجز)?|د ?ب ?أ|سانا|واع|واس|وفا|إنترنت|الإنترنت|أرشيف(?:ية)?|مواقع التواصل(?: الاجتماعي)?"
)
_NETWORKS = (
    r"فيسبوك|تويتر|واتساب|واتس ?اب|تلغرام|تليغرام|تيليغرام|تيليجرام|تلجرام|انستغرام|إنستغرام|انستقرام|لينكد ?إن|ماسنجر|"
    r"يوتيوب|إكس|منصة إكس|بينترست|بريد إلكتروني|البريد الإلكتروني|facebook|twitter|whatsapp|telegram|messenger|"
    r"linkedin|instagram|email|pinterest|x"
)
_BUTTON = (
    r"شارك(?:ها|ه)?|مشاركة|شارك(?: هذا)? (?:المقال|الخبر|القصة|الموضوع)|مشاركة (?:المقال|الخبر|عبر)|انسخ الرابط|نسخ الرابط|"
    r"تم نسخ الرابط|طباعة|اطبع|حفظ|استمع(?: إلى المقال)?|تابعنا(?: على)?|تابعونا(?: على)?|اشترك(?: الآن)?|إعلان|اعلان|"
    r"التعليقات|تعليقات|أضف تعليق(?:ا|ًا)?|المزيد|share|print|copy link|icon|menu|advertisement"
)
_JOINT = r"[\s|•·،,:;/\\\-–—()\[\]…]"

# Each rule matches a whole paragraph. The order decides the kind that is told; the last two are the broad ones.
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("font size", re.compile(r"[+\-]?\s*[AaأاT]\s*[+\-]?|حجم (?:ال)?خط|تكبير(?: الخط)?|تصغير(?: الخط)?")),
    (
        "share button",
        re.compile(
            rf"{_JOINT}*(?:{_BUTTON}|{_NETWORKS})(?:{_JOINT}+(?:{_BUTTON}|{_NETWORKS}|على|عبر))*{_JOINT}*", re.I
        ),
    ),
    ("date", re.compile(rf"{_JOINT}*{_STAMP_PART}(?:[\s|•·،,:/.\-–—()+]+{_STAMP_PART})*{_JOINT}*", re.I)),
    (
        "related link",
        re.compile(
            r"(?:اقر[أا]\S*|إقرأ|شاهد|طالع|تابع) (?:أيضا|أيضًا|ايضا|المزيد|كذلك)\b.{0,160}|"
            r"(?:(?:ال)?(?:أخبار|مواضيع|مقالات|مواد)|قد يهمك).{0,3}(?:ذات صلة|متعلقة|مرتبطة|أيضا|أيضًا|ايضا)?.{0,3}|"
            r"(?:كلمات (?:مفتاحية|دلالية|دالة)|الكلمات (?:المفتاحية|الدلالية|الدالة)|وسوم|الوسوم|تصنيفات?|tags)\s*:?.{0,200}|"
            r"(?:https?://|www\.)\S+|(?:[#@][\w]+\s*)+",
            re.I,
        ),
    ),
    (
        "caption credit",
        re.compile(
            rf"[^.؟!]{{0,220}}[\-–—|(/\[]\s*(?:(?:{_AGENCIES})|(?:تصوير|عدسة)\s*:[^.؟!]{{0,80}})\s*[)\]]?|"
            rf"(?:\(?\s*(?:تصوير|الصورة|صورة|المصدر|مصدر الصورة|عدسة)\s*:[^.؟!]{{0,80}}|(?:{_AGENCIES}))\)?|"
            r"(?:صورة )?(?:أرشيفية|تعبيرية|توضيحية)|صورة من الأرشيف",
            re.I,
        ),
    ),
)
_NUMERIC_DATE = re.compile(r"\b\d{1,4}[./\-]\d{1,2}[./\-]\d{1,4}\b|^\s*(?:[آأا]خر تحديث|تاريخ النشر|نشر في)\b")
_SENTENCE_SIGNS = re.compile(r"[.!?؟…:؛\"»”]")
_SENTENCE_END = re.compile(r"[.!؟…]\W*$")
_WORD = re.compile(r"\w+")
_SHORT = 4  # words
_LINK_WORDS = 16  # a headline among the related links at the foot of a page


def part_remnants(paragraphs: list[str]) -> tuple[list[str], list[Remnant]]:
    """Part an article's paragraphs from the remnants of the page it stood on; both keep their order."""
    kept: list[str] = []
    remnants: list[Remnant] = []
    among_links = False
    for paragraph in paragraphs:
        kind = remnant_kind(paragraph)
        is_title = not _SENTENCE_END.search(paragraph) and len(_WORD.findall(paragraph)) <= _LINK_WORDS
        if kind is None and among_links and is_title:
            kind = "related link"
        among_links = kind == "related link" or (among_links and kind is not None)
        if kind is None:
            kept.append(paragraph)
        else:
            remnants.append(Remnant(kind, paragraph, len(kept)))
    return kept, remnants


def remnant_kind(paragraph: str) -> str | None:
    """Return what kind of remnant the paragraph is, or None where it is text.

    A line of at most four words without any sentence sign is a section name, a subheading or a caption.
    """
    for kind, rule in _RULES:
        if rule.fullmatch(paragraph.strip()):
            return kind
    words = _WORD.findall(_NUMERIC_DATE.sub(" ", paragraph))
    if _NUMERIC_DATE.search(paragraph) and len([word for word in words if not word.isdigit()]) <= _SHORT:
        return "date"
    if not ARABIC_LETTER.search(paragraph):
        return "no Arabic"
    if len(_WORD.findall(paragraph)) <= _SHORT and not _SENTENCE_SIGNS.search(paragraph):
        return "section name or caption"
    return None
