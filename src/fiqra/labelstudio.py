"""Labelled or tagged paragraphs <-> Label Studio tasks, and the labelling config that goes with them.

A task's `data` is the record without its labels: `id`, `doc`, `para`, `text` and whatever else it carries. Its labels
are results of three controls over the object `text`:

    topics    choices  the topics
    position  labels   a region for each actor, with a label "topic:stance" for each of its positions
    implied   choices  "topic:stance" for each position whose holder is implied

`meta.order` of the task keeps the order of the positions, which results of three controls can't show.

Offsets are the same on both sides. Label Studio's editor works in JavaScript, whose strings count UTF-16 code units,
but it stores code points, as Python counts them: `fixCodePointsInRange` and `findGlobalOffset` in
`web/libs/editor/src/utils/selection-tools.js` of HumanSignal/label-studio turn the one into the other ("for external
usage js length should be converted to code points count"); regions drawn after emoji in version 1.23 bear it out.
Versions of 2021 and before stored code units: where a region's words are not those at its offsets, that is an error.

The format of tasks, annotations and predictions: https://labelstud.io/guide/tasks and .../guide/predictions.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

from .model.errors import DataError, did_you_mean
from .model.labels import Label, LabelSet
from .model.records import Actor, LabelledParagraph, Position, TaggedParagraph
from .training.labelled import parse_json, read_all

TOPICS, POSITION, IMPLIED = "topics", "position", "implied"
_TYPES = {TOPICS: "choices", POSITION: "labels", IMPLIED: "choices"}
_COLOURS = ("#2e7d32", "#c62828", "#9a6700", "#1565c0", "#6a1b9a", "#00695c")  # by stance, in the label set's order

Json = dict[str, Any]


def read_tasks(path: Path, labels: LabelSet) -> list[Json]:
    """Read labelled records or a tagger's predictions (JSON Lines) as tasks.

    Labels become an annotation, a tagger's answer a prediction, which Label Studio shows as a pre-annotation.

    Raises:
        DataError: every mistake with its line.
    """

    def build(content: object) -> Json:
        if isinstance(content, dict) and "topic_probs" in content:
            return _prediction_task(TaggedParagraph.from_json(content, labels), content.get("id"))
        return _annotation_task(LabelledParagraph.from_json(content, labels))

    return [task for _, task in read_all(path, build)]


def _annotation_task(paragraph: LabelledParagraph) -> Json:
    record = paragraph.to_json()
    data = {key: value for key, value in record.items() if key not in ("topics", "positions")}
    annotation = {"result": _results(paragraph), "ground_truth": False}  # Label Studio's own default here is True
    return {"data": data, "meta": _order(paragraph), "annotations": [annotation]}


def _prediction_task(paragraph: TaggedParagraph, record_id: Any) -> Json:
    data = {
        "id": str(record_id) if record_id else f"{paragraph.article}-{paragraph.para}",
        "doc": paragraph.article,
        "para": paragraph.para,
        "text": paragraph.text,
        "date": paragraph.date,
        "outlet": paragraph.outlet,
    }
    prediction = {"model_version": paragraph.tagger, "score": _least_sure(paragraph), "result": _results(paragraph)}
    data = {key: value for key, value in data.items() if value is not None}
    return {"data": data, "meta": _order(paragraph), "predictions": [prediction]}


def _order(paragraph: LabelledParagraph | TaggedParagraph) -> Json:
    return {"order": [_mark(position) for position in paragraph.positions]}


def _mark(position: Position) -> str:
    where = f"{position.actor.start}-{position.actor.end}" if position.actor else IMPLIED
    return f"{where} {_name(position)}"


def _name(position: Position) -> str:
    return f"{position.topic}:{position.stance}"


def _results(paragraph: LabelledParagraph | TaggedParagraph) -> list[Json]:
    probs = paragraph.topic_probs if isinstance(paragraph, TaggedParagraph) else {}
    results = [_result(TOPICS, {"choices": list(paragraph.topics)}, [probs.get(topic) for topic in paragraph.topics])]
    held: dict[Actor | None, list[Position]] = {}
    for position in paragraph.positions:
        held.setdefault(position.actor, []).append(position)
    for actor, positions in held.items():
        names = [_name(position) for position in positions]
        sure = [position.prob for position in positions]
        if actor is None:
            results.append(_result(IMPLIED, {"choices": names}, sure))
        else:
            value = {"start": actor.start, "end": actor.end, "text": actor.text, "labels": names}
            results.append(_result(POSITION, value, sure, id=f"{POSITION}-{actor.start}-{actor.end}"))
    return [result for result in results if result["value"].get("choices") != []]


def _result(control: str, value: Json, probs: list[float | None], *, id: str | None = None) -> Json:
    """Return a result of a control; its score, where there are probabilities, is the least of them."""
    known = [prob for prob in probs if prob is not None]
    result = {"id": id or control, "from_name": control, "to_name": "text", "type": _TYPES[control], "value": value}
    return {**result, "score": min(known)} if known else result


def _least_sure(paragraph: TaggedParagraph) -> float:
    """Return the probability of the least sure answer, so that sorting by score brings the hardest tasks first."""
    topics = [prob if topic in paragraph.topics else 1 - prob for topic, prob in paragraph.topic_probs.items()]
    return min(topics + [position.prob for position in paragraph.positions if position.prob is not None])


@dataclass(frozen=True)
class Export:
    """What an export holds: records of the tasks that somebody annotated, and how many tasks nobody did."""

    records: list[LabelledParagraph]
    n_without: int


def read_export(path: Path, labels: LabelSet) -> Export:
    """Read Label Studio's JSON export.

    Of several annotations of a task, the one marked as ground truth counts. Skipped ones count for nothing. Blanks at
    the ends of a region, which a double click brings along, are left out.

    Raises:
        DataError: every mistake with its task.
    """
    records: list[LabelledParagraph] = []
    errors: list[str] = []
    n_without = 0
    for number, task in enumerate(_read_tasks(path), 1):
        try:
            annotation = _annotation(task)
            if annotation is None:
                n_without += 1
            else:
                records.append(_from_task(task, annotation, labels))
        except DataError as error:
            where = f"{path}: task {number} ({task.get('data', {}).get('id')})"
            errors += [f"{where}: {message}" for message in str(error).split("\n")]
    if errors:
        raise DataError("\n".join(errors))
    if not records:
        raise DataError(f"{path}: none of its {n_without} tasks has an annotation")
    return Export(records, n_without)


def _read_tasks(path: Path) -> list[Json]:
    try:
        content = parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: can't read it: {error.strerror}") from error
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    tasks = content if isinstance(content, list) else []
    if not tasks or not all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks):
        raise DataError(f"{path}: expected a list of tasks with 'data' and 'annotations'; export as JSON, not JSON-MIN")
    return tasks


def _mappings(holder: Json, key: str) -> list[Json]:
    """Return the list of mappings under a key; an empty one where the key is missing or null."""
    content = holder.get(key) or []
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise DataError(f"{key}: expected a list of mappings, found {content!r}")
    return content


def _annotation(task: Json) -> Json | None:
    """Return the annotation that counts, or None where there is none."""
    given = [one for one in _mappings(task, "annotations") if not one.get("was_cancelled")]
    chosen = [one for one in given if one.get("ground_truth")] if len(given) > 1 else given
    if len(chosen) != 1 and given:
        raise DataError(f"{len(given)} annotations, {len(chosen)} marked as ground truth; mark the one that counts")
    return chosen[0] if chosen else None


def _from_task(task: Json, annotation: Json, labels: LabelSet) -> LabelledParagraph:
    """Return the record of an annotated task; raise `DataError` with one line per mistake."""
    topics: list[str] = []
    positions: list[Json] = []
    errors: list[str] = []
    text = str(task["data"].get("text"))
    for i, result in enumerate(_mappings(annotation, "result")):
        try:
            control, value, names = _read_result(result)
            if control == TOPICS:
                topics += names
            else:
                actor = _region(value, text) if control == POSITION else None
                positions += [{"actor": actor, **_topic_stance(name, labels)} for name in names]
        except DataError as error:
            errors.append(f"result[{i}]: {error}")
    if errors:
        raise DataError("\n".join(errors))
    record = LabelledParagraph.from_json({**task["data"], "topics": topics, "positions": positions}, labels)
    order = {str(mark): i for i, mark in enumerate((task.get("meta") or {}).get("order", []))}
    ordered = sorted(record.positions, key=lambda position: order.get(_mark(position), len(order)))
    return replace(record, positions=tuple(ordered))


def _read_result(result: Json) -> tuple[str, Json, list[str]]:
    """Return a result's control, its value, and the names in it."""
    control, value = result.get("from_name"), result.get("value")
    if control not in _TYPES:
        kind = result.get("type")
        raise DataError(f"a {kind} of the control {control!r}, which is no part of a record; delete it in Label Studio")
    names = value.get(_TYPES[control]) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"value: expected a mapping with a list of names in {_TYPES[control]!r}, found {value!r}")
    return control, value, names


