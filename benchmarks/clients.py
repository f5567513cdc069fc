"""Many clients at once on `fiqra serve`: figures, and whether every answer came, whole, to the one who asked.

Each client sends articles of the corpus one after the other over a connection of its own. When the time is over the
server gets SIGTERM while their last requests are under way: those must be answered too, and the exit code be 0.

    python benchmarks/clients.py [--clients 50] [--seconds 60] [--tagger fiqra-mini]
"""

import argparse
import http.client
import itertools
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "data/corpus"
HEADERS = {"Content-Type": "application/json"}


@dataclass
class Tally:
    """What all clients saw; guarded by `lock`, under which a request is sent and the end is declared."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False
    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    n_sent: int = 0
    n_paragraphs: int = 0


def main() -> None:
    """Measure, and end with 1 where an answer was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tagger", default="fiqra-mini")
    arguments = parser.parse_args()
    articles = read_articles()
    server, port = start(arguments.tagger)
    tally = Tally()
    clients = [
        threading.Thread(target=ask_on_and_on, args=(port, articles, tally, seed)) for seed in range(arguments.clients)
    ]
    for client in clients:
        client.start()
    time.sleep(arguments.seconds)
    with tally.lock:
        tally.ended = True
        n_open = tally.n_sent - len(tally.seconds)
    time.sleep(0.5)  # what has been sent has now reached the server
    server.send_signal(signal.SIGTERM)
    for client in clients:
        client.join()
    try:
        code = server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
        code = server.wait()
    report(tally, arguments, n_open, code)
    raise SystemExit(0 if code == 0 and set(tally.outcomes) == {"right"} and tally.n_sent == len(tally.seconds) else 1)


def read_articles() -> list[list[str]]:
    """Return the corpus's test articles, each as its paragraphs."""
    lines = (CORPUS / "test.jsonl").read_text(encoding="utf-8").splitlines()
    records = sorted(map(json.loads, lines), key=lambda record: (record["doc"], record["para"]))
    by_doc = itertools.groupby(records, key=lambda record: record["doc"])
    return [[record["text"] for record in group] for _, group in by_doc]


def start(tagger: str) -> tuple[subprocess.Popen[str], int]:
    """Start a server on a free port; return it once it listens."""
    command = [sys.executable, "-m", "fiqra", "serve", "--port", "0", "--tagger", tagger]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr
    for line in server.stderr:
        if found := re.search(r"listening on http://[^ ]+:(\d+) ", line):
            threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop the server
            return server, int(found[1])
    raise SystemExit("the server did not start")


def ask_on_and_on(port: int, articles: list[list[str]], tally: Tally, seed: int) -> None:
    """Send articles until the end is declared, and check each answer against its question."""
    draw = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    while True:
        paragraphs = draw.choice(articles)
        body = json.dumps({"text": "\n".join(paragraphs), "id": str(seed), "keep_all": True}).encode()
        with tally.lock:
            if tally.ended:
                return
            begun = time.perf_counter()
            connection.request("POST", "/v1/tag", body, HEADERS)
            tally.n_sent += 1
        outcome = outcome_of(connection, paragraphs, str(seed))
        with tally.lock:
            tally.outcomes[outcome] += 1
            tally.seconds.append(time.perf_counter() - begun)
            tally.n_paragraphs += len(paragraphs)


def outcome_of(connection: http.client.HTTPConnection, paragraphs: list[str], own_id: str) -> str:
    """Return "right", or what is wrong with the answer."""
    try:
        answer = connection.getresponse()
        content = json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}"
    if answer.status != 200:
        return f"status {answer.status}"
    (article,) = content["articles"]
    texts = [record["text"] for record in article["paragraphs"]]
    return "right" if article["id"] == own_id and texts == paragraphs else "another's answer"


def report(tally: Tally, arguments: argparse.Namespace, n_open: int, code: int) -> None:
    """Print what happened."""
    seconds = sorted(tally.seconds)
    ninety_five = statistics.quantiles(seconds, n=20)[-1]
    print(f"{arguments.clients} clients, {arguments.seconds:g} seconds, {arguments.tagger}")  # noqa: T201
    print(f"sent {tally.n_sent}, answered {len(seconds)}: {dict(tally.outcomes)}")  # noqa: T201
    print(  # noqa: T201
        f"{tally.n_paragraphs / arguments.seconds:.1f} paragraphs a second; latency median "
        f"{statistics.median(seconds):.2f} s, 95 % {ninety_five:.2f} s, most {seconds[-1]:.2f} s"
    )
    print(f"SIGTERM with {n_open} requests under way; exit code {code}")  # noqa: T201


if __name__ == "__main__":
    main()
