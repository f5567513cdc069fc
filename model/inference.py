"""From paragraphs to merged logits: tokens with their characters, windows, length-sorted batches.

Shapes: B windows in a batch, L tokens, K topics, S stances.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .backend import Backend, Batch
from .bag_of_words import BagOfWords, WordCounts, count_words
from .decode import Array, ParagraphLogits, Span
from .text import NORMALISATIONS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WIDTH_STEP = 8  # tokens


@dataclass(frozen=True, eq=False)
class EncodedParagraph:
    """Token ids with the first and last special token, and for each token its characters in the original text.

    A special token, and a token that stands for white space alone, has an empty span. `words` are counted over the
    paragraph as a whole, whatever its windows.
    """

    ids: list[int]
    spans: list[Span]
    words: WordCounts


@dataclass(frozen=True)
class Window:
    """A stretch of a paragraph's tokens, `start` to `end`, that the encoder sees at once between special tokens."""

    paragraph: int
    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 2


def encode(texts: Sequence[str], tokenizer: "Tokenizer", normalisation: str) -> list[EncodedParagraph]:
    """Tokenize paragraphs and count their words; nothing is cut off."""
    normalised = [NORMALISATIONS[normalisation](text) for text in texts]
    encoded = []
    for norm, encoding in zip(normalised, tokenizer.encode_batch([n.text for n in normalised]), strict=True):
        spans: list[Span] = []
        for (start, end), special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True):
            while start < end and norm.text[start] == " ":
                start += 1
            spans.append(norm.original_span(start, end) if end > start and not special else (0, 0))
        encoded.append(EncodedParagraph(encoding.ids, spans, count_words(norm.text)))
    return encoded


def windows(encoded: Sequence[EncodedParagraph], size: int) -> list[Window]:
    """Cut paragraphs into windows of at most `size` tokens, special ones included; neighbours share a quarter."""
    cut = []
    for i, paragraph in enumerate(encoded):
        n, room = len(paragraph.ids) - 2, size - 2
        start = 0
        while True:
            end = min(n, start + room)
            cut.append(Window(i, start, end))
            if end == n:
                break
            start += room - room // 4
    return cut


def batches(cut: Sequence[Window], batch_tokens: int, size: int) -> Iterator[list[Window]]:
    """Group windows of like length, longest first, so that a batch with its padding has at most `batch_tokens`.

    Args:
        size: What the windows were cut to, and so the greatest width.
    """
    batch: list[Window] = []
    for window in sorted(cut, key=lambda window: -window.length):
        if batch and _width(batch, size) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _width(batch: list[Window], size: int) -> int:
    """Return how many tokens wide a batch is, of whose windows the first is the longest.

    Engines keep what they prepared for each shape that they met: with any width allowed, OpenVINO went on growing by
    a kilobyte a paragraph. In steps there are few shapes.
    """
    return min(size, -(-batch[0].length // WIDTH_STEP) * WIDTH_STEP)


def run(
    backend: Backend,
    encoded: Sequence[EncodedParagraph],
    *,
    window: int,
    pad_id: int,
    bag: BagOfWords | None = None,
    batch_tokens: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> list[ParagraphLogits]:
    """Run the network over paragraphs, merge each paragraph's windows, and join the bag of words to them.

    Args:
        bag: None for what the network alone says.
        batch_tokens: By default what suits the backend.
        on_batch: Called after every batch with the number of paragraphs whose last window it held.
    """
    cut = windows(encoded, window)
    parts: dict[Window, tuple[Array, Array, Array]] = {}
    left = np.bincount([w.paragraph for w in cut], minlength=len(encoded))
    planned = list(batches(cut, batch_tokens or backend.batch_tokens, window))
    filled = (_fill(batch, encoded, pad_id, _width(batch, window)) for batch in planned)
    for batch, (topic, actor, stance) in zip(planned, backend.run(filled), strict=True):
        done = 0
        for row, w in enumerate(batch):
            parts[w] = (topic[row], actor[row, : w.length], stance[row, : w.length])
            left[w.paragraph] -= 1
            done += int(left[w.paragraph] == 0)
        if on_batch:
            on_batch(done)
    by_paragraph: list[list[Window]] = [[] for _ in encoded]
    for w in cut:
        by_paragraph[w.paragraph].append(w)
    merged = [merge([(w, *parts[w]) for w in own]) for own in by_paragraph]
    if bag is None:
        return merged
    return [
        replace(own, topic=bag.join(own.topic, paragraph.words)) for own, paragraph in zip(merged, encoded, strict=True)
    ]


def _fill(batch: list[Window], encoded: Sequence[EncodedParagraph], pad_id: int, width: int) -> Batch:
    """Return token ids and mask (B, L) of windows, `width` wide."""
    ids = np.full((len(batch), width), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, w in enumerate(batch):
        tokens = encoded[w.paragraph].ids
        ids[row, : w.length] = [tokens[0], *tokens[1 + w.start : 1 + w.end], tokens[-1]]
        mask[row, : w.length] = 1
    return ids, mask


def merge(parts: list[tuple[Window, Array, Array, Array]]) -> ParagraphLogits:
    """Merge a paragraph's windows.

    A topic's logit is that of the window where it is greatest, and the implied holder's stance on it comes from the
    same window. A token's logits come from the window in which it stands farthest from an edge.
    """
    if len(parts) == 1:
        return ParagraphLogits(*parts[0][1:])
    n = parts[-1][0].end
    topic = np.stack([part[1] for part in parts])  # (windows, K)
    best = topic.argmax(axis=0)
    actor = np.zeros((n + 2, parts[0][2].shape[-1]), dtype=np.float32)
    stance = np.zeros((n + 2, *parts[0][3].shape[1:]), dtype=np.float32)
    depth = np.full(n, -1)
    for w, _, window_actor, window_stance in parts:
        place = np.arange(w.end - w.start)
        own_depth = np.minimum(place, place[::-1])
        deeper = own_depth > depth[w.start : w.end]
        depth[w.start : w.end][deeper] = own_depth[deeper]
        target = np.flatnonzero(deeper) + w.start + 1
        actor[target] = window_actor[1:-1][deeper]
        stance[target] = window_stance[1:-1][deeper]
    for special in (0, -1):
        actor[special] = parts[0][2][special]
        stance[special] = parts[0][3][special]
    for k, w in enumerate(best):
        stance[0, k] = parts[w][3][0, k]
    return ParagraphLogits(topic.max(axis=0), actor, stance)
