"""What other backends and precisions change of a tagger's answers, beside torch in float32 on the CPU.

    python benchmarks/portability.py [TAGGER] FILE… [--paragraphs 2000]

The files are labelled JSONL, so that the change of F1 is told too.
"""

import argparse
import random
from pathlib import Path

from fiqra import Tagger
from fiqra.model.errors import FiqraError
from fiqra.portability import HEADINGS, change_row, compare
from fiqra.training.dataset import read_labelled
from fiqra.training.evaluate import evaluate_tagger

WAYS = (
    ("openvino", "cpu", "fp32"),
    ("openvino", "cpu", "bf16"),
    ("torch", "cpu", "bf16"),  # many times slower where the processor has no bf16 units
    ("torch", "cuda", "fp32"),
    ("torch", "cuda", "bf16"),
)


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tagger", nargs="?", default="fiqra-mini")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--paragraphs", type=int, default=2000)
    arguments = parser.parse_args()
    reference = Tagger.from_pretrained(arguments.tagger, backend="torch", device="cpu", precision="fp32")
    records = [record for file in arguments.files for record in read_labelled(file, reference.labels)]
    records = random.Random(0).sample(records, min(arguments.paragraphs, len(records)))
    before = evaluate_tagger(reference, records, n_resamples=0)
    print(_line([*HEADINGS, "topic macro-F1", "position F1"]))  # noqa: T201
    print(_line(["---"] * (len(HEADINGS) + 2)))  # noqa: T201
    for backend, device, precision in WAYS:
        try:
            tagger = Tagger.from_pretrained(arguments.tagger, backend=backend, device=device, precision=precision)
        except FiqraError as error:
            print(f"<!-- {backend}, {device}, {precision}: {error} -->", flush=True)  # noqa: T201
            continue
        after = evaluate_tagger(tagger, records, n_resamples=0)
        row = change_row(f"{backend}, {device}, {precision}", compare(before.tagged, after.tagged))
        scores = [
            f"{now:.4f} ({now - was:+.4f})"
            for was, now in (
                (before.metrics["topics"]["macro_f1"]["value"], after.metrics["topics"]["macro_f1"]["value"]),
                (before.metrics["positions"]["f1"]["value"], after.metrics["positions"]["f1"]["value"]),
            )
        ]
        print(_line([*row, *scores]), flush=True)  # noqa: T201


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
