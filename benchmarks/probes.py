"""Does the tagger read, or guess? Probes ask it one thing each, and print how often it passes.

Pairs, written by hand (`data/probes/*.jsonl`, two paragraphs a document). A *turn* is a holder and topic whose stance
differs between the two paragraphs, or who holds one in only one of them.

negation     the same sentence with its polarity reversed: the holder's stance turns
swap         two actors who differ change places: both their stances turn
attribution  an accusation is made by either side, or a will is ascribed, then stated: who holds the position turns
words        a topic's words in another matter give no topic, and in their own they give it

A pair passes where every turn is right in both paragraphs: the likeliest of the stances, given the gold topic and the
gold actor (as `stance` of `fiqra evaluate`); who holds nothing, the accused, is given no position on the topic by the
tagger's own answer. `words` passes where the one answer has no topic and the other the topic. *Direction* is milder: of
the two paragraphs the one that should is nearer to favor (to a position, to the topic). Half of the pairs have it by
chance, where a pair has one turn.

noise        another writing of the same words (diacritics, tatweel, forms of alef, digits, spaces, quotation marks)
             changes neither topics nor positions; paragraphs of the corpus's test split
masked       stance given topic and actor, beside a linear model that reads the text with the actor masked

    python benchmarks/probes.py [fiqra-mini] [--only negation swap …]
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from probe_masked import MaskedText, usual_stances
from probe_noise import NOISES, applies, clean_answer
from scipy.special import logsumexp
from scipy.stats import binomtest

from fiqra import Article, Paragraph, Tagger
from fiqra.model.errors import DataError, FiqraError
from fiqra.model.labels import LabelSet
from fiqra.model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from fiqra.training.dataset import read_labelled
from fiqra.training.evaluate import answer
from fiqra.training.metrics import StanceAnswer, evaluate

DATA = Path(__file__).parents[1] / "data"
PAIRS = ("negation", "swap", "attribution", "words")
PROBES = (*PAIRS, "noise", "masked")
N_NOISY = 40  # paragraphs for each kind of noise


class Share(NamedTuple):
    """How many of how many; its interval is Wilson's, at 95 %."""

    n: int
    of: int

    @property
    def value(self) -> float:
        return self.n / self.of

    def __str__(self) -> str:
        low, high = binomtest(self.n, self.of).proportion_ci(method="wilson")
        return f"{self.n}/{self.of} = {self.value:.2f} [{low:.2f}, {high:.2f}]"


@dataclass(frozen=True)
class PairOutcome:
    """What became of one pair. `wrong` names each turn that was answered wrongly."""

    id: str
    wrong: tuple[str, ...]
    right_direction: bool

    @property
    def passed(self) -> bool:
        return not self.wrong


def read_pairs(name: str, labels: LabelSet) -> list[LabelledParagraph]:
    """Return a probe's paragraphs, the two of each pair beside each other.

    Raises:
        DataError: the file is no labelled data, or a document of it is no pair.
    """
    path = DATA / "probes" / f"{name}.jsonl"
    records = read_labelled(path, labels)
    for first, second in zip(records[::2], [*records[1::2], None], strict=False):
        if second is None or first.doc != second.doc:
            raise DataError(f"{path}: {first.id!r} is not followed by the other paragraph of its pair")
    return records


def turns(first: LabelledParagraph, second: LabelledParagraph) -> list[tuple[str, str, str | None, str | None]]:
    """Return (actor's words, topic, stance in the first, stance in the second) wherever the two differ."""
    held = [{(p.actor.text, p.topic): p.stance for p in r.positions if p.actor} for r in (first, second)]
    keys = dict.fromkeys([*held[0], *held[1]])
    return [(*key, *both) for key in keys if (both := (held[0].get(key), held[1].get(key)))[0] != both[1]]


