"""A job: large input tagged into a folder of parts, each written whole, that goes on after a crash where it stopped.

    manifest.json           the tagger, the settings, the inputs with their digests, and what each part is made of
    parts/part-00000.jsonl  tagged paragraphs (or .parquet)
    done/part-00000.json    counts and rejects of a part; written after it, so that it says that the part is whole
    rejects.jsonl           all that was left out, put together when a run ends

A part is made of the same records and batched by itself whoever makes it, so it is the same file after any crash.
"""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .articles import ArticleReader, InputFile, Reject
from .batch import Item, Tagged, Tally
from .model.errors import DataError
from .record_files import Place, places
from .results import JsonlResults, ParquetResults
from .storage import Storage, is_remote, open_input

logger = logging.getLogger(__name__)

FORMAT = 1
MANIFEST, REJECTS, PARTS, DONE = "manifest.json", "rejects.jsonl", "parts", "done"
PART_FORMATS = ("parquet", "jsonl")


@dataclass(frozen=True)
class Slice:
    """Records of an input: its number, where the first begins, and the number of the first that is not read."""

    input: int
    start: Place
    stop: int


Part = tuple[Slice, ...]


@dataclass(frozen=True)
class JobSettings:
    """What shapes the output beside the input and the tagger; `part_size` counts records."""

    tagger: str
    tagger_sha256: str
    part_format: str = "parquet"
    part_size: int = 256
    keep_all: bool = False
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Input:
    """An input file as it was when the job began."""

    file: InputFile
    sha256: str
    bytes: int


class Job:
    """A plan and its folder. `open_job` makes one; the plan can be sent to other machines."""

    def __init__(self, root: str, settings: JobSettings, inputs: list[Input], parts: list[Part]) -> None:
        self.root = root
        self.settings = settings
        self.inputs = inputs
        self.parts = parts

    def name(self, part: int) -> str:
        return f"part-{part:05d}"

    def items(self, part: int) -> Iterator[Item]:
        """Read a part's articles. A file that is another by now comes as a reject that may be tried again."""
        reader = ArticleReader([], dict(self.settings.columns), None, self.settings.keep_all)
        for piece in self.parts[part]:
            source = self.inputs[piece.input]
            now = _size(source.file.path)
            if now is not None and now != source.bytes:
                yield Reject(source.file.path, f"changed while it was read: {source.bytes} bytes, now {now}", True)
            else:
                yield from reader.read(source.file, piece.start, piece.stop)

    def write(self, storage: Storage, part: int, results: list[Tagged | Reject], backend: str) -> Tally:
        """Write a part and, after it, that it is done. Raises `DataError` where that can't be done."""
        tally = Tally()
        for result in results:
            tally.count(result)
        name = self.name(part)
        content = _render([r for r in results if not isinstance(r, Reject)], self.settings.part_format)
        storage.write(f"{PARTS}/{name}.{self.settings.part_format}", content)
        record = {**tally.to_json(), "backend": backend, "sha256": hashlib.sha256(content).hexdigest()}
        storage.write(f"{DONE}/{name}.json", _json_bytes(record))
        return tally

    def done(self, storage: Storage) -> dict[int, Tally]:
        """Return what is done and whole; a part of which a file could not be read is to be made again."""
        parts, records = storage.names(PARTS), storage.names(DONE)
        found = {}
        for i in range(len(self.parts)):
            name = self.name(i)
            if f"{name}.json" in records and f"{name}.{self.settings.part_format}" in parts:
                try:
                    content = json.loads(storage.read(f"{DONE}/{name}.json") or b"")
                    tally = Tally.from_json({key: content[key] for key in asdict(Tally())})
                except (ValueError, KeyError, TypeError):
                    continue  # damaged: the part is made again
                if not any(reject.retry for reject in tally.rejects):
                    found[i] = tally
        return found

    def write_rejects(self, storage: Storage, tally: Tally) -> None:
        lines = [json.dumps({"where": r.where, "reason": r.reason}, ensure_ascii=False) for r in tally.rejects]
        storage.write(REJECTS, "".join(line + "\n" for line in lines).encode())


def open_job(root: str, settings: JobSettings, files: list[InputFile]) -> Job:
    """Begin a job in the folder `root`, or go on with the one that is there.

    Raises:
        DataError: the folder holds something else, or the inputs, tagger or settings are not those of its job.
    """
    storage = Storage(root)
    there = storage.read(MANIFEST)
    if there is None:
        return _begin(storage, settings, files)
    job = _read_manifest(root, there)
    differences = _differences(job.settings, settings)
    differences += _changed_inputs(job.inputs, [_digest(file) for file in files])
    if differences:
        lines = [f"  {line}" for line in differences]
        raise DataError(
            "\n".join([f"{root}: holds another job; give a new folder, or the inputs and settings it has", *lines])
        )
    # The files may have moved since; they are the same by their digests.
    inputs = [Input(file, old.sha256, old.bytes) for file, old in zip(files, job.inputs, strict=True)]
    return Job(root, settings, inputs, job.parts)


