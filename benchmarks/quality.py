"""The tagger beside named peers on the same paragraphs, by the same measures.

tagger      a fiqra tagger as it is; it is not trained here (--tagger: give one that was trained on --train alone)
tfidf       TF-IDF of words and pieces of words, logistic regression
setfit      SetFit on the same encoder (package setfit)
classifier  AutoModelForSequenceClassification on the same encoder, Trainer at its defaults

The three peers learn one multi-label task: a column a topic, and one a pair of topic and stance. Every tenth document
of --train is kept from them to choose a threshold a column on, as a tagger's are chosen on its development data. They
can't say who holds a position, so for them only topics and topic + stance can be measured. Topic + stance F1 is that
of `fiqra evaluate`: two actors of one stance count twice, and who can't tell actors finds one of them; *as sets*, each
pair of topic and stance counts once a paragraph. Each result is kept in --output, and taken from there next time.

    python benchmarks/quality.py --train train.jsonl --dev dev.jsonl -o runs/quality [--only tagger tfidf]
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from quality_methods import FITS, Floats, Settings, Truth, encoder_folder

from fiqra import Tagger
from fiqra.files import write_whole
from fiqra.model.errors import FiqraError
from fiqra.model.labels import LabelSet
from fiqra.model.records import LabelledParagraph, Position, TaggedParagraph
from fiqra.model.text import normalise_news
from fiqra.training.bootstrap import Bootstrap
from fiqra.training.calibration import topic_thresholds
from fiqra.training.evaluate import answer, read_gold
from fiqra.training.metrics import StanceAnswer, data_sha256, evaluate, f1

METHODS = ("tagger", *FITS)
HELD_BACK = 10  # every tenth document of the training data chooses the peers' thresholds
ROWS = {
    "topics, macro-F1": ("topics", "macro_f1"),
    "topics, exact sets": ("topics", "exact"),
    "topic + stance, F1": ("topic_stance", "f1"),
    "topic + stance as sets, F1": ("topic_stance_sets", "f1"),
    "positions, F1": ("positions", "f1"),
    "stance given topic and actor, macro-F1": ("stance", "macro_f1"),
}
ONLY_TAGGER = ("positions", "stance")


def columns(records: Sequence[LabelledParagraph], labels: LabelSet) -> Truth:
    """Return which columns hold for each paragraph (N, K + K x S)."""
    held = [{(p.topic, p.stance) for p in record.positions} for record in records]
    topics = [[topic in record.topics for topic in labels.topic_ids] for record in records]
    pairs = [[pair in own for pair in topic_stances(labels)] for own in held]
    return np.hstack([np.array(topics, dtype=bool), np.array(pairs, dtype=bool)])


def topic_stances(labels: LabelSet) -> list[tuple[str, str]]:
    return [(topic, stance) for topic in labels.topic_ids for stance in labels.stance_ids]


def read_off(
    records: Sequence[LabelledParagraph], probs: Floats, thresholds: Sequence[float], labels: LabelSet, method: str
) -> list[TaggedParagraph]:
    """Turn columns of probabilities (N, K + K x S) into answers; a stance on a topic comes without an actor."""
    n_topics = len(labels.topics)
    tagged = []
    for record, row in zip(records, probs, strict=True):
        on = row >= np.asarray(thresholds)
        topics = tuple(topic for topic, is_on in zip(labels.topic_ids, on, strict=False) if is_on)
        pairs = [pair for pair, is_on in zip(topic_stances(labels), on[n_topics:], strict=True) if is_on]
        positions = tuple(Position(None, topic, stance) for topic, stance in pairs if topic in topics)
        by_topic = dict(zip(labels.topic_ids, map(float, row), strict=False))
        tagged.append(TaggedParagraph(record.doc, record.para, record.text, topics, by_topic, positions, method))
    return tagged


def measure(
    gold: Sequence[LabelledParagraph],
    tagged: Sequence[TaggedParagraph],
    stances: Sequence[StanceAnswer],
    labels: LabelSet,
) -> dict[str, Any]:
    """Return the measures of `fiqra evaluate`, and topic + stance with each pair counted once a paragraph."""
    counts = np.zeros((len(gold), 3))
    for i, (own, said) in enumerate(zip(gold, tagged, strict=True)):
        a, b = ({(p.topic, p.stance) for p in positions} for positions in (own.positions, said.positions))
        counts[i] = (len(a & b), len(b - a), len(a - b))
    leaves = Bootstrap(gold).leaves({"sets": counts}, lambda summed: {("f1",): f1(summed["sets"])})
    return {**evaluate(gold, tagged, stances, labels), "topic_stance_sets": {"f1": leaves["f1",]}}


def run_peer(
    method: str,
    train: Sequence[LabelledParagraph],
    dev: Sequence[LabelledParagraph],
    labels: LabelSet,
    settings: Settings,
) -> dict[str, Any]:
    """Train a peer, choose its thresholds on the documents kept back, and measure it on dev."""
    documents = list(dict.fromkeys(record.doc for record in train))
    random.Random(settings.seed).shuffle(documents)
    kept_back = set(documents[::HELD_BACK])
    fit_on = [record for record in train if record.doc not in kept_back]
    choose_on = [record for record in train if record.doc in kept_back]
    texts, choose_texts, dev_texts = ([normalise_news(r.text).text for r in own] for own in (fit_on, choose_on, dev))
    predict = FITS[method](texts, columns(fit_on, labels), settings)
    probs, truth = predict(choose_texts), columns(choose_on, labels)
    n_topics = len(labels.topics)  # topics and pairs apart: each kind's thresholds are drawn to one of its own
    parts = (slice(0, n_topics), slice(n_topics, None))
    thresholds = [own for part in parts for own in topic_thresholds(probs[:, part], truth[:, part])]
    return measure(dev, read_off(dev, predict(dev_texts), thresholds, labels, method), [], labels)


def run_tagger(tagger: Tagger, dev: Sequence[LabelledParagraph]) -> dict[str, Any]:
    tagged, stances, _ = answer(tagger, dev)
    return measure(dev, tagged, stances, tagger.labels)


def table(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the Markdown table: a column a method."""
    lines = ["| | " + " | ".join(results) + " |", "| --- " * (len(results) + 1) + "|"]
    for title, (section, key) in ROWS.items():
        cells = []
        for method, metrics in results.items():
            leaf = metrics.get(section, {}).get(key)
            absent = not leaf or (section in ONLY_TAGGER and method != "tagger")
            cells.append("–" if absent else f"{leaf['value']:.3f} [{leaf['low']:.3f}, {leaf['high']:.3f}]")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def kept(path: Path, key: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result kept at `path`, or None where there is none or it was made from something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("key") != key:
        _say(f"{path}: made from other data or settings; doing it again")
        return None
    _say(f"{path}: kept from before")
    return content


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201


def main() -> None:
    """Train and measure the methods, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", type=Path, required=True, metavar="FILE", help="labelled JSONL")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE", help="labelled JSONL to measure on")
    parser.add_argument("--output", "-o", type=Path, default=Path("runs/quality"), help="where results are kept")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD")
    parser.add_argument("--tagger", default="fiqra-mini", help="a released tagger's name, or a tagger folder")
    parser.add_argument("--encoder", default="bundled", help="the peers' encoder: 'bundled', a folder or a hub id")
    parser.add_argument("--epochs", type=float, default=Settings.epochs, help="of the classifier")
    parser.add_argument("--setfit-iterations", type=int, default=Settings.setfit_iterations)
    parser.add_argument("--max-train", type=int, metavar="N", help="train on so many paragraphs, drawn at random")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except FiqraError as error:
        raise SystemExit(f"error: {error}") from None


def run(arguments: argparse.Namespace) -> None:
    tagger = Tagger.from_pretrained(arguments.tagger, backend="torch")
    labels = tagger.labels
    train, dev = (read_gold(files, labels, tagger.id) for files in (arguments.train, [arguments.dev]))
    shared = {r.doc for r in train} & {r.doc for r in dev}
    if shared:
        raise FiqraError(f"{arguments.dev}: {len(shared)} documents stand in --train too, {min(shared)!r} among them")
    if arguments.max_train and arguments.max_train < len(train):
        train = random.Random(arguments.seed).sample(train, arguments.max_train)
    settings = Settings(arguments.encoder, arguments.epochs, arguments.setfit_iterations, arguments.seed)
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = {}
    for method in arguments.only:
        own: dict[str, Any] = {"dev": data_sha256(dev)}
        own |= {"tagger": tagger.sha256} if method == "tagger" else {"train": data_sha256(train), **asdict(settings)}
        path = arguments.output / f"{method}.json"
        result = kept(path, own)
        if result is None:
            start = time.perf_counter()
            ready = replace(settings, encoder=encoder_folder(settings.encoder))
            with redirect_stdout(sys.stderr):  # where the libraries' chatter belongs
                metrics = run_tagger(tagger, dev) if method == "tagger" else run_peer(method, train, dev, labels, ready)
            result = {"key": own, "seconds": round(time.perf_counter() - start, 1), "metrics": metrics}
            write_whole(path, json.dumps(result, ensure_ascii=False, indent=1) + "\n")
            _say(f"{method}: {result['seconds']} s")
        results[method] = result["metrics"]
    print(f"peers trained on {len(train)} paragraphs; measured on {len(dev)}\n")  # noqa: T201
    print("\n".join(table(results)))  # noqa: T201


if __name__ == "__main__":
    main()
