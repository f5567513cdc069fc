"""A checked sheet -> the person's labels, or every mistake with its row."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .audit_design import DESIGN_VERSION, Design, Ints, plan
from .audit_sheet import COLUMNS, IMPLIED, Held, Labels, actor_key, paragraph_key, sample_id, sheet_rows
from .model.errors import DataError, did_you_mean
from .model.labels import LabelSet
from .model.records import TaggedParagraph

_RIGHT = ("right", "yes", "y", "1", "صحيح", "نعم")
_WRONG = ("wrong", "no", "n", "0", "خطأ", "لا")
_DONE = ("done", "yes", "y", "1", "تم", "نعم")
_TRUE = ("true_topic", "true_actor", "true_stance")
_SHOWN_ERRORS = 20

Row = dict[str, str]


@dataclass(frozen=True)
class CheckedSheet:
    """What came back: the design, the checked paragraphs (n) and their labels, and how many were left unchecked."""

    design: Design
    index: Ints
    labels: list[Labels]
    n_unchecked: int


def read_sheet(
    path: Path, paragraphs: Sequence[TaggedParagraph], label_set: LabelSet, *, partial: bool = False
) -> CheckedSheet:
    """Read a checked sheet.

    Args:
        partial: Leave paragraphs without any verdict out, as if they had not been drawn.

    Raises:
        DataError: every mistake with its row: verdicts that are missing, unknown or given twice, rows that are not of
            these predictions, were taken away or altered.
    """
    rows = _read_rows(path)
    sample = _check_sample(path, rows, paragraphs)
    design = plan(paragraphs, label_set, int(sample.split("-")[1]))
    at = {paragraph_key(paragraph, sample): i for i, paragraph in enumerate(paragraphs)}
    by_key: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for number, row in rows:
        by_key[row["key"]].append((number, row))
    errors: list[str] = []
    index: list[int] = []
    found: list[Labels] = []
    blank: list[int] = []
    for key, own in by_key.items():
        if key not in at:
            errors.append(f"row {own[0][0]}: key {key!r} is of no paragraph of these predictions")
        elif not any(row[column] for _, row in own for column in ("verdict", *_TRUE)):
            blank.append(own[0][0])
        else:
            index.append(at[key])
            found.append(_Reading(paragraphs[at[key]], own, label_set, errors).labels())
    n_missing = int(design.n_sampled.sum()) - len(by_key)
    if n_missing > 0:
        errors.append(f"{n_missing} of the {design.n_sampled.sum()} sampled paragraphs are not in the file")
    if blank and not partial:
        shown = ", ".join(map(str, blank[:5])) + (" …" if len(blank) > 5 else "")
        errors.append(
            f"{len(blank)} paragraphs have no verdict (from rows {shown}); check them, or leave them out with "
            "--partial, which is sound only where they were not skipped for what they say"
        )
    if errors:
        more = f"\n… and {len(errors) - _SHOWN_ERRORS} more mistakes" if len(errors) > _SHOWN_ERRORS else ""
        raise DataError("\n".join(f"{path}: {error}" for error in errors[:_SHOWN_ERRORS]) + more)
    return CheckedSheet(design, np.array(index, dtype=np.intp), found, len(blank))


def _read_rows(path: Path) -> list[tuple[int, Row]]:
    """Return the rows with their numbers as a spreadsheet shows them; comma, semicolon or tab parts the cells."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: can't read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8; in Excel, save it as 'CSV UTF-8'") from error
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; expected what 'fiqra audit sample' wrote")
    try:
        rows = [(n, {c: (row[c] or "").strip() for c in COLUMNS}) for n, row in enumerate(reader, 2)]
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file: {error}") from error
    rows = [(n, row) for n, row in rows if any(row.values())]
    if not rows:
        raise DataError(f"{path}: holds no row")
    return rows


def _check_sample(path: Path, rows: list[tuple[int, Row]], paragraphs: Sequence[TaggedParagraph]) -> str:
    keyless = [str(number) for number, row in rows if not row["key"]]
    if keyless:
        raise DataError(f"{path}: row {', '.join(keyless[:5])}: no key; to add a row, copy one of the paragraph's")
    samples = {row["sample"] for _, row in rows}
    if len(samples) > 1:
        raise DataError(f"{path}: rows of several samples ({', '.join(sorted(samples)[:3])}), or the column is altered")
    (sample,) = samples
    version, _, rest = sample.partition("-")
    if version != f"v{DESIGN_VERSION}" and version[:1] == "v" and version[1:].isdigit():
        raise DataError(f"{path}: a sample of design {version}; this version of fiqra reads v{DESIGN_VERSION}")
    n = rest.partition("-")[0]
    if not n.isdigit() or sample != sample_id(paragraphs, int(n)):
        raise DataError(
            f"{path}: sample {sample!r} was not drawn from these predictions, or one of the two files is altered; "
            "give the predictions that 'fiqra audit sample' read"
        )
    return sample


