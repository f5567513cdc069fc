"""Measures as people read them: a table for the terminal, a model card for the tagger folder."""

from typing import Any

from ..model.tagger import TaggerSettings
from .config import RunConfig


def _show(leaf: dict[str, float | None]) -> str:
    if leaf.get("value") is None:
        return "–"
    shown = f"{leaf['value']:.3f}"
    return f"{shown} [{leaf['low']:.3f}, {leaf['high']:.3f}]" if "low" in leaf else shown


def measure_rows(metrics: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the table of measures: name, precision, recall, F1, average precision, support."""
    rows: list[tuple[str, ...]] = [_topic_row(topic, own) for topic, own in metrics["topics"]["per_topic"].items()]
    topics = metrics["topics"]
    rows.append(("topics, macro", "", "", _show(topics["macro_f1"]), "", ""))
    rows.append(("topics, micro", "", "", _show(topics["micro_f1"]), "", ""))
    rows.append(("topics, exact sets", "", "", _show(topics["exact"]), "", ""))
    support = str(metrics["positions"]["support"])
    for title, key in (("positions", "positions"), ("topic + stance", "topic_stance")):
        own = metrics[key]
        found = [_show(own[key]) if metrics["positions"]["support"] else "–" for key in ("recall", "f1")]
        rows.append((title, _show(own["precision"]), *found, "", support))
    if "stance" in metrics:
        stance = metrics["stance"]
        rows.append(("stance given actor, macro", "", "", _show(stance["macro_f1"]), "", support))
        rows.append(("stance given actor, favor and against", "", "", _show(stance["favor_against_f1"]), "", ""))
        for part, title, key in (("per_stance", "stance: {}", "f1"), ("per_topic", "stance on {}, macro", "macro_f1")):
            for name, own in stance[part].items():
                n = own["support"]
                rows.append((title.format(name), "", "", _show(own[key]) if n else NO_EXAMPLE, "", str(n)))
    else:
        rows.append(("stance given actor", "", "", NO_EXAMPLE, "", "0"))
    return rows


def _topic_row(topic: str, own: dict[str, Any]) -> tuple[str, ...]:
    if not own["support"]:
        return (topic, _show(own["precision"]), "–", NO_EXAMPLE, "–", "0")
    precision, recall, f1, average = (_show(own[key]) for key in ("precision", "recall", "f1", "average_precision"))
    return (topic, precision, recall, f1, average, str(own["support"]))


NO_EXAMPLE = "no example"
HEADINGS = ("measure", "precision", "recall", "F1", "average precision", "support")


_SECTIONS = {
    "topics": "topics",
    "positions": "positions",
    "topic_stance": "topic + stance",
    "stance": "stance given actor",
}
_MEASURES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact": "exact sets",
    "favor_against_f1": "F1 of favor and against",
}


def measure_name(key: str) -> str:
    """Return a measure's dotted key in words, as "stance on ceasefire, macro-F1"."""
    section, *rest, measure = key.split(".")
    what = _SECTIONS[section]
    if rest:
        per, label = rest
        what = label if section == "topics" else f"stance on {label}" if per == "per_topic" else f"stance: {label}"
    return f"{what}, {_MEASURES[measure]}"


def markdown_table(metrics: dict[str, Any]) -> str:
    """Return the table of measures in Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| --- " * len(HEADINGS) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in measure_rows(metrics)])


def model_card(settings: TaggerSettings, config: RunConfig, metrics: dict[str, Any]) -> str:
    """Return the tagger folder's README."""
    sources = "\n".join(f"- `{file.path.name}` (weight {file.weight:g})" for file in config.data.train)
    if not config.training.epochs:
        how = ", as it is; only the heads are trained, and kept here"
    else:
        how = "" if settings.encoder_config else ", with a low-rank adapter kept here"
    share = settings.bag_share
    bag = f"Topics are weighed by the network ({1 - share:.0%}) and by a bag of words ({share:.0%}).\n" if share else ""
    return f"""# {settings.name} {settings.version}

A fiqra tagger: for each paragraph of an Arabic news article, its topics
({", ".join(settings.labels.topic_ids)}) and the positions that actors take on them
({", ".join(settings.labels.stance_ids)}).

```python
from fiqra import Tagger

tagger = Tagger.from_pretrained("path/to/this/folder")
```

Encoder: `{settings.encoder}`{how}.
{bag}Trained from `run.yaml` on:

{sources}

## Measures on the development set

{metrics["n_paragraphs"]} paragraphs of {metrics["n_documents"]} documents. The epoch, thresholds and
temperatures were chosen on the same paragraphs, so expect less elsewhere. Brackets are 95 % bootstrap
intervals over documents.

{markdown_table(metrics)}

## Limits

It reads each paragraph alone. It was trained on Modern Standard Arabic news about regional security; on other subjects,
dialects or registers it has not been measured. Its labels are a help to reading, not a substitute for it: check the
sentence before quoting a position.
"""