def _topic_stance(name: str, labels: LabelSet) -> Json:
    known = {
        f"{topic}:{stance}": {"topic": topic, "stance": stance}
        for topic in labels.topic_ids
        for stance in labels.stance_ids
    }
    if name not in known:
        raise DataError(f"unknown label {name!r}{did_you_mean(name, known)}")
    return known[name]


def _region(value: Json, text: str) -> Json:
    """Return the actor of a region, without blanks at its ends."""
    start, end = value.get("start"), value.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise DataError(f"a region from {start!r} to {end!r}, in a text of {len(text)} characters")
    words = text[start:end]
    if _letters(value.get("text", words)) != _letters(words):
        raise DataError(f"characters {start} to {end} are {words!r}, but the region's text is {value['text']!r}")
    start += len(words) - len(words.lstrip())
    words = words.strip()
    return {"text": words, "start": start, "end": start + len(words)}


def _letters(quote: str) -> str:
    """Return a quote without white space, which a browser shows, and hands back, as it likes."""
    return "".join(quote.replace("\\n", "").split())


def labelling_config(labels: LabelSet) -> str:
    """Return the labelling config (XML) of a project for these tasks: right to left, with the labels' Arabic names."""
    view = ET.Element("View", style="direction: rtl; text-align: right")
    shared: dict[str, Any] = {"toName": "text", "choice": "multiple", "showInline": "true"}
    ET.SubElement(view, "Header", value="موضوعات الفقرة", size="5")
    topics = ET.SubElement(view, "Choices", name=TOPICS, **shared)
    for topic in labels.topics:
        ET.SubElement(topics, "Choice", value=_arabic(topic), alias=topic.id, hint=topic.definition)
    ET.SubElement(view, "Header", value="المواقف: اختر الموقف ثم حدد صاحبه في النص", size="5")
    _add_pairs(ET.SubElement(view, "Labels", name=POSITION, **shared), "Label", labels)
    ET.SubElement(view, "Text", name="text", value="$text")
    ET.SubElement(view, "Header", value="مواقف صاحبها مضمر", size="5")
    _add_pairs(ET.SubElement(view, "Choices", name=IMPLIED, **shared), "Choice", labels)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def _add_pairs(control: ET.Element, tag: str, labels: LabelSet) -> None:
    """Add a row for each topic, with an entry for each stance on it."""
    for topic in labels.topics:
        row = ET.SubElement(control, "View", style="display: flex; width: 100%")
        for stance, colour in zip(labels.stances, cycle(_COLOURS), strict=False):
            hint = " ".join(filter(None, [stance.definition, topic.target and f"Target: {topic.target}."]))
            value, alias = f"{_arabic(topic)} · {_arabic(stance)}", f"{topic.id}:{stance.id}"
            entry = ET.SubElement(row, tag, value=value, alias=alias, hint=hint)
            if tag == "Label":
                entry.set("background", colour)


def _arabic(label: Label) -> str:
    return label.name.get("ar", label.id)
