"""The sheet that a person checks: sampled paragraphs as CSV for Excel, and back with the verdicts.

For each sampled paragraph, in this order:

    item        what the person does
    paragraph   reads the text; verdict "done" once all below is judged and what the tagger missed is added
    topic       a topic that the tagger saw: verdict "right" or "wrong"
    position    a position that the tagger saw: "right", or "wrong" and, where there is a position but another one, what
                is true in true_topic, true_actor, true_stance (only what differs)
    missed      an empty row for a topic (true_topic) or a position (all three) that the tagger missed; copy it for more

An actor is written as in the text, or "implied". Rows may be sorted; `key` joins them to the predictions.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .audit_design import DESIGN_VERSION, Design, Ints, predictions_digest
from .files import whole_file
from .model.records import Actor, TaggedParagraph
from .model.text import normalise_news
from .results import no_formula

COLUMNS = (
    "key", "item", "verdict", "true_topic", "true_actor", "true_stance", "topic", "actor", "stance", "prob", "text",
    "article", "para", "date", "outlet", "stratum", "n_stratum", "n_sampled", "inclusion_prob", "sample"
)  # fmt: skip
IMPLIED = "implied"
_AROUND = 60  # characters shown on each side of an actor

Held = tuple[str | None, str, str]  # whose key (None: implied), topic, stance


@dataclass(frozen=True)
class Labels:
    """A paragraph's topics and positions, the tagger's or the person's, each counted once."""

    topics: frozenset[str]
    positions: frozenset[Held]


def actor_key(actor: str) -> str:
    """Return the form under which mentions of an actor are one: without diacritics, with one form of alef, yeh …"""
    return normalise_news(actor).text


def tagged_labels(paragraph: TaggedParagraph) -> Labels:
    """Return what the tagger says."""
    held = [(actor_key(p.actor.text) if p.actor else None, p.topic, p.stance) for p in paragraph.positions]
    return Labels(frozenset(paragraph.topics), frozenset(held))


def write_sheet(path: Path, paragraphs: Sequence[TaggedParagraph], design: Design, drawn: Ints) -> None:
    """Write the rows of the drawn paragraphs, in their order, whole or not at all."""
    sample = sample_id(paragraphs, int(design.n_sampled.sum()))
    with whole_file(path) as scratch, scratch.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, lineterminator="\r\n", restval="")
        rows.writeheader()
        for i in drawn:
            for row in sheet_rows(paragraphs[i], sample):
                h = design.stratum[i]
                size, n = int(design.n_stratum[h]), int(design.n_sampled[h])
                own = {
                    "stratum": design.names[h],
                    "n_stratum": size,
                    "n_sampled": n,
                    "inclusion_prob": round(n / size, 6),
                }
                rows.writerow({key: no_formula(value) for key, value in {**row, **own, "sample": sample}.items()})


def sheet_rows(paragraph: TaggedParagraph, sample: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one paragraph, without what the design says of it."""
    base = {
        "key": paragraph_key(paragraph, sample),
        "article": paragraph.article,
        "para": paragraph.para,
        "date": paragraph.date,
        "outlet": paragraph.outlet,
    }
    yield {**base, "item": "paragraph", "text": paragraph.text}
    for topic in paragraph.topics:
        yield {**base, "item": "topic", "topic": topic, "prob": round(paragraph.topic_probs[topic], 3)}
    seen = set()
    for position in paragraph.positions:
        own = {"topic": position.topic, "actor": _actor(position.actor), "stance": position.stance}
        if tuple(own.values()) not in seen:
            seen.add(tuple(own.values()))
            prob = None if position.prob is None else round(position.prob, 3)
            yield {**base, "item": "position", **own, "prob": prob, "text": _around(paragraph.text, position.actor)}
    yield {**base, "item": "missed"}


def _actor(actor: Actor | None) -> str:
    return actor.text if actor else IMPLIED


def _around(text: str, actor: Actor | None) -> str:
    """Return the words about an actor, with the actor in brackets."""
    if actor is None:
        return ""
    start, end = max(0, actor.start - _AROUND), min(len(text), actor.end + _AROUND)
    before, after = text[start : actor.start], text[actor.end : end]
    return f"{'…' if start else ''}{before}[{actor.text}]{after}{'…' if end < len(text) else ''}"


def sample_id(paragraphs: Sequence[TaggedParagraph], n: int) -> str:
    """Return what names a sample: the design's version, the sample's size, the predictions' digest."""
    return f"v{DESIGN_VERSION}-{n}-{predictions_digest(paragraphs)}"


def paragraph_key(paragraph: TaggedParagraph, sample: str) -> str:
    """Return what names a paragraph in a sample."""
    whole = json.dumps([sample, paragraph.article, paragraph.para, paragraph.text])
    return "p" + hashlib.sha256(whole.encode()).hexdigest()[:12]  # a letter first: no spreadsheet takes it for a number
