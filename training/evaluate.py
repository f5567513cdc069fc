"""Run a tagger over labelled paragraphs and measure it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..model.decode import Decoding, ParagraphLogits, decode, softmax, stance_logits
from ..model.errors import DataError, TaggerError
from ..model.inference import EncodedParagraph, encode
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from ..model.tagger import Tagger
from .dataset import holder_span, read_labelled
from .metrics import StanceAnswer, evaluate, stance_counts
from .mistakes import WrongParagraph, count_mistakes, find_wrong
from .reliability import measure_calibration
from .slices import slice_measures


@dataclass(frozen=True)
class Evaluation:
    """What a tagger said about labelled paragraphs, and how good it is.

    `gold` and `tagged` are in one order; `wrong` has those that are not wholly right, the greatest loss first.
    """

    metrics: dict[str, Any]
    gold: list[LabelledParagraph]
    tagged: list[TaggedParagraph]
    stances: list[StanceAnswer]
    wrong: list[WrongParagraph]
    labels: LabelSet
    decoding: Decoding


def read_gold(files: Sequence[Path], labels: LabelSet, tagger: str) -> list[LabelledParagraph]:
    """Read labelled files, as one set, to measure the tagger of that name and label set on.

    Raises:
        DataError: as `read_labelled` does, for all files at once; an id stands in two files; the labels are not the
            tagger's.
    """
    records: list[LabelledParagraph] = []
    errors: list[str] = []
    file_of: dict[str, Path] = {}
    for file in files:
        try:
            own = read_labelled(file, labels)
        except DataError as error:
            errors.append(str(error))
            continue
        again = [record.id for record in own if record.id in file_of]
        if again:
            errors.append(
                f"{file}: {len(again)} ids stand in another file already ({again[0]!r} in {file_of[again[0]]}); give "
                "each file once, and each paragraph an id of its own"
            )
        file_of |= {record.id: file for record in own}
        records += own
    if any(f"unknown {what}" in error for error in errors for what in ("topic", "stance")):
        topics, stances = (", ".join(ids) for ids in (labels.topic_ids, labels.stance_ids))
        errors.append(f"{tagger} knows the topics {topics} and the stances {stances}: only such data can measure it")
    if errors:
        raise DataError("\n".join(errors))
    return records


def evaluate_tagger(
    tagger: Tagger,
    gold: Sequence[LabelledParagraph],
    *,
    files: Sequence[str] = (),
    n_resamples: int = 1000,
    seed: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Evaluation:
    """Tag labelled paragraphs and measure; what the sections of the metrics are say the modules that make them.

    Args:
        files: Where the paragraphs come from, to be named in the metrics.

    Raises:
        DataError: `gold` is empty.
        TaggerError: the tagger's logits are not finite.
    """
    decoding = tagger.settings.decoding
    tagged, stances, logits = answer(tagger, gold, on_batch=on_batch)
    wrong = find_wrong(gold, tagged, stances)
    metrics = {
        "tagger": tagger.id,
        "files": list(files),
        **evaluate(gold, tagged, stances, tagger.labels, n_resamples=n_resamples, seed=seed),
        "calibration": measure_calibration(gold, tagged, logits, stances, tagger.labels, decoding),
        "confusion": _confusion(len(gold), stances, tagger.labels),
        "slices": slice_measures(gold, tagged, tagger.labels, n_resamples=n_resamples, seed=seed),
        "mistakes": count_mistakes(wrong),
    }
    return Evaluation(metrics, list(gold), tagged, stances, wrong, tagger.labels, decoding)


def answer(
    tagger: Tagger, gold: Sequence[LabelledParagraph], *, on_batch: Callable[[int], None] | None = None
) -> tuple[list[TaggedParagraph], list[StanceAnswer], list[ParagraphLogits]]:
    """Return what a tagger says of each paragraph and of each gold position's stance, and the logits behind it.

    Raises:
        TaggerError: the tagger's logits are not finite.
    """
    encoded = encode([record.text for record in gold], tagger.tokenizer, tagger.settings.normalisation)
    logits = tagger.run(encoded, on_batch=on_batch)
    for record, own in zip(gold, logits, strict=True):
        if not all(np.isfinite(part).all() for part in (own.topic, own.actor, own.stance)):
            raise TaggerError(f"{tagger.id}: its logits for {record.id!r} are not finite; its weights are damaged")
    tagged, stances = read_off(gold, logits, encoded, tagger.labels, tagger.settings.decoding, tagger_id=tagger.id)
    return tagged, stances, logits


def read_off(
    gold: Sequence[LabelledParagraph],
    logits: Sequence[ParagraphLogits],
    encoded: Sequence[EncodedParagraph],
    labels: LabelSet,
    decoding: Decoding,
    *,
    tagger_id: str = "",
) -> tuple[list[TaggedParagraph], list[StanceAnswer]]:
    """Decode logits as the tagger does, and answer the gold positions' stances from the same logits."""
    tagged: list[TaggedParagraph] = []
    stances: list[StanceAnswer] = []
    for i, (record, own, enc) in enumerate(zip(gold, logits, encoded, strict=True)):
        read = decode(own, enc.spans, record.text, labels, decoding)
        date, outlet = (str(record.extra[key]) if record.extra.get(key) else None for key in ("date", "outlet"))
        tagged.append(TaggedParagraph(record.doc, record.para, record.text, *read, tagger_id, date, outlet))
        stances += _answer_stances(i, record, own, enc, labels, decoding)
    return tagged, stances


def _answer_stances(
    i: int,
    record: LabelledParagraph,
    logits: ParagraphLogits,
    encoded: EncodedParagraph,
    labels: LabelSet,
    decoding: Decoding,
) -> list[StanceAnswer]:
    answers = []
    for position in record.positions:
        first, last = holder_span(position.actor, encoded.spans) or (0, 1)
        row = stance_logits(logits.stance, (first, last))[labels.topic_index(position.topic)]  # (1 + S,)
        prob = float(softmax(row / decoding.stance_temperature)[labels.stance_column(position.stance)])
        if position.actor is not None:
            prob *= float(softmax(logits.actor[first:last])[:, 1:].sum(axis=1).mean())
        likeliest = labels.stance_ids[int(row[1:].argmax())]
        answers.append(StanceAnswer(i, position.topic, position.stance, likeliest, tuple(map(float, row)), prob))
    return answers


def _confusion(n_paragraphs: int, stances: Sequence[StanceAnswer], labels: LabelSet) -> dict[str, Any]:
    """Return how often a gold position's stance (outer key) was answered by each stance, in all and per topic."""
    counts = stance_counts(n_paragraphs, stances, labels).sum(axis=0).astype(int)  # (K, S gold, S predicted)

    def named(table: Any) -> dict[str, dict[str, int]]:
        return {
            gold: dict(zip(labels.stance_ids, row.tolist(), strict=True))
            for gold, row in zip(labels.stance_ids, table, strict=True)
        }

    per_topic = {topic: named(counts[k]) for k, topic in enumerate(labels.topic_ids)}
    return {"stance": named(counts.sum(axis=0)), "per_topic": per_topic}
