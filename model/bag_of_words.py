"""Topics by a paragraph's words alone, beside what the network says. NumPy only.

A small encoder forgets rare words that give a topic away; a bag of words and of their pieces keeps them, and forgets
their order instead. Its features are hashed (after Weinberger et al. 2009, arXiv:0902.2206, without their signs), so
that no vocabulary has to be kept.

Shapes: F features, K topics.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import TaggerError
from .text import LETTER_MARKS

# What a feature is, is part of a tagger's format: raise it (settings.py) when anything of this changes.
N_FEATURES = 2**18
PIECES = range(3, 6)  # characters in a piece of a word
LONGEST_WORD = 40  # characters; the rest of a longer one, which is no word, is not looked at
_WORD = re.compile(rf"[\w{LETTER_MARKS}]+")

KEYS = ("bag.idf", "bag.weight", "bag.bias", "bag.least_length")  # in a tagger's file of weights

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
_NONE: Ids = np.empty(0, dtype=np.int32)


class WordCounts(NamedTuple):
    """Which features a text has, each once, and for each 1 + the logarithm of how often."""

    features: Ids
    values: Floats


@dataclass(frozen=True, eq=False)
class BagOfWords:
    """A linear classifier a topic over TF-IDF; `share` is its part in a topic's logit, the network has the rest.

    A paragraph's vector is divided by its length, or by `least_length` where it is shorter: the few words of a
    headline are not to decide as if they were many.
    """

    share: float
    idf: Floats  # (F,)
    weight: Floats  # (F, K)
    bias: Floats  # (K,)
    least_length: Floats  # (1,)

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, npt.NDArray[np.floating[Any]]], *, share: float, n_topics: int
    ) -> "BagOfWords":
        """Build from what `to_tensors` gave, read back from a tagger's file.

        Raises:
            TaggerError: one is missing, or has another shape than it should.
        """
        shapes = {key: tensors[key].shape for key in KEYS if key in tensors}
        expected = dict(zip(KEYS, [(N_FEATURES,), (N_FEATURES, n_topics), (n_topics,), (1,)], strict=True))
        if shapes != expected:
            raise TaggerError(f"bag_share is {share}, so the weights need a bag of words {expected}; found {shapes}")
        return cls(share, *(tensors[key].astype(np.float32, copy=False) for key in KEYS))

    def to_tensors(self) -> dict[str, Floats]:
        return dict(zip(KEYS, (self.idf, self.weight, self.bias, self.least_length), strict=True))

    def topic_logits(self, counts: WordCounts) -> Floats:
        """Return topic logits (K,)."""
        weighed = counts.values * self.idf[counts.features]
        length = np.sqrt((weighed**2).sum(keepdims=True))
        logits = (weighed / divisor(length, self.least_length)) @ self.weight[counts.features] + self.bias
        return logits.astype(np.float32, copy=False)

    def join(self, network_logits: Floats, counts: WordCounts) -> Floats:
        """Return topic logits (K,) with the bag's share in them."""
        return (1 - self.share) * network_logits + self.share * self.topic_logits(counts)


def divisor(length: Floats, least_length: Floats) -> Floats:
    """Return what vectors of this length (N,) are divided by; an empty one by 1."""
    return np.maximum(length, least_length).clip(min=1)  # no weighed feature is below 1


def count_words(text: str) -> WordCounts:
    """Count the words of a normalised text and their pieces."""
    own = [_of_word(word[:LONGEST_WORD]) for word in _WORD.findall(text.lower())]
    features, n = np.unique(np.concatenate(own) if own else _NONE, return_counts=True)
    return WordCounts(features, (1 + np.log(n)).astype(np.float32))


@lru_cache(maxsize=2**15)  # words come again and again
def _of_word(word: str) -> Ids:
    """Return the features of a word and of its pieces; a piece knows where the word begins and ends."""
    marked = f"<{word}>"
    pieces = [f"#{marked[i : i + n]}" for n in PIECES for i in range(len(marked) - n + 1)]
    return np.array([_hashed(part) for part in [word, *pieces]], dtype=np.int32)


def _hashed(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "surrogatepass")) % N_FEATURES
