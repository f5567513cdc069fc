"""Noun phrases that name actors, read without their article: whose name heads the phrase, and may it stand for it?

In an Arabic noun phrase the head comes first and the modifiers follow. "المتحدث باسم الخارجية القطرية" speaks for the
ministry, "وزير الخارجية العراقي فؤاد حسين" is the minister; but "عائلات الأسرى لدى حماس" is not Hamas, and
"الرئيس السابق" no longer president. So a known name counts where it heads the phrase, or where the words before it
are those of a speaker, leader or honorific; a phrase of two names joined by "and" is two actors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from .actor_names import Match, Word, bare, fold_name, stems, words_of
from .actors import ActorList


def _folded(text: str) -> frozenset[str]:
    return frozenset(fold_name(text))


_LINKS = _folded("باسم في من عن لدى لـ بـ ب ل إلى التابع التابعة")
SPEAKERS = _LINKS | _folded(
    "المتحدث المتحدثة الناطق الناطقة بلسان الرسمي الرسمية الإعلامي العسكري السياسي وفد وفدا وفود وفودا ممثل "
    "ممثلة ممثلو ممثلي ممثلون ممثلين مسؤول مسؤولة مسؤولو مسؤولي مسؤولون مسؤولين مصدر مصادر مكتب قيادة قيادات "
    "ضابط ضباط كبار مفاوضو مفاوضي"
)
LEADERS = SPEAKERS | _folded(
    "القيادي القيادية قيادي قياديون زعيم زعماء زعامة رئيس رئيسة قائد قادة أمين الأمين عام العام مدير المدير "
    "التنفيذي عضو أعضاء وزراء خارجية رؤساء نائب نائبة حركة تنظيم جماعة حزب ميليشيا ميليشيات مليشيا مقاتلو "
    "مقاتلي مسلحو مسلحي عناصر قوات مجلس المكتب"
)
HONORIFICS = _folded(
    "السيد السيدة الدكتور الدكتورة د الشيخ الشيخة اللواء الفريق العميد العقيد المقدم الرائد المشير الجنرال "
    "الأمير الأميرة الأستاذ معالي سمو جلالة فخامة سماحة دولة سعادة صاحب السمو الملكي الملك المهندس القاضي "
    "البابا أول الركن آية الله"
)
_OFFICES = _folded(
    "وزير وزيرة الوزير الوزيرة الخارجية الدفاع الداخلية الشؤون والتعاون الوزراء الحكومة الجمهورية الدولة البرلمان "
    "المبعوث المبعوثة الموفد السفير السفيرة ولي العهد الأممي الدولي الخاص أمير ملك سلطان المرشد الأعلى نائب نائبة "
    "مساعد وكيل المندوب"
)
TITLES = HONORIFICS | LEADERS | _OFFICES
FORMER = _folded("السابق السابقة الأسبق الأسبقة سابقا المخلوع المعزول الراحل الراحلة المنتخب المستقيل")
PREPOSITIONS = _folded("في لدى إلى من عن على بعد أمام للشؤون لشؤون حول بشأن أن إن قد بين مع")
RELATIONS = _folded(
    "أنصار عائلات عائلة أهالي أهل ذوي ذوو حلفاء ضحايا أسرى محامي والد والدة زوجة زوج شقيق شقيقة مستشار مساعد "
    "مساعدو فريق نظام معارضي معارضو مؤيدو مؤيدي موالون موالين خصوم أعداء مواطن مواطنون مبعوث شاب شابة بعض عدد "
    "عشرات مئات آلاف نحو"
)
_PERSONAL = ("head-of-state", "head-of-government", "envoy", "embassy", "security-adviser")


@dataclass(frozen=True)
class Part:
    """A part of a phrase, words `first` to `last` (exclusive), and the actor it names, or None."""

    first: int
    last: int
    actor: str | None


def personal(office: str | None) -> bool:
    """Say whether an office is one person's, whose name may follow it."""
    return office is not None and (office in _PERSONAL or office.endswith("-minister"))


def nisba_at(words: Sequence[Word], first: int, actors: ActorList) -> tuple[str, int] | None:
    """Return the state whose adjective begins at a word, and how many words it has."""
    for form, _, _ in stems(words[first].form) if first < len(words) else ():
        for n in (2, 1):
            rest = tuple(bare(word.form) for word in words[first + 1 : first + n])
            if len(rest) == n - 1 and (state := actors.nisbas.get((form, *rest))):
                return state, n
    return None


def read_phrase(text: str, actors: ActorList, day: date | None) -> list[Part]:
    """Return the parts of a phrase, one for each actor it joins by "and"; a single part with no actor if unknown."""
    words = words_of(text)
    unknown = [Part(0, len(words), None)]
    if not words or any(bare(word.form) in FORMER for word in words):
        return unknown
    matches = [match for match in actors.index.find(words) if match.actor(day)]
    if not matches:
        return [Part(0, len(words), _by_surname(words, actors, day))]
    starts = [match.first for match in matches[1:] if match.conjoined and match.first > matches[0].last - 1]
    bounds = [0, *starts, len(words)]
    parts: list[Part] = []
    for first, last in pairwise(bounds):
        inside = [match for match in matches if first <= match.first < last]
        actor = _head(words, first, last, inside, actors, day)
        if actor is None and not parts:
            whole = _head(words, 0, len(words), matches, actors, day) if starts else None
            return [Part(0, len(words), whole)]
        parts.append(Part(first, last, actor))
        parts += _shared_head(words, inside, last, actors, day)
    return parts


