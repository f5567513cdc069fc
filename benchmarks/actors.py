"""How often a ledger's actors are resolved rightly, on mentions that were read and judged one by one.

`actors_checked.jsonl` holds the judgements without the texts: record id, the mention's characters, and the actors that
a reader who knows the article's other paragraphs would say they are (ids of configs/actors.yaml; empty where the list
has no such actor, or the text doesn't say). They are one reader's, who saw the resolver's answer beside each mention.
Draw 1 is 200 mentions of the press's development paragraphs, judged before any of them had been read; the list and
rules were then mended, and draw 2, the other 185, judged. Whoever has the texts can make the figures again:

    python benchmarks/actors.py dev.jsonl                      # the figures, as the list and rules are now
    python benchmarks/actors.py dev.jsonl --draw 200 --seed 3  # a new sheet of mentions to judge, on standard output

right: exactly the expected actors. wrong: others. missed: expected some, resolved none. rightly left: neither.
precision = right / (right + wrong); recall = right / (right + wrong where some were expected + missed).
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fiqra.actor_resolution import ArticleResolver
from fiqra.actors import ActorList
from fiqra.ledger import day_of
from fiqra.model.labels import LabelSet
from fiqra.model.records import Actor, LabelledParagraph
from fiqra.training.dataset import read_labelled

CHECKED = Path(__file__).parent / "actors_checked.jsonl"
Key = tuple[str, int, int]


def resolve_all(records: list[LabelledParagraph], actors: ActorList) -> Iterator[tuple[Key, Actor, list[str], str]]:
    """Yield each gold mention with the actors it is resolved to and the rule, each article read in its order."""
    articles: dict[str, list[LabelledParagraph]] = {}
    for record in records:
        articles.setdefault(record.doc, []).append(record)
    for paragraphs in articles.values():
        resolver = ArticleResolver(actors, day_of(paragraphs[0].extra.get("date")))
        for record in sorted(paragraphs, key=lambda record: record.para):
            spans = [position.actor for position in record.positions if position.actor]
            for span, mentions in resolver.resolve(record.text, spans).items():
                found = [mention.actor for mention in mentions if mention.actor]
                yield (record.id, span.start, span.end), span, found, mentions[0].rule


def measure(answers: dict[Key, list[str]], checked: list[dict[str, Any]]) -> Counter[str]:
    """Count right, wrong, missed and rightly left; wrong splits by whether an actor was expected."""
    counts: Counter[str] = Counter()
    for line in checked:
        key = (line["id"], line["start"], line["end"])
        found, expected = set(answers.get(key, [])), set(line["actors"])
        if key not in answers:
            counts["not in these records"] += 1
        elif found == expected:
            counts["right" if found else "rightly left"] += 1
        elif found:
            counts["wrong" if expected else "wrong, none expected"] += 1
        else:
            counts["missed"] += 1
    return counts


def main() -> None:
    """Print the figures, or a sheet to judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path)
    parser.add_argument("--checked", type=Path, default=CHECKED)
    parser.add_argument("--draw", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    records = read_labelled(arguments.records, LabelSet.shipped())
    mentions = list(resolve_all(records, ActorList.from_yaml()))
    if arguments.draw:
        texts = {record.id: record.text for record in records}
        for (record, start, end), span, found, rule in random.Random(arguments.seed).sample(mentions, arguments.draw):
            line = {"id": record, "start": start, "end": end, "actors": found, "rule": rule}
            sys.stdout.write(
                json.dumps(line | {"mention": span.text, "text": texts[record]}, ensure_ascii=False) + "\n"
            )
        return
    answers = {key: found for key, _, found, _ in mentions}
    checked = [json.loads(line) for line in arguments.checked.read_text(encoding="utf-8").splitlines()]
    for draw in sorted({line["draw"] for line in checked}):
        print(f"\ndraw {draw}")  # noqa: T201
        _print(measure(answers, [line for line in checked if line["draw"] == draw]))
    print("\nall")  # noqa: T201
    _print(measure(answers, checked))


def _print(counts: Counter[str]) -> None:
    right, wrong = counts["right"], counts["wrong"] + counts["wrong, none expected"]
    to_find = right + counts["wrong"] + counts["missed"]
    for name, n in counts.most_common():
        print(f"{name:24}{n:5}")  # noqa: T201
    for name, part, whole in (("precision", right, right + wrong), ("recall", right, to_find)):
        print(f"{name:24}{part:5}/{whole}" + (f" = {part / whole:.3f}" if whole else ""))  # noqa: T201


if __name__ == "__main__":
    main()
