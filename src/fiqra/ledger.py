"""A tagger's predictions -> a ledger: one row a position, with its sentence and the actor resolved."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from .actor_resolution import ArticleResolver, Mention
from .actors import ActorList
from .articles import Reject
from .model.errors import DataError
from .model.labels import LabelSet
from .model.records import Actor, Position, TaggedParagraph
from .model.text import SENTENCE_END
from .record_files import parquet_records
from .training.labelled import read_lines

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True)
class LedgerRow:
    """A position. All offsets count characters of `text`, the paragraph: `text[quote_start:quote_end]` is the quote.

    The actor is None in all its fields where it is implied; without an id where it is not a known actor, its name then
    being as written, at its first full mention in the article.
    """

    date: str | None
    outlet: str | None
    article: str
    para: int
    quote: str
    quote_start: int
    quote_end: int
    actor_text: str | None
    actor_start: int | None
    actor_end: int | None
    actor_id: str | None
    actor_name: str | None
    actor_kind: str | None
    actor_root: str | None  # the id of the highest actor that it belongs to: of an office of a state, the state
    actor_root_name: str | None
    actor_rule: str  # how it was resolved: name, carried, pair, counterpart; or ambiguous, unknown, implied
    topic: str
    stance: str
    prob: float | None
    tagger: str
    text: str


@dataclass
class LedgerCounts:
    """What went in, what became of it, and what was left out."""

    paragraphs: int = 0
    articles: int = 0
    positions: int = 0
    rules: Counter[str] = field(default_factory=Counter)  # rows by `actor_rule`
    repeated: int = 0  # paragraphs that stand in the predictions twice
    undated: Counter[str] = field(default_factory=Counter)  # articles by what stands for their date, "" for none
    rejects: list[Reject] = field(default_factory=list)


def day_of(value: object) -> date | None:
    """Return the day of a date in ISO 8601 form, with or without a time; None for anything else."""
    if not isinstance(value, str) or not _ISO_DAY.match(value.strip()):
        return None
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None


def build_ledger(paths: Sequence[Path], labels: LabelSet, actors: ActorList, counts: LedgerCounts) -> list[LedgerRow]:
    """Read predictions and return their rows, in order of file, article and paragraph; count everything in `counts`.

    Raises:
        DataError: a file can't be read at all; single wrong records are rejects in `counts`.
    """
    seen: set[tuple[str, int, str, str]] = set()
    rows: list[LedgerRow] = []
    for path in paths:
        articles: dict[str, list[TaggedParagraph]] = {}
        for place, record in _read_predictions(path, labels):
            if isinstance(record, DataError):
                counts.rejects.append(Reject(f"{path}:{place}", "; ".join(str(record).split("\n"))))
                continue
            key = (record.article, record.para, record.text, record.tagger)
            if key in seen:
                counts.repeated += 1
                continue
            seen.add(key)
            articles.setdefault(record.article, []).append(record)
        for paragraphs in articles.values():
            counts.articles += 1
            counts.paragraphs += len(paragraphs)
            rows += _article_rows(sorted(paragraphs, key=lambda paragraph: paragraph.para), actors, counts)
    return rows


def _read_predictions(path: Path, labels: LabelSet) -> Iterator[tuple[str, TaggedParagraph | DataError]]:
    def build(content: object) -> TaggedParagraph:
        return TaggedParagraph.from_json(content, labels)

    kind = path.suffix.lower()
    if kind == ".jsonl":
        yield from ((str(line), record) for line, record in read_lines(path, build))
    elif kind == ".parquet":
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        for row, content in _named(path, parquet_records(path)):
            try:
                yield row, build(content)
            except DataError as error:
                yield row, error
    else:
        raise DataError(f"{path}: can't read {path.suffix!r}; give what 'fiqra predict' wrote as .jsonl or .parquet")


def _named(path: Path, records: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield Parquet rows in the JSON form: probabilities are a map there, which reads as pairs."""
    try:
        for row, content in records:
            probs = content.get("topic_probs")
            yield row, {**content, "topic_probs": dict(probs) if isinstance(probs, list) else probs}
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _article_rows(paragraphs: Sequence[TaggedParagraph], actors: ActorList, counts: LedgerCounts) -> list[LedgerRow]:
    day = next((day for paragraph in paragraphs if (day := day_of(paragraph.date))), None)
    if day is None:
        counts.undated[paragraphs[0].date or ""] += 1
    resolver = ArticleResolver(actors, day)
    rows: list[LedgerRow] = []
    for paragraph in paragraphs:
        spans = [position.actor for position in paragraph.positions if position.actor]
        mentions = resolver.resolve(paragraph.text, spans)
        for position in paragraph.positions:
            counts.positions += 1
            found = mentions[position.actor] if position.actor else [None]
            rows += [_row(paragraph, position, mention, actors) for mention in found]
    counts.rules.update(row.actor_rule for row in rows)
    return rows


def _row(paragraph: TaggedParagraph, position: Position, mention: Mention | None, actors: ActorList) -> LedgerRow:
    start, end = quote_span(paragraph.text, position.actor)
    known = actors.actors[mention.actor] if mention and mention.actor else None
    root = actors.actors[actors.root(known.id)] if known else None
    written = paragraph.text[mention.start : mention.end] if mention else None
    return LedgerRow(
        date=paragraph.date,
        outlet=paragraph.outlet,
        article=paragraph.article,
        para=paragraph.para,
        quote=paragraph.text[start:end],
        quote_start=start,
        quote_end=end,
        actor_text=written,
        actor_start=mention.start if mention else None,
        actor_end=mention.end if mention else None,
        actor_id=known.id if known else None,
        actor_name=known.name if known else (mention.fuller or written) if mention else None,
        actor_kind=known.kind if known else None,
        actor_root=root.id if root else None,
        actor_root_name=root.name if root else None,
        actor_rule=mention.rule if mention else "implied",
        topic=position.topic,
        stance=position.stance,
        prob=position.prob,
        tagger=paragraph.tagger,
        text=paragraph.text,
    )


def quote_span(text: str, actor: Actor | None) -> tuple[int, int]:
    """Return the characters of the sentence in which the actor stands; of the whole paragraph where it is implied."""
    if actor is None:
        return 0, len(text)
    ends = [(found.start() + len(found[0].rstrip()), found.end()) for found in SENTENCE_END.finditer(text)]
    before = bisect_right([start for _, start in ends], actor.start)
    first = ends[before - 1][1] if before else 0
    last = next((end for end, _ in ends if end >= actor.end), len(text))
    return first, last
