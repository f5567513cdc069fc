"""The same training code on Mawqif: stances of 3,502 tweets towards three targets (Alturayeif et al. 2022).

Converts the set's CSV, trains `configs/mawqif.yaml`, and prints StanceEval 2024's measure: the mean F1 of favor and
against, on each target and as mean over the targets; and the same pooled over all tweets. A tweet's target is its
topic, its author the implied holder. The set's own test split is asked for with --test; without it a tenth of the
tweets, stratified by target and stance, is kept back to measure on. Another tenth chooses the epoch.
Texts that are the same, sign for sign, stay in one split.

    python benchmarks/mawqif.py Mawqif_AllTargets_Train.csv [--test Mawqif_AllTargets_Test.csv] [-o runs/mawqif]
    python benchmarks/mawqif.py train.csv --max-train 200 training.epochs=1      # does it run?

The published figures stand beside ours by their own word: read by the same measure only where their column says so,
and on the official test. The data is at github.com/NoraAlt/Mawqif-Arabic-Stance; its texts are not in this repository.
"""

import argparse
import csv
import json
import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fiqra import Tagger
from fiqra.files import write_lines, write_whole
from fiqra.model.errors import DataError, FiqraError, did_you_mean
from fiqra.model.labels import LabelSet
from fiqra.model.records import LabelledParagraph, Position
from fiqra.training.bootstrap import Bootstrap, Floats
from fiqra.training.config import load_config
from fiqra.training.dataset import read_labelled
from fiqra.training.evaluate import answer
from fiqra.training.metrics import StanceAnswer, f1, stance_counts

CONFIG = Path(__file__).parents[1] / "configs/mawqif.yaml"
TARGETS = {
    "Covid Vaccine": "covid_vaccine",
    "Digital Transformation": "digital_transformation",
    "Women empowerment": "women_empowerment",
}
STANCES = {"Favor": "favor", "Against": "against", "None": "none"}
KEPT_BACK = 10  # one tweet in so many, for choosing and again for measuring
PUBLISHED = (  # what, mean over targets, pooled or by another measure, where
    ("best of 16 teams", "84.38", "", "StanceEval 2024 overview (Alturayeif et al. 2024, ArabicNLP)"),
    ("sentence vectors + logistic regression", "71.77", "", "dzStance (Lichouri et al. 2024, arXiv:2407.13603)"),
    ("AraBERT v1, a model a target", "69.45", "", "TAO (2024, StanceEval; mean of its 64.55, 70.51 and 73.30)"),
    ("best of four BERT models", "", "78.89, macro-F1 as averaged there", "Alturayeif et al. 2022, WANLP"),
)


