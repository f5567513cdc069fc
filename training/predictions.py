"""A tagger's answers on labelled paragraphs, kept by `fiqra evaluate -o`: written and read back.

`predictions.jsonl` has a line a labelled paragraph: its `id`, the tagged paragraph, and `stances_given_gold`, the
likeliest stance for each of its gold positions, in their order. `metrics.json` beside it says with which labels, on
which data and by which definitions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model.errors import DataError
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from .labelled import read_all
from .metrics import METRICS_VERSION, StanceAnswer, data_sha256

PREDICTIONS, METRICS = "predictions.jsonl", "metrics.json"


@dataclass(frozen=True)
class Answers:
    """What a tagger said, a tagged paragraph for each labelled one; `stances` is None where they weren't kept."""

    name: str
    tagged: list[TaggedParagraph]
    stances: list[StanceAnswer] | None


@dataclass(frozen=True)
class SavedRun:
    """Saved predictions and what `metrics.json` beside them says of how they were made."""

    path: Path
    name: str
    labels: LabelSet
    data_sha256: str


def prediction_lines(
    gold: Sequence[LabelledParagraph], tagged: Sequence[TaggedParagraph], stances: Sequence[StanceAnswer]
) -> str:
    """Return the text of `predictions.jsonl`."""
    given_gold: list[list[str]] = [[] for _ in gold]
    for answer in stances:
        given_gold[answer.paragraph].append(answer.predicted)
    records = [
        {"id": g.id, **t.to_json(), "stances_given_gold": own}
        for g, t, own in zip(gold, tagged, given_gold, strict=True)
    ]
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)


def find_saved(name: str) -> SavedRun | None:
    """Return the saved run at `name`, a `predictions.jsonl` or the folder that holds one; None where it is neither.

    Raises:
        DataError: `metrics.json` is not beside it, or lacks what a comparison needs, or has other metric definitions.
    """
    path = Path(name)
    path = path / PREDICTIONS if path.is_dir() else path
    if path.suffix != ".jsonl" or not path.is_file():
        return None
    beside = path.parent / METRICS
    again = "run 'fiqra evaluate … -o' anew, which writes both files"
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
        said = {key: content[key] for key in ("tagger", "metrics_version", "labels", "data_sha256")}
    except OSError as error:
        raise DataError(f"{path}: no {METRICS} beside it to say how it was made; {again}") from error
    except (ValueError, TypeError) as error:
        raise DataError(f"{beside}: not a JSON object: {error}; {again}") from error
    except KeyError as error:
        raise DataError(f"{beside}: doesn't say {error}, so {path.name} can't be compared; {again}") from error
    if said["metrics_version"] != METRICS_VERSION:
        raise DataError(
            f"{beside}: metric definitions of version {said['metrics_version']!r}, here they are of version "
            f"{METRICS_VERSION}; {again}"
        )
    labels = {kind: [{"id": label} for label in said["labels"][kind]] for kind in ("topics", "stances")}
    return SavedRun(path, str(said["tagger"]), LabelSet.from_json(labels, str(beside)), str(said["data_sha256"]))


def read_saved(saved: SavedRun, gold: Sequence[LabelledParagraph]) -> Answers:
    """Return the saved answers, in the order of `gold`.

    Raises:
        DataError: a line is wrong, or the predictions are of other data than `gold`: what differs, with examples.
    """
    tagged: dict[str, TaggedParagraph] = {}
    given_gold: dict[str, Any] = {}

    def build(content: object) -> tuple[str, TaggedParagraph, Any]:
        if not isinstance(content, dict) or not isinstance(content.get("id"), str):
            raise DataError("key 'id' is missing: not what 'fiqra evaluate -o' writes")
        return content["id"], TaggedParagraph.from_json(content, saved.labels), content.get("stances_given_gold")

    for number, (id, paragraph, stances) in read_all(saved.path, build):
        if id in tagged:
            raise DataError(f"{saved.path}:{number}: id {id!r} stands twice")
        tagged[id], given_gold[id] = paragraph, stances
    _check_same_data(saved, tagged, gold)
    return Answers(saved.name, [tagged[g.id] for g in gold], _read_stances(saved, given_gold, gold))


def _check_same_data(saved: SavedRun, tagged: dict[str, TaggedParagraph], gold: Sequence[LabelledParagraph]) -> None:
    by_id = {g.id: g for g in gold}
    differences = [
        (len(found), what, found)
        for what, found in (
            ("paragraphs of the data have no prediction", [i for i in by_id if i not in tagged]),
            ("predictions are of paragraphs that the data hasn't", [i for i in tagged if i not in by_id]),
            ("texts differ", [i for i, g in by_id.items() if i in tagged and tagged[i].text != g.text]),
        )
        if found
    ]
    if differences:
        lines = [f"  {n} {what}: {', '.join(found[:3])}{' …' if n > 3 else ''}" for n, what, found in differences]
        raise DataError("\n".join([f"{saved.path}: made on other data than the files given", *lines]))
    if saved.data_sha256 != data_sha256(gold):
        raise DataError(
            f"{saved.path}: the texts are those of the files given, but their gold labels, documents or stories have "
            "changed since; run 'fiqra evaluate … -o' anew"
        )


def _read_stances(
    saved: SavedRun, given_gold: dict[str, Any], gold: Sequence[LabelledParagraph]
) -> list[StanceAnswer] | None:
    if all(own is None for own in given_gold.values()):
        return None
    answers = []
    for i, g in enumerate(gold):
        own = given_gold[g.id]
        if not isinstance(own, list) or len(own) != len(g.positions) or not set(own) <= set(saved.labels.stance_ids):
            raise DataError(
                f"{saved.path}: id {g.id!r}: stances_given_gold: expected {len(g.positions)} of "
                f"{', '.join(saved.labels.stance_ids)}, found {own!r}"
            )
        answers += [StanceAnswer(i, p.topic, p.stance, said) for p, said in zip(g.positions, own, strict=True)]
    return answers
