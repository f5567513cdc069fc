"""Writings of the same Arabic words, which must change nothing: each with the way back to the clean text."""

import random
import re
from collections.abc import Callable, Iterable

from fiqra.model.records import TaggedParagraph

Pieces = list[str]  # for each character of the clean text what is written in its place

_LETTER = re.compile("[ء-غف-ي]")
_JOINS_ON = re.compile("[بتثجحخسشصضطظعغفقكلمنهيئ]")  # letters that join the next one: tatweel can follow them
_VOWELS = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
_SPACES = ("  ", " \u00a0", "\u00a0", "\t", "\u2009 ", "   ")
_QUOTES = (("«", "»"), ("“", "”"), ('"', '"'), ("„", "“"))


def diacritics(text: str, rng: random.Random) -> Pieces:
    """Put a short vowel, a doubling sign or none after each letter."""
    return [char + (rng.choice(_VOWELS) if _LETTER.match(char) and rng.random() < 0.6 else "") for char in text]


def tatweel(text: str, rng: random.Random) -> Pieces:
    """Stretch words between letters that join."""
    joins = [bool(_JOINS_ON.match(a) and _LETTER.match(b)) for a, b in zip(text, [*text[1:], " "], strict=True)]
    return [
        char + ("ـ" * rng.randint(1, 4) if can and rng.random() < 0.3 else "")
        for char, can in zip(text, joins, strict=True)
    ]


def alef(text: str, rng: random.Random) -> Pieces:
    """Drop and put the signs on alef, as hasty typing does."""
    return [rng.choice("اأإآٱ") if char in "اأإآ" and rng.random() < 0.5 else char for char in text]


def digits(text: str, rng: random.Random) -> Pieces:
    """Write all digits in another of the three sets that Arabic texts use."""
    used = {ord(char) - int(char) for char in text if char.isdecimal()}  # the zeros of the sets in the text
    zero = rng.choice([ord(zero) for zero in "0٠۰" if ord(zero) not in used] or [ord("0")])
    return [chr(zero + int(char)) if char.isdecimal() else char for char in text]


def spaces(text: str, rng: random.Random) -> Pieces:
    """Widen and change the spaces between words, and put some before and after the text."""
    pieces = [rng.choice(_SPACES) if char == " " and rng.random() < 0.5 else char for char in text]
    pieces[0] = " " + pieces[0]
    pieces[-1] += "\u00a0 "  # the first is the last where the text is one character
    return pieces


def quotation_marks(text: str, rng: random.Random) -> Pieces:
    """Write all pairs of quotation marks in another fashion."""
    opening, closing = rng.choice([pair for pair in _QUOTES if pair[0] not in text] or [_QUOTES[0]])
    pieces, is_open = [], False
    for char in text:
        if char in '"«»“”':
            is_open = char in "«“" or (char == '"' and not is_open)
            char = opening if is_open else closing
        pieces.append(char)
    return pieces


NOISES: dict[str, Callable[[str, random.Random], Pieces]] = {
    "diacritics": diacritics,
    "tatweel": tatweel,
    "alef": alef,
    "digits": digits,
    "spaces": spaces,
    "quotation marks": quotation_marks,
}


_NEEDED = {"alef": "[اأإآ]", "digits": r"\d", "quotation marks": '[«“"][^«»“”"]*[»”"]'}


def applies(kind: str, text: str) -> bool:
    """Say whether a text has anything for this noise to change."""
    return bool(re.search(_NEEDED.get(kind, r"\w"), text))


Answer = tuple[frozenset[str], frozenset[tuple[int | None, int | None, str, str]]]


def clean_answer(tagged: TaggedParagraph, pieces: Iterable[str]) -> Answer:
    """Return topics and positions with each actor's characters counted in the clean text that `pieces` stand for."""
    source = [i for i, piece in enumerate(pieces) for _ in piece]
    positions = set()
    for p in tagged.positions:
        start, end = (source[p.actor.start], source[p.actor.end - 1] + 1) if p.actor else (None, None)
        positions.add((start, end, p.topic, p.stance))
    return frozenset(tagged.topics), frozenset(positions)
