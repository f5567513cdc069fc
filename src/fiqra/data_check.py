"""Labelled files checked as one corpus: format, labels, ids, documents, duplicates, text shared with other files."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .likeness import Words, near_duplicates, shared_runs, words_of
from .model.errors import DataError
from .model.labels import LabelSet
from .model.records import LabelledParagraph
from .training.labelled import read_all, read_lines

SHARED_WORDS = 8  # a run of as many words is a quotation, not chance


class Place(NamedTuple):
    """A line of one of the files; `file` is the file's number among those given, so places sort as they were given."""

    file: int
    line: int
    path: Path

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Mistake(NamedTuple):
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Checked:
    """What was found: records by split, lines that hold none, and every mistake in order of file and line."""

    splits: dict[str, list[LabelledParagraph]]
    n_unread: int
    mistakes: list[Mistake]


class _Entry(NamedTuple):
    place: Place
    record: LabelledParagraph
    words: Words


def check_files(files: Sequence[Path], labels: LabelSet, *, against: Sequence[Path] = (), near: float = 0.8) -> Checked:
    """Check labelled files, each of them a split, and that they share no text with the files in `against`.

    Args:
        against: JSON lines with at least a `text`, labelled or not.
        near: The likeness from which two paragraphs are near-duplicates; see `likeness.near_duplicates`.

    Raises:
        DataError: a file can't be read at all, or is given twice.
    """
    _refuse_repeated([*files, *against])
    entries: list[_Entry] = []
    mistakes: list[Mistake] = []
    n_unread = 0
    for number, path in enumerate(files):
        for line, record in read_lines(path, lambda content: LabelledParagraph.from_json(content, labels)):
            place = Place(number, line, path)
            if isinstance(record, DataError):
                n_unread += 1
                mistakes += [Mistake(place, message) for message in str(record).split("\n")]
            else:
                entries.append(_Entry(place, record, words_of(record.text)))
    mistakes += [Mistake(entry.place, message) for entry in entries for message in _position_mistakes(entry.record)]
    mistakes += [*_repeated_ids(entries), *_divided_documents(entries), *_near_duplicates(entries, near)]
    mistakes += _shared_text(entries, against, near)
    names = [path.stem for path in files]
    names = [name if names.count(name) == 1 else str(path) for name, path in zip(names, files, strict=True)]
    splits = {name: [entry.record for entry in entries if entry.place.file == i] for i, name in enumerate(names)}
    return Checked(splits, n_unread, sorted(mistakes))


def _refuse_repeated(paths: Sequence[Path]) -> None:
    resolved = [path.resolve() for path in paths]
    repeated = [path for i, path in enumerate(paths) if path.resolve() in resolved[:i]]
    if repeated:
        raise DataError("\n".join(f"{path}: is given twice" for path in repeated))


def _position_mistakes(record: LabelledParagraph) -> Iterator[str]:
    """Yield what is wrong with positions that each by itself fit the format."""
    for i, position in enumerate(record.positions):
        actor = position.actor
        if actor and actor.text != actor.text.strip():
            yield f"positions[{i}].actor: {actor.text!r} begins or ends with a blank"
        for k, other in enumerate(record.positions[:i]):
            if (other.actor, other.topic) != (actor, position.topic):
                continue
            if other.stance == position.stance:
                yield f"positions[{i}]: stands as positions[{k}] already"
            elif actor:
                yield (
                    f"positions[{i}]: {actor.text!r} is {other.stance} on {position.topic} in positions[{k}] and "
                    f"{position.stance} here; keep the one stated most strongly"
                )


def _repeated_ids(entries: Sequence[_Entry]) -> Iterator[Mistake]:
    first: dict[str, Place] = {}
    for entry in entries:
        earlier = first.setdefault(entry.record.id, entry.place)
        if earlier != entry.place:
            yield Mistake(entry.place, f"id {entry.record.id!r} stands in {earlier} already")


def _divided_documents(entries: Sequence[_Entry]) -> Iterator[Mistake]:
    """Yield a mistake for each further file that a document turns up in, at its first line there."""
    first: dict[str, dict[int, Place]] = defaultdict(dict)
    for entry in entries:
        first[entry.record.doc].setdefault(entry.place.file, entry.place)
    for doc, places in first.items():
        earliest, *others = places.values()
        for place in others:
            yield Mistake(place, f"document {doc!r} stands in {earliest} too; keep all of an article in one split")


def _near_duplicates(entries: Sequence[_Entry], near: float) -> Iterator[Mistake]:
    words = [entry.words for entry in entries]
    for first, second, value in near_duplicates(words, words, least=near):
        if first < second:
            yield Mistake(entries[second].place, _says_near(entries[first].place, value))


def _says_near(place: Place, value: float) -> str:
    return f"near-duplicate of {place}: {100 * value:.0f} % of their words are the same, in the same order"


def _shared_text(entries: Sequence[_Entry], against: Sequence[Path], near: float) -> Iterator[Mistake]:
    """Yield for each paragraph and file of `against` the nearest duplicate there, or else the longest shared run."""
    own = [entry.words for entry in entries]
    for number, path in enumerate(against):
        lines = read_all(path, _text_of)
        others = [words_of(text) for _, text in lines]
        found = {}
        for run in sorted(shared_runs(own, others, least=SHARED_WORDS), key=lambda run: len(run.words)):
            where = Place(number, lines[run.second][0], path)
            found[run.first] = f"shares {len(run.words)} words in a row with {where}: {' '.join(run.words)!r}"
        for pair in sorted(near_duplicates(own, others, least=near), key=lambda pair: pair.value):
            found[pair.first] = _says_near(Place(number, lines[pair.second][0], path), pair.value)
        yield from (Mistake(entries[i].place, message) for i, message in found.items())


def _text_of(content: object) -> str:
    text = content.get("text") if isinstance(content, dict) else None
    if not isinstance(text, str):
        raise DataError("expected a record with a key 'text'")
    return text