def asked(record: LabelledParagraph, holders: Sequence[tuple[str, str, str | None]]) -> LabelledParagraph:
    """Return the record with the positions that a tagger is to be asked for, in the order of `holders`.

    Who holds nothing is asked for too; the stance put there is never compared.
    """
    gold = {(p.actor.text, p.topic): p.actor for p in record.positions if p.actor}
    positions = []
    for words, topic, stance in holders:
        start = record.text.index(words)
        actor = gold.get((words, topic), Actor(words, start, start + len(words)))
        positions.append(Position(actor, topic, stance or "neutral"))
    return replace(record, positions=tuple(positions))


def probe_stances(tagger: Tagger, name: str) -> list[PairOutcome]:
    """Ask a tagger for the turns of a probe's pairs."""
    records = read_pairs(name, tagger.labels)
    pairs = list(zip(records[::2], records[1::2], strict=True))
    wanted = [turns(*pair) for pair in pairs]
    questions = [
        asked(record, [(words, topic, stances[half]) for words, topic, *stances in own])
        for pair, own in zip(pairs, wanted, strict=True)
        for half, record in enumerate(pair)
    ]
    tagged, stances, _ = answer(tagger, questions)
    said: list[list[StanceAnswer]] = [[] for _ in questions]
    for own in stances:
        said[own.paragraph].append(own)
    outcomes = []
    for i, (pair, own_turns) in enumerate(zip(pairs, wanted, strict=True)):
        halves = (2 * i, 2 * i + 1)
        wrong, directions = [], []
        for k, (words, topic, *gold) in enumerate(own_turns):
            answers = [said[half][k] for half in halves]
            for half, stance, own in zip(halves, gold, answers, strict=True):
                if stance is None and holds(tagged[half], words, topic):
                    wrong.append(f"{records[half].id}: {words}: a position on {topic}, expected none")
                elif stance is not None and own.predicted != stance:
                    wrong.append(f"{records[half].id}: {words}: {own.predicted} on {topic}, expected {stance}")
            directions.append(_is_nearer(answers, gold, tagger.labels))
        outcomes.append(PairOutcome(pair[0].doc, tuple(wrong), all(directions)))
    return outcomes


def holds(tagged: TaggedParagraph, words: str, topic: str) -> bool:
    """Say whether the answer gives a position on the topic to an actor in whom these words stand, or who is in them."""
    actors = [position.actor for position in tagged.positions if position.topic == topic and position.actor]
    return any(words in actor.text or actor.text in words for actor in actors)


def _is_nearer(answers: Sequence[StanceAnswer], gold: Sequence[str | None], labels: LabelSet) -> bool:
    """Say whether the paragraph with the position, or with the more favorable one, is answered more so."""
    logits = [np.array(own.logits) for own in answers]  # (1 + S,)
    if None in gold:
        first, second = (float(logsumexp(own[1:]) - own[0]) for own in logits)
        return (first > second) == (gold[0] is not None)
    favor, against = labels.stance_column("favor"), labels.stance_column("against")
    first, second = (float(own[favor] - own[against]) for own in logits)
    order = ("favor", "neutral", "against")
    return (first > second) == (order.index(str(gold[0])) < order.index(str(gold[1])))


def probe_words(tagger: Tagger) -> list[PairOutcome]:
    """Ask a tagger for the topics of paragraphs that have a topic's words without its matter, and with it."""
    records = read_pairs("words", tagger.labels)
    tagged = _tag(tagger, [record.text for record in records])
    outcomes = []
    for i in range(0, len(records), 2):
        (topic,) = records[i + 1].topics
        without, with_it = tagged[i], tagged[i + 1]
        wrong = [f"{records[i].id}: {', '.join(without.topics)}, expected no topic"] if without.topics else []
        wrong += [] if topic in with_it.topics else [f"{records[i + 1].id}: not {topic}, which was expected"]
        nearer = without.topic_probs[topic] < with_it.topic_probs[topic]
        outcomes.append(PairOutcome(records[i].doc, tuple(wrong), nearer))
    return outcomes


