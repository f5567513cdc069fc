"""Logits -> topics, actors and positions. NumPy only, so that every backend shares it.

Shapes: N tokens of a paragraph, K topics, S stances.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .labels import LabelSet
from .records import Actor, Position
from .text import LETTER_MARKS, normalise_news

Array = npt.NDArray[np.floating[Any]]
Span = tuple[int, int]

NEW_ACTOR = 4.0  # how many times likelier "begin" than "inside" must be to part two actors that touch


@dataclass(frozen=True)
class ParagraphLogits:
    """The logits for one paragraph, its windows merged, padding gone, and a bag of words' share in those of topics."""

    topic: Array  # (K,)
    actor: Array  # (N, 3)
    stance: Array  # (N, K, 1 + S)


@dataclass(frozen=True)
class Decoding:
    """What is fitted on development data: temperatures (> 0) divide logits, thresholds are compared with probabilities.

    `actor_threshold` decides whether a word belongs to an actor; `position_threshold` and `implied_threshold` how
    likely a position of a named actor, or of the implied holder, must be to be reported.
    """

    topic_temperatures: tuple[float, ...]
    topic_thresholds: tuple[float, ...]
    stance_temperature: float = 1.0
    actor_threshold: float = 0.3
    position_threshold: float = 0.3
    implied_threshold: float = 0.4

    @classmethod
    def default(cls, n_topics: int) -> "Decoding":
        return cls((1.0,) * n_topics, (0.5,) * n_topics)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Decoding":
        lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
        return cls(**{**content, **lists})


def sigmoid(logits: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))


def softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def topic_probs(logits: ParagraphLogits, decoding: Decoding) -> Array:
    """Return calibrated topic probabilities (K,)."""
    return sigmoid(logits.topic / np.asarray(decoding.topic_temperatures))


def actor_spans(actor_logits: Array, words: Sequence[Span], threshold: float) -> list[tuple[int, int, float]]:
    """Return actors as (first token, last token + 1, mean probability of being in an actor), in whole words.

    A word is in an actor where the mean of "begin" and "inside" together over its tokens reaches the threshold. A new
    actor starts after a word outside, or at a word with a token far likelier "begin" than "inside": the two are often
    near each other within one long title, which is not to fall into pieces. It starts at that token where those before
    it are outside: a conjunction is written together with the name that follows it.

    Args:
        actor_logits: (N, 3).
        words: The tokens (first, last + 1) of each word, as `token_words` gives them.
    """
    probs = softmax(actor_logits)
    within = probs[:, 1] + probs[:, 2]
    actors: list[Span] = []
    open_ = False
    for first, last in words:
        inside = within[first:last].mean() >= threshold
        begin = first + int(probs[first:last, 1].argmax())
        if inside and open_ and probs[begin, 1] < NEW_ACTOR * probs[begin, 2]:
            actors[-1] = (actors[-1][0], last)
        elif inside:
            actors.append((begin if within[first:begin].max(initial=0) < 0.5 else first, last))
        open_ = bool(inside)
    return [(first, last, float(within[first:last].mean())) for first, last in actors]


def token_words(token_spans: Sequence[Span], text: str) -> list[Span]:
    """Return the tokens (first, last + 1) of each word or sign, in order; special tokens belong to none."""
    words: list[Span] = []
    for i, (start, end) in enumerate(token_spans):
        if end <= start:
            continue
        joins = words and words[-1][1] == i and token_spans[i - 1][1] == start
        if joins and _in_word(text[start]) and _in_word(text[start - 1]):
            words[-1] = (words[-1][0], i + 1)
        else:
            words.append((i, i + 1))
    return words


def stance_logits(token_logits: Array, span: Span) -> Array:
    """Return {no position, stances} logits (K, 1 + S) of the holder whose tokens are `span`, from (N, K, 1 + S)."""
    return token_logits[span[0] : span[1]].mean(axis=0)  # type: ignore[no-any-return]


def stance_probs(token_logits: Array, span: Span, decoding: Decoding) -> Array:
    """Return the calibrated {no position, stances} probabilities (K, 1 + S) of the holder whose tokens are `span`."""
    return softmax(stance_logits(token_logits, span) / decoding.stance_temperature)


