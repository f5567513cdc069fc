"""Whom the actors of an article are: by their names, and by what the article has said before.

A full mention is carried to later short ones: a title ("الوزير", "الوزارة", "الحركة"), a part of a person's name
("حسين" after "وزير الخارجية فؤاد حسين"), "the two sides" after two parties, "his Turkish counterpart" after a minister.
Where the text leaves several candidates, nobody is chosen: "الوزارة" of an article that names no ministry, or two, is
"ambiguous", for it isn't the same actor from one article to the next, as an unknown name is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from .actor_names import Match, Word, bare, fold_name, stems, words_of
from .actor_phrases import (
    FORMER,
    HONORIFICS,
    PREPOSITIONS,
    RELATIONS,
    SPEAKERS,
    TITLES,
    Part,
    nisba_at,
    personal,
    read_phrase,
)
from .actors import ActorList
from .model.records import Actor

Rule = Literal["name", "carried", "pair", "counterpart", "ambiguous", "unknown"]
_PAIRS = {
    "state": ("بلدان بلدين دولتان دولتين جارتان جارتين عاصمتان عاصمتين", None),
    "head": ("رئيسان رئيسين زعيمان زعيمين", "head-of-state"),
    "minister": ("وزيران وزيرين", "-minister"),
    "government": ("حكومتان حكومتين قيادتان قيادتين", "government"),
    "army": ("جيشان جيشين", "army"),
    "side": ("جانبان جانبين طرفان طرفين وفدان وفدين فريقان فريقين", None),
}
_PAIR_WORDS = {form: kind for kind, (words, _) in _PAIRS.items() for form in fold_name(words)}
_MINISTERS = {
    fold_name(word)[0]: f"{office}-minister"
    for word, office in (("الخارجية", "foreign"), ("الدفاع", "defence"), ("الداخلية", "interior"), ("العدل", "justice"))
}
_TWO_MINISTERS = frozenset(fold_name("وزيرا وزيري"))
_COUNTERPARTS = frozenset(fold_name("نظيره نظيرها نظيرته نظيرتها"))
_BOTH = frozenset(fold_name("كلا كلتا"))
_NO_PARTIES = ("international_body", "organisation")  # they mediate between sides
_PLACES = frozenset(fold_name("في إلى داخل شمال جنوب شرق غرب شمالي جنوبي شرقي غربي من خارج عبر مع"))
_DEPUTIES = frozenset(fold_name("نائب نائبة مساعد مساعدة وكيل مستشار مستشارة نائبا"))
_ROLE_CHARS = 80  # after a mention, in which a role may follow
_NAME_WORDS = 3  # words after a title that may be the name of who bears it


@dataclass(frozen=True)
class Mention:
    """What was made of a mention, or of one of the two that it joins: characters `start` to `end` of the paragraph.

    `fuller` is an earlier, longer mention of the same actor, where no known actor was found.
    """

    start: int
    end: int
    actor: str | None
    rule: Rule
    fuller: str | None = None


@dataclass(frozen=True)
class _Earlier:
    """A mention that later ones may point at: where it stands, whom it names, and words that may be a person's name."""

    para: int
    at: int
    actor: str | None
    names: tuple[str, ...]
    text: str = ""
    party: bool = True  # may be one of "the two sides"; a place ("in Baghdad") may not


