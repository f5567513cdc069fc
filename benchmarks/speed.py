"""Paragraphs and tokens a second beside peers, on the same encoder and paragraphs, in rounds that alternate.

    python benchmarks/speed.py [--paragraphs 400] [--rounds 5] [--device cpu|cuda] [--only NAME …]

The peers only extract features or embed sentences; the tagger also normalises, runs three heads and decodes. "model"
runs on paragraphs that are tokenized already. Rounds alternate, so that a noisy machine is noisy for all. The share of
the machine is that of the rate of a large bf16 matrix product, measured in the same rounds; where the processor has no
bf16 units, the float32 product is the faster of the two, and stands beside it. Peers that are not installed
(pip install 'fiqra[bench]') are named and left out.
"""

import argparse
import importlib.metadata
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peers import onnx_backend, pipeline_at_best, pipeline_at_defaults, sentence_transformer

from fiqra import Article, Paragraph, Tagger
from fiqra.model.backend import Backend
from fiqra.model.errors import FiqraError
from fiqra.model.inference import EncodedParagraph
from fiqra.model.inference import run as run_network

CORPUS = Path(__file__).parents[1] / "data/corpus"
BASE = "transformers.pipeline, defaults (32)"
Contestant = tuple[Callable[[], object], bool]  # what to run, and whether it starts from tokens


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", nargs="+", help="contestants whose names begin so")
    parser.add_argument("--no-start", action="store_true", help="leave start-up and memory out")
    arguments = parser.parse_args()
    texts = paragraphs(arguments.paragraphs)
    device = torch.device(arguments.device)
    print(f"{len(texts)} paragraphs, {arguments.rounds} rounds, {describe(device)}\n")  # noqa: T201
    contestants, n_tokens, flops = build(texts, device)
    chosen = {
        name: own for name, own in contestants.items() if not arguments.only or name.startswith(tuple(arguments.only))
    }
    seconds = measure({name: run for name, (run, _) in chosen.items()}, arguments.rounds, device)
    print_rates(chosen, seconds, len(texts), n_tokens, flops)
    if not arguments.no_start:
        print_starts(arguments.device, texts)


def paragraphs(n: int) -> list[str]:
    """Return `n` paragraphs of the corpus, in an order of chance."""
    lines = [line for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line)["text"] for line in random.Random(0).sample(lines, min(n, len(lines)))]


def describe(device: torch.device) -> str:
    what = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"{processor()}, {torch.get_num_threads()} threads"
    )
    packages = ("torch", "transformers", "openvino", "onnxruntime", "sentence-transformers")
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{what} ({torch.backends.cpu.get_cpu_capability()}); {', '.join(versions)}"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def build(texts: list[str], device: torch.device) -> tuple[dict[str, Contestant], int, float]:
    """Return the contestants by name, the number of tokens, and the floating-point operations of one run."""
    article = Article("bench", tuple(Paragraph(i, text) for i, text in enumerate(texts)))
    reference = Tagger.from_pretrained("fiqra-mini", backend="torch", device=device.type)
    encoded = reference.encode([article])
    n_tokens = sum(len(own.ids) for own in encoded)
    contestants: dict[str, Contestant] = {BASE: (pipeline_at_defaults(texts, device), False)}
    contestants["transformers.pipeline, at its best"] = (pipeline_at_best(texts, device), False)
    try:
        contestants["sentence-transformers"] = (sentence_transformer(texts, device), False)
    except ImportError as error:
        print(f"<!-- left out: sentence-transformers: {error} -->")  # noqa: T201
    try:
        onnx = onnx_backend(reference, device)
        contestants["ONNX Runtime, the tagger's network, model"] = (on_tokens(onnx, reference, encoded), True)
    except ImportError as error:
        print(f"<!-- left out: ONNX Runtime: {error} -->")  # noqa: T201
    for backend in ("torch", "openvino"):
        try:
            tagger = Tagger.from_pretrained("fiqra-mini", backend=backend, device=device.type)
        except FiqraError as error:
            print(f"<!-- left out: {backend}: {error} -->")  # noqa: T201
            continue
        contestants[f"fiqra on {tagger.backend.name}"] = (partial(tagger.tag, article), False)
        contestants[f"fiqra on {tagger.backend.name}, model"] = (on_tokens(tagger.backend, tagger, encoded), True)
    return contestants, n_tokens, n_tokens * flops_a_token(reference, encoded)


def on_tokens(backend: Backend, tagger: Tagger, encoded: list[EncodedParagraph]) -> Callable[[], object]:
    return lambda: run_network(backend, encoded, window=tagger._window, pad_id=tagger._pad_id)


