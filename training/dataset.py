"""Labelled JSONL -> records -> training examples -> batches.

Shapes: B paragraphs, L tokens, K topics, M holders of a batch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Sampler

from ..model.decode import Span
from ..model.inference import EncodedParagraph
from ..model.labels import LabelSet
from ..model.records import Actor, LabelledParagraph
from .labelled import read_labelled as read_labelled

IGNORED = -100  # the label that torch's cross-entropy leaves out


def token_span(span: Span, token_spans: Sequence[Span]) -> Span | None:
    """Return the tokens (first, last + 1) that share a character with `span`, or None where none does."""
    inside = [i for i, (start, end) in enumerate(token_spans) if start < span[1] and end > span[0] and end > start]
    return (inside[0], inside[-1] + 1) if inside else None


def holder_span(actor: Actor | None, token_spans: Sequence[Span]) -> Span | None:
    """Return a holder's tokens: the first (special) one where the holder is implied, else those of `token_span`."""
    return (0, 1) if actor is None else token_span((actor.start, actor.end), token_spans)


def example(record: LabelledParagraph, encoded: EncodedParagraph, labels: LabelSet, weight: float) -> dict[str, Any]:
    """Return one training example.

    Keys: ids (L), topics (K) of 0 and 1, tags (L) of 0 outside, 1 begin, 2 inside, `IGNORED` on special tokens;
    holders, each [first token, last token + 1, a stance column for each of the K topics]; the first holder is the
    implied one, on token 0.
    """
    topics = [float(topic in record.topics) for topic in labels.topic_ids]
    tags = [0] * len(encoded.ids)
    tags[0] = tags[-1] = IGNORED
    holders: dict[Span, list[int]] = {(0, 1): [0] * len(topics)}
    for position in record.positions:
        span = holder_span(position.actor, encoded.spans)
        if span is None:
            continue  # an actor of nothing but marks that normalisation drops
        columns = holders.setdefault(span, [0] * len(topics))
        columns[labels.topic_index(position.topic)] = labels.stance_column(position.stance)
    for first, last in sorted(holders, key=lambda span: span[0] - span[1]):  # longest first: a nested actor shows too
        if (first, last) != (0, 1):
            tags[first:last] = [1] + [2] * (last - first - 1)
    flat = [[first, last, *columns] for (first, last), columns in holders.items()]
    return {"ids": encoded.ids, "topics": topics, "tags": tags, "holders": flat, "weight": weight}


def sample_off_topic(
    records: Sequence[LabelledParagraph], weights: Sequence[float], *, share: float, seed: int
) -> tuple[list[int], list[float]]:
    """Return which paragraphs to train on, in their order, and their weights.

    All that have a topic, and a random `share` (above 0) of the others: what these say is soon learnt. Those drawn
    weigh as much as all of them would, so that topics stay as rare as they are.
    """
    without = [i for i, record in enumerate(records) if not record.topics]
    n_drawn = math.ceil(share * len(without))
    drawn = {without[i] for i in np.random.default_rng(seed).permutation(len(without))[:n_drawn]}
    rows = [i for i, record in enumerate(records) if record.topics or i in drawn]
    return rows, [weights[i] * (len(without) / n_drawn if i in drawn else 1.0) for i in rows]


def build_dataset(
    records: Sequence[LabelledParagraph],
    encoded: Sequence[EncodedParagraph],
    weights: Sequence[float],
    *,
    labels: LabelSet,
    window: int,
) -> tuple[Dataset, int]:
    """Return the training set, and how many paragraphs are longer than the window: these train on their first part."""
    n_long = sum(len(enc.ids) > window for enc in encoded)
    rows = [
        example(record, _cut(enc, window), labels, weight)
        for record, enc, weight in zip(records, encoded, weights, strict=True)
    ]
    return Dataset.from_list(rows), n_long


def _cut(encoded: EncodedParagraph, window: int) -> EncodedParagraph:
    if len(encoded.ids) <= window:
        return encoded
    ids, spans = ([*own[: window - 1], own[-1]] for own in (encoded.ids, encoded.spans))
    return replace(encoded, ids=ids, spans=spans)


class TokenBatchSampler(Sampler[list[int]]):
    """Batches of paragraphs of like length with at most `batch_tokens` tokens, padding included.

    Which paragraphs meet, and the order of batches, changes with the epoch and follows from the seed; the number of
    batches never changes. The number is a multiple of `n_processes`, some batches being seen twice where need be.
    """

    def __init__(self, lengths: Sequence[int], *, batch_tokens: int, seed: int, n_processes: int = 1) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.n_processes = n_processes
        self.epoch = 0
        self._n_batches = len(self._batches(np.random.default_rng(0)))

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self._n_batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches(np.random.default_rng([self.seed, self.epoch])))

    def _batches(self, rng: np.random.Generator, step: int = 8) -> list[list[int]]:
        rounded = -(-self.lengths // step) * step
        batches: list[list[int]] = []
        carried: list[int] = []
        for length in np.unique(rounded):
            size = max(1, self.batch_tokens // int(length))
            bucket = carried + rng.permutation(np.flatnonzero(rounded == length)).tolist()
            n_full = len(bucket) // size
            batches += [bucket[i * size : (i + 1) * size] for i in range(n_full)]
            carried = bucket[n_full * size :]  # too few to fill a batch: they go with the next longer ones
        if carried:
            batches.append(carried)
        batches = [batches[i] for i in rng.permutation(len(batches))]
        batches += batches[: -len(batches) % self.n_processes]
        return batches


class Collator:
    """Examples -> a batch of padded tensors.

    Keys: input_ids, attention_mask, tags (B, L); topics (B, K); weights (B); holders (M, 3 + K) of row, first token,
    last token + 1, stance columns; states (B, L, …) where the examples carry them.
    """

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        length = max(len(ex["ids"]) for ex in examples)

        def padded(key: str, fill: int) -> torch.Tensor:
            return torch.tensor([ex[key] + [fill] * (length - len(ex[key])) for ex in examples])

        batch = {
            "input_ids": padded("ids", self.pad_id),
            "attention_mask": torch.tensor([[1] * len(ex["ids"]) + [0] * (length - len(ex["ids"])) for ex in examples]),
            "tags": padded("tags", IGNORED),
            "topics": torch.tensor([ex["topics"] for ex in examples]),
            "weights": torch.tensor([ex["weight"] for ex in examples]),
            "holders": torch.tensor([[row, *holder] for row, ex in enumerate(examples) for holder in ex["holders"]]),
        }
        if "states" in examples[0]:
            batch["states"] = pad_sequence([ex["states"] for ex in examples], batch_first=True).float()
        return batch