def _head(
    words: Sequence[Word], first: int, last: int, matches: Sequence[Match], actors: ActorList, day: date | None
) -> str | None:
    """Return the actor whose name heads words `first` to `last`, if it does."""
    match = matches[0]
    actor = match.actor(day)
    if actor and _may_precede(words[first : match.first], match, actor, actors):
        return actor if _may_follow(words, match, last, matches, actors, day) else None
    person = matches[-1]
    if person.person and person.last == last and person.last - person.first > 1:
        named = {i for other in matches for i in range(other.first, other.last)}
        if all(bare(words[i].form) in TITLES or i in named for i in range(first, person.first)):
            return person.actor(day)
    return None


def _may_precede(before: Sequence[Word], match: Match, actor: str, actors: ActorList) -> bool:
    """Say whether these words may stand before an actor's name without making the phrase somebody else's."""
    if not before:
        return True
    known = actors.actors[actor]
    if match.person:
        # An indefinite noun before a name is another's: "مستشار ترمب" is no Trump, "المستشار" would be.
        if not before[-1].definite and bare(before[-1].form) not in HONORIFICS:
            return False
        allowed = TITLES
    elif known.kind in ("state", "government") or personal(known.office):
        allowed = SPEAKERS | HONORIFICS
    else:
        allowed = LEADERS | HONORIFICS
    if any(form in allowed for form, _, _ in stems(before[0].form)) and all(
        bare(word.form) in allowed for word in before[1:]
    ):
        return True
    return _is_apposition(before, match, allowed)


def _is_apposition(before: Sequence[Word], match: Match, allowed: frozenset[str]) -> bool:
    """Say whether the words are a person's name (two to four words) with a role after it: "أسامة حمدان القيادي في"."""
    names, role = list(before), {fold_name(match.claims[0].name)[0]}
    while names and bare(names[-1].form) in allowed:
        role.add(bare(names.pop().form))
    honoured = [word for word in names if bare(word.form) not in HONORIFICS]
    return (
        not match.person
        and not role.isdisjoint(TITLES - _LINKS)
        and 2 <= len(honoured) <= 5
        and not any(bare(word.form) in RELATIONS | PREPOSITIONS | LEADERS for word in honoured)
        and not any(char.isdigit() for word in honoured for char in word.form)
        and not honoured[0].definite
    )


def _may_follow(
    words: Sequence[Word], match: Match, last: int, matches: Sequence[Match], actors: ActorList, day: date | None
) -> bool:
    """Say whether the words after an actor's name leave it the same actor."""
    if match.last == last or match.person or bare(words[match.last].form) in PREPOSITIONS:
        return True
    if words[match.last].form[0] in "بل" and len(stems(words[match.last].form)) > 1:
        return True  # an attached preposition: "المبعوث الأممي لليمن"
    after = [other for other in matches if other.first >= match.last and not other.conjoined]
    known = actors.actors[match.actor(day) or ""]
    others = {other.actor(day) for other in after if not other.person} - {known.id}
    if others and not others & set(_chain(known.id, actors)) and not personal(known.office):
        return False
    foreign = nisba_at(words, match.last, actors)
    if foreign and foreign[0] != actors.root(known.id) and words[match.last].form[0] != "و":
        return False
    return known.kind != "state" or words[match.last].after_break or words[match.last].form[0] == "و" or bool(after)


def _chain(actor: str, actors: ActorList) -> list[str]:
    above = actors.actors[actor].belongs_to
    return [actor, *(_chain(above, actors) if above else [])]


def _shared_head(
    words: Sequence[Word], matches: Sequence[Match], last: int, actors: ActorList, day: date | None
) -> list[Part]:
    """Return the further actors of one head: "السلطات المغربية والإسبانية" is the authorities of both."""
    if not matches:
        return []
    known = actors.actors.get(matches[0].actor(day) or "")
    parts, i = [], matches[0].last
    while known and known.office and i < last and words[i].form[0] == "و":
        found = nisba_at(words, i, actors)
        if not found:
            break
        parts.append(Part(i, i + found[1], f"{found[0]}.{known.office}"))
        i += found[1]
    return parts


def _by_surname(words: Sequence[Word], actors: ActorList, day: date | None) -> str | None:
    """Return who holds an office under the last of his names: "الوزير شكري", "الرئيس هادي"."""
    if len(words) < 2 or not any(word.definite for word in words[:-1]):
        return None
    title = tuple(bare(word.form) for word in words[:-1])
    holders = {
        claim.actor
        for claim in actors.index.surnames.get(bare(words[-1].form), ())
        if claim.holds(day) and any(fold_name(name)[: len(title)] == title for name in actors.actors[claim.actor].names)
    }
    return holders.pop() if len(holders) == 1 else None