def flops_a_token(tagger: Tagger, encoded: list[EncodedParagraph]) -> float:
    """Count the network's operations on paragraphs without padding."""
    from torch.utils.flop_counter import FlopCounterMode

    some = encoded[:16]
    counter: Any = FlopCounterMode(display=False)
    with counter:
        run_network(tagger.backend, some, window=tagger._window, pad_id=tagger._pad_id, batch_tokens=1)
    return float(counter.get_total_flops()) / sum(len(own.ids) for own in some)


def matmul(device: torch.device, dtype: torch.dtype) -> Callable[[], float]:
    """Return what multiplies two large matrices and gives the operations a second."""
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

    def run() -> float:
        start = time.perf_counter()
        (a @ b).sum().item()
        return float(2 * size**3 / (time.perf_counter() - start))

    return run


def measure(runs: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Return the seconds of each round; under the dtype's name, the operations a second of a matrix product."""
    products = {str(dtype): matmul(device, dtype) for dtype in (torch.bfloat16, torch.float32)}
    seconds: dict[str, list[float]] = {name: [] for name in (*runs, *products)}
    for run in (*runs.values(), *products.values()):
        run()  # warm up
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
        for name, product in products.items():
            seconds[name].append(max(product() for _ in range(3)))
    return seconds


def print_rates(
    contestants: dict[str, Contestant], seconds: dict[str, list[float]], n: int, n_tokens: int, flops: float
) -> None:
    rates = {name: statistics.median(seconds[name]) for name in ("torch.bfloat16", "torch.float32")}
    print("| | paragraphs/s, median (least, most) | tokens/s | ratio | share of bf16 product | of fp32 product |")  # noqa: T201
    print("| --- | --- | --- | --- | --- | --- |")  # noqa: T201
    for name, (_, from_tokens) in contestants.items():
        taken = seconds[name]
        middle = statistics.median(taken)
        rate, least, most = (n / t for t in (middle, max(taken), min(taken)))
        ratio = f"{statistics.median(seconds[BASE]) / middle:.2f}" if BASE in seconds else ""
        shares = [f"{100 * flops / middle / rate_:.0f} %" if from_tokens else "" for rate_ in rates.values()]
        cells = [name, f"{rate:.1f} ({least:.1f}, {most:.1f})", f"{n_tokens / middle:.0f}", ratio, *shares]
        print(f"| {' | '.join(cells)} |")  # noqa: T201
    print(f"\nmatrix product: {', '.join(f'{name} {rate / 1e9:.0f} Gflop/s' for name, rate in rates.items())}")  # noqa: T201


START = """
import json, pathlib, re, resource, sys, time
from fiqra import Tagger
tagger = Tagger.from_pretrained("fiqra-mini", backend=sys.argv[1], device=sys.argv[2])
tagger.tag("دعا وزير الخارجية العراقي إلى وقف إطلاق النار.")
print(flush=True)
article = "\\n".join(["دعا وزير الخارجية العراقي إلى وقف إطلاق النار في شمال سوريا."] * 3)
times = []
for _ in range(20):
    start = time.perf_counter()
    tagger.tag(article)
    times.append(time.perf_counter() - start)
texts = json.load(sys.stdin)
tagger.tag(texts)
status = pathlib.Path("/proc/self/status")  # elsewhere what the parent had counts too, where it had more
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else (
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
)
print(json.dumps({"article": sorted(times)[10], "peak": peak * 1024}))
"""


def print_starts(device: str, texts: list[str]) -> None:
    """Print, for each backend, the time from the start of a process to its first tag, and what it takes then."""
    print("\n| | start to first tag, s | a short article, warm, ms | peak memory, MB |\n| --- | --- | --- | --- |")  # noqa: T201
    for backend in ("torch", "openvino"):
        if backend == "openvino" and device != "cpu":
            continue
        found: list[tuple[float, dict[str, float]]] = []
        for _ in range(3):
            start = time.perf_counter()
            command = [sys.executable, "-c", START, backend, device]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert process.stdout and process.stdin
            process.stdout.readline()
            first = time.perf_counter() - start
            rest, _ = process.communicate(json.dumps(texts))
            if process.returncode:
                break
            found.append((first, json.loads(rest)))
        if found:
            first, warm, peak = (
                statistics.median(values)
                for values in zip(*((f, said["article"], said["peak"]) for f, said in found), strict=True)
            )
            print(f"| fiqra on {backend} | {first:.1f} | {1000 * warm:.0f} | {peak / 1e6:.0f} |")  # noqa: T201


if __name__ == "__main__":
    main()
