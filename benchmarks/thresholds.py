"""Which way of choosing topic thresholds gives the best F1 on paragraphs that it has not seen.

Temperatures and thresholds are fitted on some folds and applied to the others, many times over; a fold holds whole
documents, or stories where records carry a `cluster`. "4 of 5" fits on four fifths, as a tagger's development data
would be used; "1 of 5" on one fifth, where there is little to fit on. Ways: always 0.5; each topic's own best
threshold; one best threshold for all topics; a topic's own drawn to that one; and the same with that one drawn to 0.5,
what training does (`calibration.topic_thresholds`).
Differences are to the shrinkage, with a 95 % bootstrap interval over the same documents.

    python benchmarks/thresholds.py fiqra-mini data/corpus/test.jsonl [more.jsonl] [--repeats 20] [--logits saved.npz]
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fiqra import Tagger
from fiqra.model.errors import FiqraError
from fiqra.model.inference import encode
from fiqra.model.records import LabelledParagraph
from fiqra.training.bootstrap import Bootstrap, Floats
from fiqra.training.calibration import binary_temperature, topic_thresholds
from fiqra.training.evaluate import read_gold
from fiqra.training.metrics import f1

Truth = npt.NDArray[np.bool_]
N_FOLDS = 5
OURS = "shrinkage"


def free_thresholds(probs: Floats, truth: Truth) -> Floats:
    """Return each topic's threshold of greatest F1 (K,), of all that part two probabilities; probs, truth (N, K)."""
    return np.array([_best(probs[:, k], truth[:, k]) for k in range(probs.shape[1])])


def _best(probs: Floats, truth: Truth) -> float:
    values = np.unique(probs)
    candidates = np.append((values[1:] + values[:-1]) / 2, 0.5)
    on = probs >= candidates[:, None]  # (candidates, N)
    scores = f1(np.stack([(on & truth).sum(1), (on & ~truth).sum(1), (~on & truth).sum(1)], axis=-1))
    return float(candidates[scores.argmax()])


WAYS: dict[str, Callable[[Floats, Truth], npt.ArrayLike]] = {
    "always 0.5": lambda probs, truth: np.full(probs.shape[1], 0.5),
    "free, per topic": free_thresholds,
    "pooled": lambda probs, truth: np.full(probs.shape[1], _best(probs.ravel(), truth.ravel())),
    "shrinkage to pooled alone": lambda probs, truth: topic_thresholds(probs, truth, pooled_prior=0),
    OURS: topic_thresholds,
}


def folds(groups: npt.NDArray[np.intp], repeats: int, *, few: bool) -> Iterator[tuple[int, Truth, Truth]]:
    """Yield the repeat, which paragraphs to fit on (N,), and which to measure on (N,)."""
    n_groups = int(groups.max()) + 1
    for repeat in range(repeats):
        fold_of = np.random.default_rng(repeat).permutation(n_groups) % N_FOLDS
        for fold in range(N_FOLDS):
            one = fold_of[groups] == fold
            yield (repeat, one, ~one) if few else (repeat, ~one, one)