def probe_noise(tagger: Tagger, *, n: int = N_NOISY, seed: int = 0) -> dict[str, dict[str, bool]]:
    """Return for each kind of noise whether the first `n` paragraphs of the test split that it can change, by their
    ids, come out the same.
    """
    records = [r for r in read_labelled(DATA / "corpus/test.jsonl", tagger.labels) if r.positions]
    noisy = [
        (kind, record, make(record.text, random.Random(f"{seed} {kind} {record.id}")))
        for kind, make in NOISES.items()
        for record in [record for record in records if applies(kind, record.text)][:n]
    ]
    clean = list(dict.fromkeys(record.text for _, record, _ in noisy))
    answers = _tag(tagger, [*clean, *("".join(pieces) for *_, pieces in noisy)])
    expected = {text: clean_answer(tagged, text) for text, tagged in zip(clean, answers, strict=False)}
    same: dict[str, dict[str, bool]] = {kind: {} for kind in NOISES}
    for (kind, record, pieces), tagged in zip(noisy, answers[len(clean) :], strict=True):
        same[kind][record.id] = clean_answer(tagged, pieces) == expected[record.text]
    return same


def probe_masked(tagger: Tagger) -> dict[str, dict[str, float]]:
    """Return the stance's macro-F1 on the test split: the tagger's, and of models that don't know whose it is."""
    train, test = (read_labelled(DATA / f"corpus/{split}.jsonl", tagger.labels) for split in ("train", "test"))
    tagged, stances, _ = answer(tagger, test)
    ways = {
        tagger.id: stances,
        "text with the actor masked, TF-IDF + logistic regression": MaskedText(tagger.labels).fit(train).answer(test),
        "the topic's most frequent stance": usual_stances(train, test),
    }
    return {name: evaluate(test, tagged, own, tagger.labels)["stance"]["macro_f1"] for name, own in ways.items()}


def _tag(tagger: Tagger, texts: Sequence[str]) -> list[TaggedParagraph]:
    (tagged,) = tagger.tag_articles([Article("probe", tuple(Paragraph(i, text) for i, text in enumerate(texts)))])
    return tagged


def shares(outcomes: Sequence[PairOutcome]) -> tuple[Share, Share]:
    """Return how many pairs passed, and how many have the right direction."""
    n = len(outcomes)
    return Share(sum(own.passed for own in outcomes), n), Share(sum(own.right_direction for own in outcomes), n)


def main() -> None:
    """Probe a tagger and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tagger", nargs="?", default="fiqra-mini", help="a released tagger's name, or a tagger folder")
    parser.add_argument("--only", nargs="+", choices=PROBES, default=PROBES)
    parser.add_argument("--failures", action="store_true", help="name what was answered wrongly, too")
    arguments = parser.parse_args()
    try:
        tagger = Tagger.from_pretrained(arguments.tagger)
        print("\n".join(_report(tagger, arguments.only, failures=arguments.failures)))  # noqa: T201
    except FiqraError as error:
        raise SystemExit(f"error: {error}") from None


def _report(tagger: Tagger, only: Sequence[str], *, failures: bool) -> list[str]:
    lines = [f"| {tagger.id} | passed | direction |", "| --- | --- | --- |"]
    named = []
    for name in [name for name in PAIRS if name in only]:
        outcomes = probe_words(tagger) if name == "words" else probe_stances(tagger, name)
        passed, direction = shares(outcomes)
        lines.append(f"| {name} | {passed} | {direction} |")
        named += [line for outcome in outcomes for line in outcome.wrong]
    if "noise" in only:
        for kind, same in probe_noise(tagger).items():
            lines.append(f"| noise: {kind} | {Share(sum(same.values()), len(same))} | |")
            named += [f"{id}: comes out otherwise with noise: {kind}" for id, is_same in same.items() if not is_same]
    if "masked" in only:
        lines += ["", "| stance given topic and actor, macro-F1 | |", "| --- | --- |"]
        for name, leaf in probe_masked(tagger).items():
            lines.append(f"| {name} | {leaf['value']:.3f} [{leaf['low']:.3f}, {leaf['high']:.3f}] |")
    return lines + (["", *named] if failures else [])


if __name__ == "__main__":
    main()
