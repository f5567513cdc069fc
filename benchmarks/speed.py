"""Paragraphs a second, end to end, beside `transformers.pipeline` on the same encoder and paragraphs.

The pipeline only extracts features, in batches of 32 in the order given, at its defaults; the tagger also normalises,
runs three heads and decodes. Rounds alternate, so that a noisy machine is noisy for both.

    python benchmarks/speed.py [--paragraphs 400] [--rounds 5]
"""

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers

from fiqra import Article, Paragraph, Tagger
from fiqra.model import bundled

CORPUS = Path(__file__).parents[1] / "data/corpus"


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    weights = bundled.weights_path()
    if weights is None:
        raise SystemExit("the bundled encoder is not installed here")
    lines = [line for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in random.Random(0).sample(lines, arguments.paragraphs)]
    tagger = Tagger.from_pretrained("fiqra-mini")
    article = Article("bench", tuple(Paragraph(i, text) for i, text in enumerate(texts)))
    peer = transformers.pipeline(
        "feature-extraction", model=str(bundled.bundled_folder(weights)), device=tagger.compute.device, batch_size=32
    )
    contestants: dict[str, Callable[[], object]] = {
        "transformers.pipeline(batch_size=32)": lambda: peer(texts),
        "fiqra": lambda: tagger.tag(article),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()  # warm up
    for _ in range(arguments.rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["transformers.pipeline(batch_size=32)"])
    print(f"{len(texts)} paragraphs, {arguments.rounds} rounds, {torch.get_num_threads()} threads,")  # noqa: T201
    print(f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {tagger.compute}\n")  # noqa: T201
    print("| | paragraphs a second, median (least, most) | ratio |\n| --- | --- | --- |")  # noqa: T201
    for name, taken in seconds.items():
        rate, least, most = (len(texts) / t for t in (statistics.median(taken), max(taken), min(taken)))
        print(f"| {name} | {rate:.1f} ({least:.1f}, {most:.1f}) | {base / statistics.median(taken):.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