def decode(
    logits: ParagraphLogits, token_spans: Sequence[Span], text: str, labels: LabelSet, decoding: Decoding
) -> tuple[tuple[str, ...], dict[str, float], tuple[Position, ...]]:
    """Read topics, calibrated topic probabilities and positions off one paragraph's logits.

    Args:
        token_spans: For each of the N tokens its characters in `text`; (0, 0) for special tokens.
    """
    probs = topic_probs(logits, decoding)
    on = probs >= np.asarray(decoding.topic_thresholds)
    topics = tuple(topic for topic, is_on in zip(labels.topic_ids, on, strict=True) if is_on)
    by_topic = {topic: float(prob) for topic, prob in zip(labels.topic_ids, probs, strict=True)}
    if not topics:
        return topics, by_topic, ()
    positions = _read_off(
        stance_probs(logits.stance, (0, 1), decoding), None, decoding.implied_threshold, labels, by_topic, topics
    )
    taken: set[Span] = set()
    for first, last, score in actor_spans(logits.actor, token_words(token_spans, text), decoding.actor_threshold):
        span = quote_span(token_spans[first:last], text)
        if span is None or span in taken:
            continue
        taken.add(span)
        actor = Actor(text[span[0] : span[1]], *span)
        stances = stance_probs(logits.stance, (first, last), decoding)
        scaled = {topic: prob * score for topic, prob in by_topic.items()}
        positions += _read_off(stances, actor, decoding.position_threshold, labels, scaled, topics)
    return topics, by_topic, _one_stance_each(positions)


# "And the …": the conjunction is no part of the name; والي and والدة are words.
_AND_THE = re.compile(
    f"و[{LETTER_MARKS}]*([اأإآٱ][{LETTER_MARKS}]*ل[{LETTER_MARKS}]*(?:[^\\W_{LETTER_MARKS}][{LETTER_MARKS}]*){{3}})"
)
_PAIRS = {'"': '"', "«": "»", "“": "”", "(": ")"}


def quote_span(token_spans: Sequence[Span], text: str) -> Span | None:
    """Return the characters to quote for an actor's tokens, or None where the tokens hold no word.

    The last word is taken whole. Outer white space and signs are left out, but for quotation marks and brackets whose
    partner is inside: «قوات "قسد"» keeps both, «"قسد"» loses both.
    """
    real = [span for span in token_spans if span[1] > span[0]]
    if not real:
        return None
    start, end = real[0][0], real[-1][1]
    while end < len(text) and _in_word(text[end - 1]) and _in_word(text[end]):
        end += 1
    while start < end and not text[start].isalnum():
        start += 1
    if joined := _AND_THE.match(text, start, end):
        start = joined.start(1)
    while end > start and not _in_word(text[end - 1]):
        end -= 1
    if end <= start:
        return None
    for opening, closing in _PAIRS.items():
        inside = text[start:end]
        n_open, n_close = inside.count(opening), inside.count(closing)
        is_open = n_open % 2 == 1 if opening == closing else n_open > n_close
        if is_open and text[end : end + 1] == closing:
            end += 1
    return start, end


def _in_word(char: str) -> bool:
    return char.isalnum() or char in LETTER_MARKS


def _read_off(
    stances: Array,
    actor: Actor | None,
    threshold: float,
    labels: LabelSet,
    weights: dict[str, float],
    topics: tuple[str, ...],
) -> list[Position]:
    """Return the holder's positions on the topics that are on. `stances` (K, 1 + S)."""
    positions = []
    for topic in topics:
        row = stances[labels.topic_index(topic)]
        best = int(row[1:].argmax())
        prob = weights[topic] * float(row[1 + best])
        if prob >= threshold:
            positions.append(Position(actor, topic, labels.stance_ids[best], prob))
    return positions


def _one_stance_each(positions: list[Position]) -> tuple[Position, ...]:
    """Keep one stance for an actor's wording on a topic, however it is written: the likeliest, at the first mention."""
    best: dict[tuple[str | None, str], Position] = {}
    for position in positions:
        key = (normalise_news(position.actor.text).text if position.actor else None, position.topic)
        if key not in best or (position.prob or 0) > (best[key].prob or 0):
            best[key] = position
    return tuple(best.values())