class _Reading:
    """The rows of one paragraph -> its labels; mistakes go to `errors`."""

    def __init__(
        self, paragraph: TaggedParagraph, rows: list[tuple[int, Row]], label_set: LabelSet, errors: list[str]
    ) -> None:
        self._paragraph = paragraph
        self._rows = rows
        self._label_set = label_set
        self._errors = errors
        self._text_key = actor_key(paragraph.text)

    def labels(self) -> Labels:
        self._check_rows()
        topics: set[str] = set()
        refused: set[str] = set()
        positions: list[tuple[int, Held]] = []
        for number, row in self._rows:
            true = any(row[column] for column in _TRUE)
            if row["item"] == "paragraph":
                self._verdict(number, row, _DONE, ())
            elif row["item"] == "topic":
                is_right = self._verdict(number, row, _RIGHT, _WRONG)
                (topics if is_right else refused).add(row["topic"])
                if true:
                    self._say(
                        number, "a topic is right or wrong; what was missed belongs in a row of its own, 'missed'"
                    )
            elif row["item"] == "position":
                is_right = self._verdict(number, row, _RIGHT, _WRONG)
                if is_right and true:
                    self._say(number, "verdict 'right', but a true_… cell says otherwise")
                elif is_right or true:
                    positions += self._position(
                        number, {c: row[f"true_{c}"] or row[c] for c in ("topic", "actor", "stance")}
                    )
            elif row["verdict"]:
                self._say(number, "a verdict on a row 'missed'; fill in what is true, or leave the row empty")
            elif row["true_actor"] or row["true_stance"]:
                positions += self._position(number, {c: row[f"true_{c}"] for c in ("topic", "actor", "stance")})
            elif true and self._is_label(number, "true_topic", row["true_topic"], self._label_set.topic_ids):
                topics.add(row["true_topic"])
        for number, (_, topic, _) in positions:
            if topic in refused:
                self._say(number, f"a position on {topic!r}, but the topic is marked as wrong")
        return Labels(frozenset(topics | {held[1] for _, held in positions}), frozenset(held for _, held in positions))

    def _check_rows(self) -> None:
        """Check that the tagger's answers stand as they were written, each once, and the text too."""
        expected = [_claim(row) for row in sheet_rows(self._paragraph, "") if row["item"] != "missed"]
        given: dict[tuple[str, ...], int] = {}
        for number, row in self._rows:
            claim = _claim(row)
            if claim in given:
                self._say(number, f"judged twice: the same {row['item']} stands in row {given[claim]}")
            elif claim in expected:
                given[claim] = number
            elif row["item"] == "missed":
                if any(claim[1:]):
                    self._say(number, "what was missed belongs in true_topic, true_actor and true_stance")
            else:
                self._say(number, f"altered: {' '.join(filter(None, claim))} is no answer of the tagger here")
            if row["item"] == "paragraph" and _letters(row["text"]) != _letters(self._paragraph.text):
                self._say(number, "altered: the text is not that of the predictions; was it saved as 'CSV UTF-8'?")
        for claim in expected:
            if claim not in given:
                self._say(self._rows[0][0], f"taken away: the row {' '.join(filter(None, claim))} of this paragraph")

    def _verdict(self, number: int, row: Row, right: tuple[str, ...], wrong: tuple[str, ...]) -> bool:
        verdict = row["verdict"].casefold()
        if verdict not in right + wrong:
            words = " or ".join(repr(own[0]) for own in (right, wrong) if own)
            what = f"unknown verdict {verdict!r}{did_you_mean(verdict, right + wrong)}" if verdict else "no verdict"
            self._say(number, f"{what} on the {row['item']}; expected {words}")
        return verdict in right

    def _position(self, number: int, own: dict[str, str]) -> list[tuple[int, Held]]:
        known = self._is_label(number, "true_topic", own["topic"], self._label_set.topic_ids)
        known &= self._is_label(number, "true_stance", own["stance"], self._label_set.stance_ids)
        key = None if own["actor"] == IMPLIED else actor_key(own["actor"])
        if key == "" or (key and key not in self._text_key):
            self._say(number, f"true_actor: expected words of the text, or '{IMPLIED}', found {own['actor']!r}")
            return []
        return [(number, (key, own["topic"], own["stance"]))] if known else []

    def _is_label(self, number: int, column: str, value: str, known: tuple[str, ...]) -> bool:
        if value not in known:
            self._say(
                number, f"{column}: expected one of {', '.join(known)}, found {value!r}{did_you_mean(value, known)}"
            )
        return value in known

    def _say(self, number: int, message: str) -> None:
        self._errors.append(f"row {number}: {message}")


def _claim(row: dict[str, Any]) -> tuple[str, ...]:
    """Return what a row says on the tagger's side."""
    return tuple(str(row.get(column) or "").lstrip("'") for column in ("item", "topic", "actor", "stance"))


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
