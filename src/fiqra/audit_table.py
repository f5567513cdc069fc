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
        months = np.array([month_of(paragraph) or UNDATED for paragraph in paragraphs])
        dated = [month for month in sorted(set(months)) if set(months) != {UNDATED}]
        everywhere = np.ones(len(paragraphs), dtype=bool)
        self._months: list[tuple[str, Bools]] = [(ALL, everywhere), *((month, months == month) for month in dated)]
        self.n_undated = int((months == UNDATED).sum())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows: topics; then the stances of all actors, of implied ones, and of each actor often seen."""
        yield from self._topic_rows()
        everywhere = self._months[0][1]
        yield from self._stance_rows(ALL, lambda key: True, everywhere)
        yield from self._stance_rows(IMPLIED, lambda key: key is None, everywhere, self._least)
        keys = Counter(held[0] for own in self._tagged for held in own.positions if held[0] is not None)
        often = [(key, n) for key, n in keys.most_common() if n >= self._least]
        names = self._names()
        texts = [actor_key(paragraph.text) for paragraph in self._paragraphs] if often else []
        for key, _ in often:
            # an actor is quoted letter for letter, so it can hold nothing where its words don't stand
            named = np.array([key in text for text in texts])
            yield from self._stance_rows(names[key], lambda own, key=key: own == key, named, self._least)

    def _topic_rows(self) -> Iterator[dict[str, Any]]:
        for month, within in self._months:
            n_checked = int(within[self._checked.index].sum())
            for topic in self._labels.topic_ids:
                tagged = _array(topic in own.topics for own in self._tagged) * within
                true = _array(topic in own.topics for own in self._true) * within[self._checked.index]
                share = topic_share(self._checked, tagged, true, within)
                base = {"month": month, "actor": "", "topic": topic, "stance": "", "of": "paragraphs"}
                yield _row(base, int(tagged.sum()), int(within.sum()), share, n_checked)

    def _stance_rows(self, actor: str, is_own: Any, domain: Bools, least: int = 1) -> Iterator[dict[str, Any]]:
        for topic in self._labels.topic_ids:
            tagged = self._counts(self._tagged, topic, is_own)  # (N, S)
            true = self._counts(self._true, topic, is_own)  # (n, S)
            for month, of_month in self._months:
                within = domain & of_month
                own, said = tagged * within[:, None], true * within[self._checked.index, None]
                n_tagged, n_true = int(own.sum()), int(said.sum())
                if n_tagged < least and not (least == 1 and n_true):
                    continue
                for s, stance in enumerate(self._labels.stance_ids):
                    share = stance_share(
                        self._checked, (own[:, s], own.sum(axis=1)), (said[:, s], said.sum(axis=1)), within
                    )
                    base = {"month": month, "actor": actor, "topic": topic, "stance": stance, "of": "positions"}
                    yield _row(base, int(own[:, s].sum()), n_tagged, share, n_true)

    def _counts(self, labels: Iterable[Labels], topic: str, is_own: Any) -> Floats:
        """Return how many positions on a topic the actor holds, by paragraph and stance."""
        stances = self._labels.stance_ids
        return np.array(
            [
                np.bincount(
                    [stances.index(held[2]) for held in own.positions if held[1] == topic and is_own(held[0])],
                    minlength=len(stances),
                )
                for own in labels
            ],
            dtype=float,
        )

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


def _array(values: Iterable[bool]) -> Floats:
    return np.array(list(values), dtype=float)
