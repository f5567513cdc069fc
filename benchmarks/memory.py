"""Resident memory while many paragraphs stream through `fiqra predict … -o folder/`.

    python benchmarks/memory.py [--paragraphs 100000] [--tagger fiqra-mini]

Without --tagger an untrained one over a two-layer encoder, which is fast: what is kept of a paragraph does not hang on
how wide the encoder is. The paragraphs are made of the corpus's sentences, each one different.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from fiqra import Tagger
from fiqra.model.device import choose_compute
from fiqra.model.encoder import build_encoder
from fiqra.model.network import TaggerNetwork

CORPUS = Path(__file__).parents[1] / "data/corpus"
A_ARTICLE = 8  # paragraphs
LIMIT = 2 << 30  # bytes


def main() -> None:
    """Make the articles, tag them in another process, and print the curve in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=100_000)
    parser.add_argument("--tagger")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_articles(folder / "news.jsonl", arguments.paragraphs // A_ARTICLE)
        tagger = arguments.tagger or str(tiny_tagger(folder / "tiny"))
        command = ["predict", str(folder / "news.jsonl"), "-o", f"{folder}/out/", "--tagger", tagger, "--quiet"]
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "fiqra", *command])
        curve = watch(process, folder / "out/done")
        took = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"fiqra predict ended with exit code {process.returncode}")
    print(f"{arguments.paragraphs} paragraphs in {took:.0f} s\n\n| paragraphs | resident, MB |\n| --- | --- |")  # noqa: T201
    for n_parts, resident in curve:
        print(f"| {n_parts * 256 * A_ARTICLE} | {resident / 1e6:.0f} |")  # noqa: T201
    peak = max(resident for _, resident in curve)
    print(f"\npeak {peak / 1e6:.0f} MB: {'within' if peak <= LIMIT else 'above'} 2 GiB")  # noqa: T201
    raise SystemExit(peak > LIMIT)


def write_articles(path: Path, n: int) -> None:
    """Write `n` articles as JSON lines, never holding more than one."""
    lines = [line for file in sorted(CORPUS.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            body = "\n".join(f"{chance.choice(texts)} {chance.choice(texts)[:40]} {i}" for _ in range(A_ARTICLE))
            file.write(json.dumps({"id": str(i), "text": body}, ensure_ascii=False) + "\n")


def tiny_tagger(folder: Path) -> Path:
    """Write an untrained tagger over a two-layer encoder with the shipped tagger's tokenizer and labels."""
    shipped = Tagger.from_pretrained("fiqra-mini", backend="torch", device="cpu")
    form = {
        "model_type": "bert",
        "vocab_size": shipped.tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "pad_token_id": 1,
    }
    torch.manual_seed(0)
    labels = shipped.labels
    network = TaggerNetwork(
        build_encoder(form), n_topics=len(labels.topics), n_stances=len(labels.stances), head_width=16, n_sets=1
    )
    settings = replace(shipped.settings, name="tiny", encoder_config=form, head_width=16, head_sets=1)
    tensors = {key: value.clone() for key, value in network.state_dict().items()}
    if shipped.bag:
        tensors |= {key: torch.from_numpy(value) for key, value in shipped.bag.to_tensors().items()}
    Tagger(settings, tensors, shipped.tokenizer, choose_compute("cpu", "fp32")).save_pretrained(folder)
    return folder


def watch(process: "subprocess.Popen[bytes]", done: Path) -> list[tuple[int, int]]:
    """Return, twenty times or so in all, how many parts were done and how many bytes were resident."""
    seen: list[tuple[int, int]] = []
    own = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            resident = own.memory_info().rss
        except psutil.NoSuchProcess:
            break
        n = len(list(done.glob("*.json"))) if done.exists() else 0
        if not seen or n > seen[-1][0]:
            seen.append((n, resident))
        else:
            seen[-1] = (n, max(resident, seen[-1][1]))
        time.sleep(0.2)
    process.wait()
    step = max(1, len(seen) // 20)
    return [max(seen[i : i + step], key=lambda point: point[1]) for i in range(0, len(seen), step)]


if __name__ == "__main__":
    main()
