"""Which paragraphs are nearly the same, and which share a run of words.

Words are compared as the tokenizer's normalisation leaves them, without punctuation: spelling of alef, diacritics,
digits and quotation marks make no difference.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel

from .model.text import normalise_news

Words = tuple[str, ...]

_WORD = re.compile(r"\w+")
_ROWS = 64  # paragraphs compared with all others at a time: few enough to keep the table of likeness small


class Likeness(NamedTuple):
    """Paragraph `first` of one list and `second` of another, and their likeness from 0 to 1."""

    first: int
    second: int
    value: float


class SharedRun(NamedTuple):
    """The longest run of words that paragraph `first` of one list shares with `second` of another."""

    first: int
    second: int
    words: Words


def words_of(text: str) -> Words:
    """Return a text's words, normalised."""
    return tuple(word for token in text.split() for word in _words_of_token(token))


@lru_cache(maxsize=1 << 18)
def _words_of_token(token: str) -> Words:
    return tuple(_WORD.findall(normalise_news(token).text))


def near_duplicates(own: Sequence[Words], others: Sequence[Words], *, least: float) -> Iterator[Likeness]:
    """Yield every pair whose likeness is at least `least`.

    The likeness of n and m words is 2 L / (n + m), where L is the length of their longest common subsequence: 1 for
    equal texts, 0.8 where one word in five is another. No pair is missed: all of like length are compared.
    """
    least -= 1e-6  # so that rounding costs no pair that is just as like as asked for
    ids: dict[str, int] = {}
    rows, columns = _by_length(own, ids), _by_length(others, ids)
    lengths = np.array([len(words) for _, words in columns])
    ratio = least / (2 - least)  # L is at most the shorter length, so a shorter text than this can't reach `least`
    for begin in range(0, len(rows), _ROWS):
        numbers, block = zip(*rows[begin : begin + _ROWS], strict=True)
        low = int(np.searchsorted(lengths, len(block[0]) * ratio - 1))
        high = int(np.searchsorted(lengths, len(block[-1]) / ratio + 1))
        candidates = [words for _, words in columns[low:high]]
        table = process.cdist(block, candidates, scorer=Indel.normalized_similarity, score_cutoff=least)
        for row, column in np.argwhere(table >= least):
            yield Likeness(numbers[row], columns[low + column][0], float(table[row, column]))


def _by_length(texts: Sequence[Words], ids: dict[str, int]) -> list[tuple[int, list[int]]]:
    """Return each text's number and its words as numbers, the shortest first; a text without words is left out."""
    numbered = [(i, [ids.setdefault(word, len(ids)) for word in words]) for i, words in enumerate(texts) if words]
    return sorted(numbered, key=lambda pair: len(pair[1]))


def shared_runs(own: Sequence[Words], others: Sequence[Words], *, least: int) -> Iterator[SharedRun]:
    """Yield every pair that shares a run of at least `least` words, with its longest one."""
    where: dict[Words, list[tuple[int, int]]] = {}
    for i, words in enumerate(own):
        for at in range(len(words) - least + 1):
            where.setdefault(words[at : at + least], []).append((i, at))
    for j, words in enumerate(others):
        longest: dict[int, Words] = {}
        for at in range(len(words) - least + 1):
            for i, own_at in where.get(words[at : at + least], ()):
                run = words[at : at + _run_length(own[i], own_at, words, at)]
                longest[i] = max(longest.get(i, ()), run, key=len)
        for i, run in longest.items():
            yield SharedRun(i, j, run)


def _run_length(first: Words, i: int, second: Words, j: int) -> int:
    n = 0
    while i + n < len(first) and j + n < len(second) and first[i + n] == second[j + n]:
        n += 1
    return n
