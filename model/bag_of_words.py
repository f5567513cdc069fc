"""Topics by a paragraph's words alone, beside what the network says. NumPy only.

A small encoder forgets rare words that give a topic away; a bag of words and of their pieces forgets nothing but their
order. Its features are hashed (Weinberger et al. 2009, arXiv:0902.2206), so that no vocabulary has to be kept.

Shapes: F features, K topics.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import TaggerError

N_FEATURES = 2**18
KEYS = ("bag.idf", "bag.weight", "bag.bias")  # in a tagger's file of weights
PIECES = range(3, 6)  # characters in a piece of a word
_WORD = re.compile(r"\w+")

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
_NONE: Ids = np.empty(0, dtype=np.int32)


class Counted(NamedTuple):
    """Which features a text has, each once, and for each 1 + the logarithm of how often."""

    features: Ids
    values: Floats


@dataclass(frozen=True)
class BagOfWords:
    """A linear classifier a topic over TF-IDF; `share` is its part in a topic's logit, the network has the rest."""

    share: float
    idf: Floats  # (F,)
    weight: Floats  # (F, K)
    bias: Floats  # (K,)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[np.floating]], share: float) -> "BagOfWords":
        """Build from what `to_tensors` gave, read back from a tagger's file.

        Raises:
            TaggerError: one is missing.
        """
        try:
            return cls(share, *(tensors[key].astype(np.float32) for key in KEYS))
        except KeyError as error:
            raise TaggerError(f"bag_share is {share}, but the tagger's weights hold no {error}") from error

    def to_tensors(self) -> dict[str, Floats]:
        return dict(zip(KEYS, (self.idf, self.weight, self.bias), strict=True))

    def topic_logits(self, counted: Counted) -> Floats:
        """Return topic logits (K,)."""
        weighed = counted.values * self.idf[counted.features]
        length = np.sqrt((weighed**2).sum()) or 1.0
        return (weighed / length) @ self.weight[counted.features] + self.bias

    def join(self, network_logits: Floats, counted: Counted) -> Floats:
        """Return topic logits (K,) with the bag's share in them."""
        return (1 - self.share) * network_logits + self.share * self.topic_logits(counted)


def count(text: str) -> Counted:
    """Count the words of a normalised text and their pieces."""
    own = [_of_word(word) for word in _WORD.findall(text.lower())]
    features, n = np.unique(np.concatenate(own) if own else _NONE, return_counts=True)
    return Counted(features, (1 + np.log(n)).astype(np.float32))


@lru_cache(maxsize=2**15)  # words come again and again
def _of_word(word: str) -> Ids:
    """Return the features of a word and of its pieces; a piece knows where the word begins and ends."""
    marked = f"<{word}>"
    pieces = [f"#{marked[i : i + n]}" for n in PIECES for i in range(len(marked) - n + 1)]
    return np.array([_hashed(part) for part in [word, *pieces]], dtype=np.int32)


def _hashed(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "surrogatepass")) % N_FEATURES
