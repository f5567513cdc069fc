"""The table of corrected shares: topics of paragraphs, stances of positions, by actor and by month."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .audit_design import Floats, month_of
from .audit_shares import METHOD, Bools, Checked, Share, stance_share, topic_share
from .audit_sheet import Labels, actor_key, tagged_labels
from .audit_verdicts import CheckedSheet
from .files import whole_file
from .model.labels import LabelSet
from .model.records import TaggedParagraph
from .results import no_formula

COLUMNS = (
    "month", "actor", "topic", "stance", "of", "tagger_count", "tagger_base", "tagger_share", "share", "low", "high",
    "checked", "note", "method"
)  # fmt: skip
ALL, IMPLIED, UNDATED = "(all)", "(implied)", "(undated)"
_TOO_FEW = "too few checked to say"


class SharesTable:
    """Makes the rows. Paragraphs N, checked ones n."""

    def __init__(
        self, paragraphs: Sequence[TaggedParagraph], sheet: CheckedSheet, labels: LabelSet, *, least: int = 10
    ) -> None:
        """Raise `DataError` where a stratum has too few checked paragraphs.

        Args:
            least: Actors with fewer positions in the predictions get no rows, nor do their months with fewer.
        """
        self._paragraphs = paragraphs
        self._labels = labels
        self._least = least
        self._checked = Checked(sheet.design, sheet.index)
        self._tagged = [tagged_labels(paragraph) for paragraph in paragraphs]
        self._true = sheet.labels
        self._held = [_by_holder(self._tagged), _by_holder(self._true)]
        months = np.array([month_of(paragraph) or UNDATED for paragraph in paragraphs])
        dated = [month for month in sorted(set(months)) if set(months) != {UNDATED}]
        everywhere = np.ones(len(paragraphs), dtype=bool)
        self._months: list[tuple[str, Bools]] = [(ALL, everywhere), *((month, months == month) for month in dated)]
        self.n_undated = int((months == UNDATED).sum())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows: topics; then the stances of all actors, of implied ones, and of each actor often seen."""
        yield from self._topic_rows()
        everywhere = self._months[0][1]
        yield from self._stance_rows(ALL, ALL, everywhere)
        yield from self._stance_rows(IMPLIED, None, everywhere, self._least)
        often = [key for key, held in self._held[0].items() if key not in (ALL, None) and len(held) >= self._least]
        names = self._names()
        texts = [actor_key(paragraph.text) for paragraph in self._paragraphs] if often else []
        for key in sorted(often, key=lambda own: -len(self._held[0][own])):
            # an actor is quoted letter for letter, so it can hold nothing where its words don't stand
            named = np.array([str(key) in text for text in texts])
            yield from self._stance_rows(names[str(key)], key, named, self._least)

    def _topic_rows(self) -> Iterator[dict[str, Any]]:
        for month, within in self._months:
            n_checked = int(within[self._checked.index].sum())
            for topic in self._labels.topic_ids:
                tagged = _array(topic in own.topics for own in self._tagged) * within
                true = _array(topic in own.topics for own in self._true) * within[self._checked.index]
                share = topic_share(self._checked, tagged, true, within)
                base = {"month": month, "actor": "", "topic": topic, "stance": "", "of": "paragraphs"}
                yield _row(base, int(tagged.sum()), int(within.sum()), share, n_checked)

    def _stance_rows(self, actor: str, key: str | None, domain: Bools, least: int = 0) -> Iterator[dict[str, Any]]:
        for topic in self._labels.topic_ids:
            tagged = self._counts(0, key, topic)  # (N, S)
            true = self._counts(1, key, topic)  # (n, S)
            for month, of_month in self._months:
                within = domain & of_month
                own, said = tagged * within[:, None], true * within[self._checked.index, None]
                n_tagged, n_true = int(own.sum()), int(said.sum())
                if n_tagged < least or not (n_tagged or n_true):
                    continue
                for s, stance in enumerate(self._labels.stance_ids):
                    share = stance_share(
                        self._checked, (own[:, s], own.sum(axis=1)), (said[:, s], said.sum(axis=1)), within
                    )
                    base = {"month": month, "actor": actor, "topic": topic, "stance": stance, "of": "positions"}
                    yield _row(base, int(own[:, s].sum()), n_tagged, share, n_true)

    def _counts(self, side: int, key: str | None, topic: str) -> Floats:
        """Return a holder's positions on a topic by paragraph and stance, the tagger's (side 0) or the person's (1)."""
        stances = self._labels.stance_ids
        counts = np.zeros((len((self._tagged, self._true)[side]), len(stances)))
        for i, own, stance in self._held[side].get(key, ()):
            counts[i, stances.index(stance)] += own == topic
        return counts

    def _names(self) -> dict[str, str]:
        """Return for each actor's key the words most often used for it."""
        words: dict[str, Counter[str]] = {}
        for paragraph in self._paragraphs:
            for position in paragraph.positions:
                if position.actor:
                    words.setdefault(actor_key(position.actor.text), Counter())[position.actor.text] += 1
        return {key: counts.most_common(1)[0][0] for key, counts in words.items()}


def write_shares(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the rows as CSV for Excel, whole or not at all."""
    with whole_file(path) as scratch, scratch.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            shown = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
            writer.writerow({key: no_formula(value) for key, value in shown.items()})


def _row(base: dict[str, str], count: int, of: int, share: Share, n_checked: int) -> dict[str, Any]:
    nothing = share.value is None or (share.low, share.high) == (0.0, 1.0)
    return {
        **base,
        "tagger_count": count,
        "tagger_base": of,
        "tagger_share": count / of if of else None,
        "share": None if nothing else share.value,
        "low": None if nothing else share.low,
        "high": None if nothing else share.high,
        "checked": n_checked,
        "note": _TOO_FEW if nothing else "",
        "method": METHOD,
    }


def _by_holder(labels: Sequence[Labels]) -> dict[str | None, list[tuple[int, str, str]]]:
    """Return (paragraph, topic, stance) of each position, by holder; under `ALL` everybody's."""
    held: dict[str | None, list[tuple[int, str, str]]] = {ALL: []}
    for i, own in enumerate(labels):
        for key, topic, stance in sorted(own.positions, key=str):
            held.setdefault(key, []).append((i, topic, stance))
            held[ALL].append((i, topic, stance))
    return held


def _array(values: Iterable[bool]) -> Floats:
    return np.array(list(values), dtype=float)