def read_tweets(path: Path) -> list[LabelledParagraph]:
    """Read Mawqif's CSV.

    Raises:
        DataError: the file can't be read, lacks a column, or rows are not of its form: each with its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in ("ID", "text", "target", "stance") if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: no column {', '.join(missing)}; expected Mawqif's CSV")
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise DataError(f"{path}: can't read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: byte {error.start}") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file: {error}") from error
    if not rows:
        raise DataError(f"{path}: holds no tweet")
    mistakes = [f"{path}:{line}: {mistake}" for line, row in rows for mistake in _mistakes(row)]
    if mistakes:
        raise DataError("\n".join(mistakes[:20]))
    first: dict[str, str] = {}
    return [_record(row, first.setdefault(row["text"].strip(), row["ID"])) for _, row in rows]


def _mistakes(row: dict[str, Any]) -> list[str]:
    found = [] if (row["text"] or "").strip() else ["text: is empty"]
    for key, known in (("target", TARGETS), ("stance", STANCES)):
        if row[key] not in known:
            found.append(f"{key}: unknown value {row[key]!r}{did_you_mean(str(row[key]), known)}")
    return found


def _record(row: dict[str, Any], doc: str) -> LabelledParagraph:
    topic, stance = TARGETS[row["target"]], STANCES[row["stance"]]
    positions = (Position(None, topic, stance),)
    return LabelledParagraph(f"mawqif-{row['ID']}", f"mawqif-{doc}", 0, row["text"].strip(), (topic,), positions)


def split(records: Sequence[LabelledParagraph], *, n_parts: int, seed: int) -> list[list[LabelledParagraph]]:
    """Part tweets into the rest and `n_parts` tenths, each with its share of every target and stance."""
    strata: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for record in {record.doc: record for record in reversed(records)}.values():
        strata[record.positions[0].topic, record.positions[0].stance][record.doc] = None
    part_of: dict[str, int] = {}
    for stratum in sorted(strata):
        docs = sorted(strata[stratum])
        random.Random(f"{seed} {stratum}").shuffle(docs)
        part_of |= {doc: i % KEPT_BACK + 1 if i % KEPT_BACK < n_parts else 0 for i, doc in enumerate(docs)}
    return [[record for record in records if part_of[record.doc] == part] for part in range(n_parts + 1)]


def measure(tagger: Tagger, gold: Sequence[LabelledParagraph]) -> dict[str, dict[str, float]]:
    """Return the mean F1 of favor and against: by target, as mean over the targets, and pooled; with intervals."""
    _, stances, _ = answer(tagger, gold)
    return stance_measures(gold, stances, tagger.labels)


def stance_measures(
    gold: Sequence[LabelledParagraph], stances: Sequence[StanceAnswer], labels: LabelSet
) -> dict[str, dict[str, float]]:
    places = [labels.stance_ids.index(stance) for stance in ("favor", "against")]

    def favor_against(confusion: Floats) -> Any:  # (..., S gold, S predicted) -> (...)
        counts = [
            (own := confusion[..., s, s], confusion[..., s].sum(-1) - own, confusion[..., s, :].sum(-1) - own)
            for s in places
        ]
        return f1(np.stack([np.stack(own, axis=-1) for own in counts], axis=-2)).mean(axis=-1)

    def named(summed: dict[str, Floats]) -> dict[tuple[str, ...], Any]:
        by_target = favor_against(summed["stance"])  # (..., K)
        found: dict[tuple[str, ...], Any] = {(topic,): by_target[..., k] for k, topic in enumerate(labels.topic_ids)}
        return {**found, ("mean",): by_target.mean(-1), ("pooled",): favor_against(summed["stance"].sum(-3))}

    counts = {"stance": stance_counts(len(gold), stances, labels)}
    return {key: leaf for (key,), leaf in Bootstrap(gold).leaves(counts, named).items()}


def report(measures: dict[str, dict[str, float]], n_train: int, n_test: int, where: str) -> list[str]:
    """Return the tables in Markdown."""

    def show(key: str) -> str:
        return "{:.2f} [{:.2f}, {:.2f}]".format(*(100 * measures[key][part] for part in ("value", "low", "high")))

    lines = [f"trained on {n_train} tweets, measured on {n_test} ({where})", "", "| target | F1 of favor and against |"]
    lines += ["| --- | --- |", *(f"| {topic} | {show(topic)} |" for topic in TARGETS.values()), ""]
    lines += ["| | mean over targets | pooled, or another measure | source |", "| --- | --- | --- | --- |"]
    lines.append(f"| fiqra, this run | {show('mean')} | {show('pooled')} | |")
    return lines + [f"| {' | '.join(row)} |" for row in PUBLISHED]


def main() -> None:
    """Convert, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="Mawqif's training CSV")
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value", help="changes to configs/mawqif.yaml")
    parser.add_argument("--test", type=Path, help="Mawqif's test CSV; by default a tenth of the tweets is kept back")
    parser.add_argument("--output", "-o", type=Path, default=Path("runs/mawqif"))
    parser.add_argument("--max-train", type=int, metavar="N", help="train on so many tweets")
    parser.add_argument("--seed", type=int, default=0, help="of the split; training.seed=… is that of the training")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    arguments = parser.parse_intermixed_args()
    logging.basicConfig(format="%(message)s", level=logging.ERROR)
    logging.getLogger("fiqra").setLevel(logging.INFO)
    try:
        print("\n".join(run(arguments)))  # noqa: T201
    except FiqraError as error:
        raise SystemExit(f"error: {error}") from None


def run(arguments: argparse.Namespace) -> list[str]:
    """Convert, train and measure as the arguments say; return the report."""
    parts = split(read_tweets(arguments.csv), n_parts=1 if arguments.test else 2, seed=arguments.seed)
    test = read_tweets(arguments.test) if arguments.test else parts[2]
    train = random.Random(arguments.seed).sample(parts[0], min(len(parts[0]), arguments.max_train or len(parts[0])))
    arguments.output.mkdir(parents=True, exist_ok=True)
    files = {name: arguments.output / f"{name}.jsonl" for name in ("train", "dev", "test")}
    for name, records in (("train", train), ("dev", parts[1]), ("test", test)):
        write_lines(files[name], [record.to_json() for record in records])
    places = {
        "data.train": [str(files["train"])],
        "data.dev": [str(files["dev"])],
        "output": str(arguments.output / "tagger"),
    }
    config = load_config(
        CONFIG, [*(f"{key}={json.dumps(place)}" for key, place in places.items()), *arguments.overrides]
    )
    from fiqra.training.trainer import train as train_tagger

    tagger, _ = train_tagger(config, resume=arguments.resume)
    measures = measure(tagger, read_labelled(files["test"], tagger.labels))
    write_whole(arguments.output / "stanceeval.json", json.dumps(measures, indent=1) + "\n")
    where = f"{arguments.test.name}" if arguments.test else "a tenth of the training CSV, kept back"
    return report(measures, len(train), len(test), where)


if __name__ == "__main__":
    main()