class ArticleResolver:
    """Resolves the mentions of one article, paragraph after paragraph."""

    def __init__(self, actors: ActorList, day: date | None) -> None:
        """`day`: the article's date, which bounds who holds an office; None where it is not known."""
        self._actors = actors
        self._day = day
        self._earlier: list[_Earlier] = []
        self._para = -1

    def resolve(self, text: str, spans: Iterable[Actor]) -> dict[Actor, list[Mention]]:
        """Return what the mentions in the next paragraph of the article are."""
        self._para += 1
        self._earlier += self._scan(text)
        found: dict[Actor, list[Mention]] = {}
        for span in sorted(set(spans), key=lambda span: (span.start, span.end)):
            found[span] = self._mentions(span, text)
            for mention in found[span]:
                words = tuple(bare(word.form) for word in words_of(text[mention.start : mention.end]))
                quote = text[mention.start : mention.end]
                self._earlier.append(_Earlier(self._para, mention.start, mention.actor, words, quote))
        return found

    def _scan(self, text: str) -> list[_Earlier]:
        words = words_of(text)
        found = []
        for match in self._actors.index.find(words):
            actor = match.actor(self._day)
            if actor is None:
                continue
            known = self._actors.actors[actor]
            before = bare(words[match.first - 1].form) if match.first else ""
            names = _name_after(words, match) if personal(known.office) else ()
            party = known.kind != "state" or (before not in _PLACES and words[match.first].form[0] != "ب")
            found.append(_Earlier(self._para, words[match.first].start, actor, names, party=party))
        return found

    def _mentions(self, span: Actor, text: str) -> list[Mention]:
        words = words_of(span.text)
        before = [e for e in self._earlier if (e.para, e.at) < (self._para, span.start)]
        if words and (counterpart := self._counterpart(words, before)):
            return [Mention(span.start, span.end, counterpart, "counterpart")]
        parts = read_phrase(span.text, self._actors, self._day)
        if any(part.actor for part in parts):
            return [self._mention(span, words, part) for part in parts]
        actors, rule = self._from_before(words, before) if words else ((), "unknown")
        if not actors and (role := self._role_after(span, words, text)):
            actors, rule = [role], "name"
        if actors:
            return [Mention(span.start, span.end, actor, rule) for actor in actors]
        fuller = self._fuller(words, before)
        if rule == "unknown" and fuller is None and words and self._is_common(words):
            rule = "ambiguous"
        return [Mention(span.start, span.end, None, rule, fuller)]

    def _role_after(self, span: Actor, words: Sequence[Word], text: str) -> str | None:
        """Return the actor of the role after a person's name: "رامي الدالاتي، القيادي في الجيش السوري الحر"."""
        after = words_of(text[span.end : span.end + _ROLE_CHARS])
        if len(words) < 2 or not after or not TITLES & {form for form, _, _ in stems(after[0].form)}:
            return None
        match = next((found for i in range(len(after)) if (found := self._actors.index.at(after, i))), None)
        if match is None or any(word.after_break for word in after[1 : match.last]):
            return None
        phrase = text[span.start : span.end + after[match.last - 1].end]
        parts = read_phrase(phrase, self._actors, self._day)
        return parts[0].actor if len(parts) == 1 else None

    def _mention(self, span: Actor, words: Sequence[Word], part: Part) -> Mention:
        start = span.start + words[part.first].start if part.first else span.start
        end = span.end if part.last == len(words) else span.start + words[part.last - 1].end
        return Mention(start, end, part.actor, "name" if part.actor else "unknown")

    def _from_before(self, words: Sequence[Word], before: Sequence[_Earlier]) -> tuple[Sequence[str], Rule]:
        pair = self._pair(words, before)
        if pair:
            return pair, "pair"
        found = self._carried(words, before)
        return ([found[0]], "carried") if len(found) == 1 else ([], "ambiguous" if found else "unknown")

    def _counterpart(self, words: Sequence[Word], before: Sequence[_Earlier]) -> str | None:
        """Return who holds, in Turkey, the office that was named last: "نظيره التركي"."""
        if not _COUNTERPARTS & {form for form, _, _ in stems(words[0].form)}:
            return None
        nisba = nisba_at(words, 1, self._actors)
        offices = [self._actors.actors[e.actor].office for e in before if e.actor]
        office = next((office for office in reversed(offices) if personal(office)), None)
        actor = f"{nisba[0]}.{office}" if nisba and office else None
        return actor if actor in self._actors.actors else None

    def _pair(self, words: Sequence[Word], before: Sequence[_Earlier]) -> list[str]:
        """Return the two actors of a dual: by their adjectives, or else the only two that were named before."""
        while len(words) > 1 and (_BOTH | SPEAKERS) & {form for form, _, _ in stems(words[0].form)}:
            words = words[1:]  # "ضباط من الجانبين" speak for both
        kind = next((_PAIR_WORDS[form] for form, _, _ in stems(words[0].form) if form in _PAIR_WORDS), None)
        if kind is None and len(words) > 1 and bare(words[0].form) in _TWO_MINISTERS:
            office = _MINISTERS.get(bare(words[1].form))
            return [f"{state}.{office}" for state in self._adjectives(words[2:])] if office else []
        if kind is None:
            return []
        office = _PAIRS[kind][1]
        if len(words) > 1:
            states = self._adjectives(words[1:])
            return [f"{state}.{office}" for state in states] if office and office[0] != "-" else states
        for para in range(self._para, -1, -1):
            parties: dict[str, str] = {}
            for e in before:
                if e.para >= para and e.actor and e.party and (actor := self._party(e.actor, kind, office)):
                    parties[self._actors.root(actor)] = actor
            if len(parties) >= 2:
                return list(parties.values()) if len(parties) == 2 else []
        return []

    def _party(self, actor: str, kind: str, office: str | None) -> str | None:
        known = self._actors.actors[actor]
        if kind == "state":
            root = self._actors.root(actor)
            return root if self._actors.actors[root].kind == "state" else None
        if office is None:
            return actor if known.kind not in _NO_PARTIES else None
        return actor if known.office and known.office.endswith(office) else None

    def _adjectives(self, words: Sequence[Word]) -> list[str]:
        """Return the states of two adjectives that fill the words, else nothing."""
        states, i = [], 0
        while i < len(words) and (found := nisba_at(words, i, self._actors)):
            states.append(found[0])
            i += found[1]
        return states if i == len(words) and len(states) == 2 else []

    def _carried(self, words: Sequence[Word], before: Sequence[_Earlier]) -> list[str]:
        """Return the actors of earlier mentions that a short one may point at; in this paragraph, if any there."""
        forms = [tuple([form, *(bare(word.form) for word in words[1:])]) for form, _, _ in stems(words[0].form)]
        if any(form in FORMER for form in forms[0]):
            return []
        nisba = nisba_at(words, 1, self._actors) if len(words) > 1 else None
        state = nisba[0] if nisba and 1 + nisba[1] == len(words) else None
        if state:
            forms = [form[:1] for form in forms]
        if any((form[0][:-2],) in self._actors.nisbas and form[0].endswith(("ون", "ين")) for form in forms):
            return []  # "الإسرائيليين": a people, nobody's name
        definite = words[0].definite or (len(words) > 1 and words[1].definite)
        found = [
            e
            for e in before
            if e.actor
            and (state is None or self._actors.root(e.actor) == state)
            and any((definite and self._is_short(form, e)) or _is_name(form, e.names) for form in forms)
        ]
        here = [e for e in found if e.para == self._para]
        return list(dict.fromkeys(e.actor for e in (here or found) if e.actor))

    def _is_short(self, forms: tuple[str, ...], earlier: _Earlier) -> bool:
        """Say whether the words begin a longer name of the actor, a part of the person's name perhaps following."""
        for name in self._actors.actors[earlier.actor or ""].names:
            whole = fold_name(name)
            n = next(
                (i for i, (a, b) in enumerate(zip(forms, whole, strict=False)) if a != b), min(len(forms), len(whole))
            )
            rest = tuple(form for form in forms[n:] if form not in HONORIFICS)
            if 0 < n < len(whole) and (not rest or _is_name(rest, earlier.names)):
                return True
        return False

    def _is_common(self, words: Sequence[Word]) -> bool:
        """Say whether the words name nobody without their article: "الوزارة", "رئيس الوزراء", "الطرفان"."""
        definite = any(word.definite for word in words[:2])
        pair = any(form in _PAIR_WORDS for form, _, _ in stems(words[-1].form))
        return pair or (definite and self._actors.index.begins(words))

    def _fuller(self, words: Sequence[Word], before: Sequence[_Earlier]) -> str | None:
        """Return the first longer mention of which the words are the end: "الخفاف" after "العميد عبد الستار الخفاف"."""
        forms = tuple(bare(word.form) for word in words)
        if not 0 < len(forms) <= 2:
            return None
        longer = (e for e in before if e.text and e.actor is None and len(e.names) > len(forms))
        return next((e.text for e in longer if e.names[-len(forms) :] == forms), None)


def _name_after(words: Sequence[Word], match: Match) -> tuple[str, ...]:
    """Return the words after a title that may be its bearer's name, nothing where the title is part of another's."""
    first = words[match.first]
    before = bare(words[match.first - 1].form) if match.first and not first.after_break else ""
    if before in RELATIONS | SPEAKERS | _DEPUTIES or first.form.startswith("لل"):
        return ()
    names: list[str] = []
    for word in words[match.last :]:
        form = bare(word.form)
        if word.after_break or len(names) == _NAME_WORDS or (not names and form not in HONORIFICS and word.definite):
            break
        if form in FORMER:
            return ()
        if form in PREPOSITIONS:
            break
        if form not in HONORIFICS:
            names.append(form)
    return tuple(names)


def _is_name(forms: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Say whether the words stand in a row among those of a name."""
    n = len(forms)
    return (
        0 < n <= 3
        and len(names) > n
        and all(len(form) > 2 for form in forms)
        and any(names[i : i + n] == forms for i in range(len(names) - n + 1))
    )
