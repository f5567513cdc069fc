"""Run a tagger over labelled paragraphs and measure it."""

from collections.abc import Callable, Sequence
from typing import Any

from ..model.decode import Decoding, ParagraphLogits, decode, stance_probs
from ..model.errors import DataError
from ..model.inference import EncodedParagraph, encode
from ..model.labels import LabelSet
from ..model.records import LabelledParagraph, TaggedParagraph
from ..model.tagger import Tagger
from .dataset import holder_span
from .metrics import StanceAnswer, evaluate


def evaluate_tagger(
    tagger: Tagger,
    gold: Sequence[LabelledParagraph],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[dict[str, Any], list[TaggedParagraph], list[StanceAnswer]]:
    """Return the measures (see `metrics`), the tagged paragraphs in the order of `gold`, and the stance answers."""
    tagged, stances = answer(tagger, gold, on_batch=on_batch)
    return evaluate(gold, tagged, stances, tagger.labels, n_resamples=n_resamples, seed=seed), tagged, stances


def answer(
    tagger: Tagger, gold: Sequence[LabelledParagraph], *, on_batch: Callable[[int], None] | None = None
) -> tuple[list[TaggedParagraph], list[StanceAnswer]]:
    """Return what a tagger says of each paragraph, and of the stance of each gold position."""
    encoded = encode([record.text for record in gold], tagger.tokenizer, tagger.settings.normalisation)
    logits = tagger.run(encoded, on_batch=on_batch)
    return read_off(gold, logits, encoded, tagger.labels, tagger.settings.decoding, tagger_id=tagger.id)


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
        topics, probs, positions = decode(own, enc.spans, record.text, labels, decoding)
        tagged.append(TaggedParagraph(record.doc, record.para, record.text, topics, probs, positions, tagger_id))
        for position in record.positions:
            span = holder_span(position.actor, enc.spans)
            probs_of = stance_probs(own.stance, span or (0, 1), decoding)[labels.topic_index(position.topic)]
            likeliest = labels.stance_ids[int(probs_of[1:].argmax())]
            stances.append(StanceAnswer(i, position.topic, position.stance, likeliest))
    return tagged, stances


def check_labels(tagger: Tagger, labels: LabelSet, where: str) -> None:
    """Raise `DataError` where the data's label set isn't the tagger's."""
    if (labels.topic_ids, labels.stance_ids) != (tagger.labels.topic_ids, tagger.labels.stance_ids):
        raise DataError(
            f"{where}: its labels {labels.topic_ids} / {labels.stance_ids} are not the tagger's "
            f"{tagger.labels.topic_ids} / {tagger.labels.stance_ids}"
        )