def cross_validate(
    logits: Floats, truth: Truth, groups: npt.NDArray[np.intp], repeats: int, *, few: bool
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return by way the counts per paragraph (N, repeats, K, [tp, fp, fn]), and the thresholds (fits, K)."""
    counts = {way: np.zeros((len(truth), repeats, truth.shape[1], 3)) for way in WAYS}
    thresholds: dict[str, list[npt.ArrayLike]] = {way: [] for way in WAYS}
    for repeat, fit, measure in folds(groups, repeats, few=few):
        temperatures = [binary_temperature(logits[fit, k], truth[fit, k]) for k in range(truth.shape[1])]
        probs = 1 / (1 + np.exp(-logits / np.array(temperatures)))
        gold = truth[measure]
        for way, choose in WAYS.items():
            chosen = choose(probs[fit], truth[fit])
            on = probs[measure] >= np.asarray(chosen)
            counts[way][measure, repeat] += np.stack([on & gold, on & ~gold, ~on & gold], axis=-1)
            thresholds[way].append(chosen)
    return counts, {way: np.array(own) for way, own in thresholds.items()}


def table(counts: dict[str, Floats], thresholds: dict[str, Floats], bootstrap: Bootstrap) -> list[str]:
    """Return the Markdown rows: macro-F1, the shrinkage's gain over it, thresholds and how much they vary."""

    def macro(summed: Floats) -> Floats:
        return f1(summed).mean(axis=(-2, -1))  # type: ignore[no-any-return]

    rows = []
    for way in WAYS:
        leaves = bootstrap.leaves(
            {"own": counts[way], "ours": counts[OURS]},
            lambda summed: {("f1",): macro(summed["own"]), ("gain",): macro(summed["ours"]) - macro(summed["own"])},
        )
        own, gain = leaves["f1",], leaves["gain",]
        shown = "" if way == OURS else f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        chosen = ", ".join(
            f"{mean:.2f} ± {sd:.2f}"
            for mean, sd in zip(thresholds[way].mean(axis=0), thresholds[way].std(axis=0), strict=True)
        )
        rows.append(f"| {way} | {own['value']:.4f} | {shown} | {chosen} |")
    return rows


def topic_logits(tagger: Tagger, gold: Sequence[LabelledParagraph], saved: Path | None) -> Floats:
    """Return topic logits (N, K), from `saved` where it is there and of the same paragraphs."""
    ids = np.array([record.id for record in gold])
    if saved and saved.exists():
        kept = np.load(saved, allow_pickle=False)
        if kept["tagger"] != tagger.id or not np.array_equal(kept["ids"], ids):
            raise SystemExit(f"{saved}: holds the logits of another tagger or other paragraphs; remove it")
        return np.asarray(kept["logits"], dtype=float)
    encoded = encode([record.text for record in gold], tagger.tokenizer, tagger.settings.normalisation)
    logits = np.stack([own.topic for own in tagger.run(encoded)]).astype(float)
    if saved:
        np.savez(saved, logits=logits, ids=ids, tagger=np.array(tagger.id))
    return logits


def main() -> None:
    """Measure and print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tagger", help="a released tagger's name, or a tagger folder")
    parser.add_argument("files", nargs="+", type=Path, help="labelled JSONL that the tagger was not trained on")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--logits", type=Path, help="keep the logits here (.npz), and take them from here next time")
    arguments = parser.parse_args()
    try:
        tagger = Tagger.from_pretrained(arguments.tagger)
        gold = read_gold(arguments.files, tagger.labels, tagger.id)
    except FiqraError as error:
        raise SystemExit(f"error: {error}") from None
    logits = topic_logits(tagger, gold, arguments.logits)
    truth = np.array([[topic in record.topics for topic in tagger.labels.topic_ids] for record in gold])
    bootstrap = Bootstrap(gold)
    if bootstrap.n_groups < N_FOLDS:
        raise SystemExit(f"error: {bootstrap.n_groups} documents are too few for {N_FOLDS} folds")
    print(f"{tagger.id}: {len(gold)} paragraphs, {bootstrap.n_groups} documents, {arguments.repeats} repeats")  # noqa: T201
    for few in (False, True):
        counts, thresholds = cross_validate(logits, truth, bootstrap.groups, arguments.repeats, few=few)
        print(f"\nfitted on {1 if few else N_FOLDS - 1} of {N_FOLDS} folds\n")  # noqa: T201
        print(f"| thresholds | macro-F1 | gain of {OURS} | {', '.join(tagger.labels.topic_ids)} |")  # noqa: T201
        print("| --- | --- | --- | --- |")  # noqa: T201
        print("\n".join(table(counts, thresholds, bootstrap)))  # noqa: T201


if __name__ == "__main__":
    main()