def _begin(storage: Storage, settings: JobSettings, files: list[InputFile]) -> Job:
    if not is_remote(storage.root) and os.path.isdir(storage.root):
        others = [name for name in sorted(os.listdir(storage.root)) if not name.startswith(".")]
        if [name for name in others if name not in (PARTS, DONE)]:
            raise DataError(f"{storage.root}: is not empty and holds no {MANIFEST}; give a new folder")
    for folder in (PARTS, DONE):
        storage.make_folder(folder)
    inputs = [_digest(file) for file in files]
    job = Job(storage.root, settings, inputs, list(_plan(inputs, settings.part_size)))
    content = {
        "format": FORMAT,
        "settings": asdict(settings),
        "inputs": [{**asdict(source.file), "sha256": source.sha256, "bytes": source.bytes} for source in inputs],
        "parts": [
            [[s.input, s.start.record, s.start.line, s.start.offset, s.stop] for s in part] for part in job.parts
        ],
    }
    storage.write(MANIFEST, _json_bytes(content))
    return job


def _read_manifest(root: str, content: bytes) -> Job:
    try:
        read = json.loads(content)
        if read["format"] != FORMAT:
            raise DataError(f"{root}/{MANIFEST}: format {read['format']!r}; this version of fiqra reads {FORMAT}")
        columns = tuple((key, value) for key, value in read["settings"]["columns"])
        settings = JobSettings(**{**read["settings"], "columns": columns})
        inputs = [
            Input(InputFile(entry["path"], entry["article_id"], entry["kind"]), entry["sha256"], entry["bytes"])
            for entry in read["inputs"]
        ]
        parts = [tuple(Slice(i, Place(r, line, at), stop) for i, r, line, at, stop in p) for p in read["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{root}/{MANIFEST}: not the manifest of a job: {error!r}; give a new folder") from error
    return Job(root, settings, inputs, parts)


def _differences(old: JobSettings, new: JobSettings) -> list[str]:
    before, now = asdict(old), asdict(new)
    return [f"{key}: {_short(before[key])} there, {_short(now[key])} now" for key in before if before[key] != now[key]]


def _changed_inputs(old: list[Input], new: list[Input]) -> list[str]:
    before, now = ([source.file.article_id for source in inputs] for inputs in (old, new))
    lines = [f"input gone: {source.file.path}" for source in old if source.file.article_id not in now]
    lines += [f"input new: {source.file.path}" for source in new if source.file.article_id not in before]
    if lines:
        return lines
    if before != now:
        return ["the inputs come in another order"]
    for was, source in zip(old, new, strict=True):
        if was.file.kind != source.file.kind:
            lines.append(f"input {source.file.path}: read as {was.file.kind} there, as {source.file.kind} now")
        elif was.sha256 != source.sha256:
            lines.append(f"input changed: {source.file.path}: {was.bytes} bytes there, {source.bytes} now")
    return lines


def _digest(file: InputFile) -> Input:
    try:
        with open_input(file.path) as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
            return Input(file, digest, content.tell())
    except OSError as error:
        raise DataError(f"{file.path}: can't read it: {error.strerror or error}") from error


def _plan(inputs: list[Input], size: int) -> Iterator[Part]:
    """Cut the records of all inputs, in order, into parts of `size`."""
    part: list[Slice] = []
    room = size
    for i, source in enumerate(inputs):
        first: Place | None = None
        number = -1
        for place in _places(source.file):
            number = place.record
            if first is None:
                first = place
            room -= 1
            if room == 0:
                yield (*part, Slice(i, first, number + 1))
                part, first, room = [], None, size
        if first is not None:
            part.append(Slice(i, first, number + 1))
    if part:
        yield tuple(part)


def _places(file: InputFile) -> Iterator[Place]:
    """Yield where a file's records begin; a file that can't be read counts as one record, to be told as a reject."""
    if not file.of_records:
        yield Place()
        return
    n = 0
    try:
        with open_input(file.path) as content:
            for place in places(content, file.kind, file.path):
                n += 1
                yield place
    except DataError as error:
        if n:
            logger.warning("%s: %s", file.path, error)
    if n == 0:
        yield Place()


def _render(tagged: list[Tagged], part_format: str) -> bytes:
    if part_format == "parquet":
        binary = io.BytesIO()
        with ParquetResults(binary) as parquet:
            for article, paragraphs in tagged:
                parquet.write(article, paragraphs)
        return binary.getvalue()
    text = io.StringIO()
    lines = JsonlResults(text)
    for article, paragraphs in tagged:
        lines.write(article, paragraphs)
    return text.getvalue().encode()


def _size(path: str) -> int | None:
    try:
        return None if is_remote(path) else os.stat(path).st_size
    except OSError:
        return None  # reading it says what is wrong


def _json_bytes(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "…"
