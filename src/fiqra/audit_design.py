"""Which tagged paragraphs a person is to check, so that what they find corrects the whole.

The unit is the paragraph: a person who reads one whole sees false alarms and misses alike. Paragraphs are put into
strata by what the tagger says of them: the topic (the rarest, where there are several; or none), the stance on it (the
rarest; or none), and whether the least sure answer is surer than is usual in the stratum. Within a stratum every
paragraph has the same chance, n_sampled / n_stratum.

The sample is shared out by Neyman's rule: the more paragraphs a stratum has and the less sure the tagger is of them,
the more are drawn, by the exact integer method of Wright (2012, *The American Statistician* 66, "The equivalence of
Neyman optimum allocation for sampling and equal proportions for apportioning the U.S. House of Representatives").

Shapes: N paragraphs, n drawn ones, H strata.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .model.errors import DataError
from .model.labels import LabelSet
from .model.records import TaggedParagraph
from .training.labelled import read_all

DESIGN_VERSION = 1  # goes up when strata or their shares are formed differently: an older sample can't be read then
LEAST_SAMPLE = 20
NO_TOPIC, NO_STANCE = "no topic", "no stance"
_PER_STRATUM = 5  # strata are made finer only while the sample has this many paragraphs for each
_LEAST_DOUBT = 0.05  # a tagger that is always sure is checked all the same

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Strata and how many paragraphs of each are drawn: names (H), stratum (N) of each paragraph, sizes (H)."""

    names: tuple[str, ...]
    stratum: Ints
    n_stratum: Ints
    n_sampled: Ints


def read_predictions(path: Path, labels: LabelSet) -> list[TaggedParagraph]:
    """Read what `fiqra predict -o tags.jsonl` wrote.

    Raises:
        DataError: every mistake with its line; also where a paragraph of an article stands twice.
    """
    held: dict[tuple[str, int], int] = {}
    paragraphs = []
    for number, paragraph in read_all(path, lambda content: TaggedParagraph.from_json(content, labels)):
        own = (paragraph.article, paragraph.para)
        if own in held:
            raise DataError(
                f"{path}:{number}: paragraph {own[1]} of article {own[0]!r} stands on line {held[own]} already"
            )
        held[own] = number
        paragraphs.append(paragraph)
    return paragraphs


def predictions_digest(paragraphs: Sequence[TaggedParagraph]) -> str:
    """Return a digest of the predictions, by which a sample knows those that it was drawn from."""
    whole = hashlib.sha256()
    for paragraph in paragraphs:
        whole.update(json.dumps(paragraph.to_json(), sort_keys=True).encode())
    return whole.hexdigest()[:16]


def month_of(paragraph: TaggedParagraph) -> str:
    """Return "2024-05", or "" where there is no date in that form."""
    found = re.match(r"\d{4}-(0[1-9]|1[0-2])(?!\d)", paragraph.date or "")
    return found.group() if found else ""


def plan(paragraphs: Sequence[TaggedParagraph], labels: LabelSet, n: int) -> Design:
    """Form strata, as fine as a sample of `n` paragraphs allows, and share the sample out among them.

    Raises:
        DataError: the sample is too small for any interval, or greater than the whole.
    """
    if not LEAST_SAMPLE <= n <= len(paragraphs):
        raise DataError(
            f"a sample of {n} paragraphs: expected {LEAST_SAMPLE} or more, and at most the {len(paragraphs)} there are"
        )
    doubt = np.array([_doubt(paragraph) for paragraph in paragraphs])
    names = _finest(paragraphs, labels, doubt, n)
    order = sorted(set(names))
    stratum = np.array([order.index(name) for name in names], dtype=np.intp)
    n_stratum = np.bincount(stratum)
    mean_doubt = np.bincount(stratum, weights=doubt) / n_stratum
    spread = np.sqrt(np.maximum(mean_doubt, _LEAST_DOUBT))
    return Design(tuple(order), stratum, n_stratum, share_out(n, n_stratum, spread))


def draw(design: Design, seed: int) -> Ints:
    """Return the numbers of the drawn paragraphs (n), in random order: who stops early has still a random sample."""
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(design.stratum == h), size=n, replace=False) for h, n in enumerate(design.n_sampled)
    ]
    return rng.permutation(np.concatenate(drawn))


def share_out(n: int, n_stratum: Ints, spread: Floats) -> Ints:
    """Return how many of each stratum to draw (H), `n` in all, for the least variance of an estimated total.

    Each gets at least two, without which its variance can't be known, or all of it.
    """
    taken = np.minimum(n_stratum, 2)
    while taken.sum() < n:
        with np.errstate(divide="ignore"):
            priority = n_stratum * spread / np.sqrt(taken * (taken + 1.0))
        priority[taken >= n_stratum] = -1
        taken[int(priority.argmax())] += 1
    return taken


def _doubt(paragraph: TaggedParagraph) -> float:
    """Return one minus the probability of the tagger's least sure answer."""
    sure = [prob if topic in paragraph.topics else 1 - prob for topic, prob in paragraph.topic_probs.items()]
    return 1 - min(sure + [position.prob for position in paragraph.positions if position.prob is not None])


def _finest(paragraphs: Sequence[TaggedParagraph], labels: LabelSet, doubt: Floats, n: int) -> list[str]:
    """Return each paragraph's stratum (N), by the finest of three divisions that the sample has paragraphs for."""
    n_topic = Counter(topic for paragraph in paragraphs for topic in paragraph.topics)
    n_stance = Counter(position.stance for paragraph in paragraphs for position in paragraph.positions)
    topics, stances = [], []
    for paragraph in paragraphs:
        topic = min(paragraph.topics, key=lambda own: (n_topic[own], labels.topic_index(own)), default=NO_TOPIC)
        held = {position.stance for position in paragraph.positions if position.topic == topic}
        topics.append(topic)
        stances.append(min(held, key=lambda own: (n_stance[own], own), default=NO_STANCE))
    by_stance = [
        topic if topic == NO_TOPIC else f"{topic}, {stance}" for topic, stance in zip(topics, stances, strict=True)
    ]
    usual = {name: np.median(doubt[[own == name for own in by_stance]]) for name in set(by_stance)}
    by_doubt = [
        f"{name}, {'unsure' if own > usual[name] else 'sure'}" for name, own in zip(by_stance, doubt, strict=True)
    ]
    for names in (by_doubt, by_stance, topics):
        if len(set(names)) * _PER_STRATUM <= n:
            return names
    return ["all"] * len(paragraphs)
