"""Arabic names compared as readers compare them, and found in running text.

Folded alike: diacritics, tatweel, Unicode forms (all by `normalise_news`), the forms of alef, ta marbuta and heh, alef
maqsura and yeh, hamza with or without its seat; the article ال; و and ف, ب ل ك attached to a name's first word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from .model.text import normalise_news

_WORD = re.compile(r"[^\W_]+")
_BREAK = re.compile(r"[.،,؛;:!?؟…]|\s[-–]\s")
_FOLDED = str.maketrans({"ة": "ه", "ى": "ي", "ؤ": None, "ئ": None, "ء": None})


@dataclass(frozen=True)
class Word:
    """A word of a text: its characters there, its folded form, and whether a clause or list mark stands before it."""

    start: int
    end: int
    form: str
    after_break: bool = False

    @property
    def definite(self) -> bool:
        return self.form.startswith(("ال", "وال", "فال", "بال", "كال", "لل", "ولل", "وبال"))


@dataclass(frozen=True)
class Claim:
    """That a name is an actor's. A person's may hold for a time: from `since`, up to and without `until`.

    `strict`: the article must be as it is spelled: "سورية" is the state, "السورية" an adjective.
    """

    name: str
    actor: str
    person: bool = False
    since: date | None = None
    until: date | None = None
    strict: bool = False

    def holds(self, day: date | None) -> bool:
        return day is None or ((self.since is None or day >= self.since) and (self.until is None or day < self.until))

    def allows(self, definite: bool) -> bool:
        """Say whether the name can begin so. A noun with another after it takes no article: no "الحكومة نتنياهو"."""
        own = _is_definite(self.name)
        return definite == own if self.strict else own or not definite or " " not in self.name

    def meets(self, other: "Claim") -> bool:
        """Say whether there is a day on which both hold."""
        return (self.since is None or other.until is None or self.since < other.until) and (
            other.since is None or self.until is None or other.since < self.until
        )


@dataclass(frozen=True)
class Match:
    """Words `first` to `last` (exclusive) of a text bear the name of one or several actors."""

    first: int
    last: int
    claims: tuple[Claim, ...]
    conjoined: bool  # an "and" is attached to the first word

    def actor(self, day: date | None) -> str | None:
        """Return the one actor that bears the name on that day; on no given day, at any time."""
        actors = {claim.actor for claim in self.claims if claim.holds(day)}
        return actors.pop() if len(actors) == 1 else None

    @property
    def person(self) -> bool:
        return all(claim.person for claim in self.claims)


def words_of(text: str) -> list[Word]:
    """Return the words of a text, with offsets into it as it came."""
    norm = normalise_news(text)
    words: list[Word] = []
    at = 0
    for found in _WORD.finditer(norm.text):
        start, end = norm.original_span(*found.span())
        broken = bool(words) and _BREAK.search(norm.text[at : found.start()] + " ") is not None
        words.append(Word(start, end, _fold(found[0]), broken))
        at = found.end()
    return words


@lru_cache(maxsize=1 << 16)
def _fold(word: str) -> str:
    return word.translate(_FOLDED).casefold() or word


def bare(form: str) -> str:
    """Return a folded word without the article."""
    return form[2:] if form.startswith("ال") and len(form) > 3 else form


@lru_cache(maxsize=1 << 16)
def stems(form: str) -> tuple[tuple[str, bool, bool], ...]:
    """Return what a name's first word may be: (bare form, was definite, bore an "and"), the least stripped first."""
    found = [(bare(form), bare(form) != form, False)]
    rests = [(form, False)]
    if form[0] in "وف" and len(form) > 3:
        rests.append((form[1:], form[0] == "و"))
        found.append((bare(form[1:]), bare(form[1:]) != form[1:], form[0] == "و"))
    for rest, conjoined in rests:
        if rest.startswith("لل") and len(rest) > 4:
            found.append((rest[2:], True, conjoined))
        elif rest[0] in "بلك" and len(rest) > 3:
            found.append((bare(rest[1:]), bare(rest[1:]) != rest[1:], conjoined))
    return tuple(found)


def fold_name(name: str) -> tuple[str, ...]:
    """Return a name's words folded, without articles: two names are the same when these are equal."""
    return tuple(form for part in name.split() for form in _bare_forms(part))


@lru_cache(maxsize=1 << 16)
def _bare_forms(part: str) -> tuple[str, ...]:
    return tuple(bare(word.form) for word in words_of(part))


@dataclass
class _Node:
    claims: list[Claim] = field(default_factory=list)
    next: dict[str, "_Node"] = field(default_factory=dict)


class NameIndex:
    """Finds names in texts. A tree over folded words: finding costs what the text is long, however many names."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._root = _Node()
        self.surnames: dict[str, list[Claim]] = {}  # by the last word of people's names
        for claim in claims:
            node, forms = self._root, fold_name(claim.name)
            for form in forms:
                node = node.next.setdefault(form, _Node())
            if claim.person:
                self.surnames.setdefault(forms[-1], []).append(claim)
            if claim not in node.claims:
                node.claims.append(claim)

    def at(self, words: Sequence[Word], first: int) -> Match | None:
        """Return the longest name that begins at a word; of equal ones, that with the least stripped off."""
        best: Match | None = None
        for form, definite, conjoined in stems(words[first].form):
            node, i = self._root.next.get(form), first + 1
            while node is not None:
                claims = [claim for claim in node.claims if claim.allows(definite)]
                if claims and (best is None or i > best.last):
                    best = Match(first, i, tuple(claims), conjoined)
                if i == len(words) or words[i].after_break:
                    break
                node, i = node.next.get(bare(words[i].form)), i + 1
        return best

    def begins(self, words: Sequence[Word]) -> bool:
        """Say whether the words are the beginning of longer names: "الوزارة", "رئيس الوزراء"."""
        for form, _, _ in stems(words[0].form):
            node = self._root.next.get(form)
            for word in words[1:]:
                node = node.next.get(bare(word.form)) if node else None
            if node and node.next:
                return True
        return False

    def find(self, words: Sequence[Word]) -> list[Match]:
        """Return the names in a text from its beginning, the longest at each place, none over another."""
        found, i = [], 0
        while i < len(words):
            match = self.at(words, i)
            if match:
                found.append(match)
            i = match.last if match else i + 1
        return found

    def rivals(self) -> Iterator[tuple[Claim, Claim]]:
        """Yield each two claims of different actors to the same name at the same time."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            nodes += node.next.values()
            for i, second in enumerate(node.claims):
                yield from (
                    (first, second) for first in node.claims[:i] if first.actor != second.actor and first.meets(second)
                )


@lru_cache(maxsize=1 << 16)
def _is_definite(name: str) -> bool:
    first = words_of(name.split()[0])[0].form
    return bare(first) != first
