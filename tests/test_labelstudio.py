"""Label Studio: nothing is lost on the way there and back, and what people label there arrives as it was meant."""

import json
import xml.etree.ElementTree as ET

import pytest
from command_line import fiqra
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqra.labelstudio import labelling_config, read_export, read_tasks
from fiqra.model.errors import DataError
from fiqra.model.labels import LabelSet
from fiqra.model.records import Actor, LabelledParagraph, Position

LABELS = LabelSet.shipped()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


@st.composite
def paragraphs(draw):
    """Records with few different letters, so that words come again, overlap and stand within one another."""
    text = draw(st.text("اب 😀🇮🇶\u200f\u202b\u2069\u064eـ<&\"'\\n\n", min_size=1, max_size=24).filter(str.strip))
    spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    spans = spans.filter(lambda s: s[0] < s[1] and text[s[0] : s[1]] == text[s[0] : s[1]].strip())
    actors = st.none() | spans.map(lambda s: Actor(text[s[0] : s[1]], *s))
    position = st.builds(Position, actors, st.sampled_from(LABELS.topic_ids), st.sampled_from(LABELS.stance_ids))
    positions = draw(st.lists(position, max_size=5, unique=True))
    others = draw(st.sets(st.sampled_from(LABELS.topic_ids)))
    topics = draw(st.permutations(sorted(others | {position.topic for position in positions})))
    extra = draw(st.dictionaries(st.sampled_from(["source", "date", "outlet", "features", "url"]), JSON))
    return LabelledParagraph(draw(st.text(max_size=4)), "د", 3, text, tuple(topics), tuple(positions), extra)


def write_lines(path, records):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("labelstudio")


def there_and_back(folder, records):
    source = write_lines(folder / "records.jsonl", [record.to_json() for record in records])
    export = folder / "export.json"
    export.write_text(json.dumps(read_tasks(source, LABELS)), encoding="utf-8")
    return read_export(export, LABELS).records


@settings(max_examples=50, deadline=None)
@given(records=st.lists(paragraphs(), min_size=1, max_size=3))
def test_any_record_comes_back_as_it_was(scratch, records):
    assert there_and_back(scratch, records) == records


@pytest.mark.parametrize("name", ["corpus/train", "corpus/dev", "corpus/test", "agreement/first", "agreement/second"])
def test_the_corpus_comes_back_letter_for_letter(root, tmp_path, name):
    source, tasks, back = root / f"data/{name}.jsonl", tmp_path / "tasks.json", tmp_path / "back.jsonl"
    fiqra("data", "to-labelstudio", source, "-o", tasks)
    fiqra("data", "from-labelstudio", tasks, "-o", back)
    assert back.read_bytes() == source.read_bytes()


# A task as version 1.23 exported it. The first two regions came with the task; the others were drawn in a browser,
# after one emoji and after a flag, which JavaScript counts as two and four.
EXPORTED = {
    "id": 1388,
    "data": {"id": "x-0", "doc": "x", "para": 0, "text": "😀 أعلنت بغداد 🇮🇶 الهدنة، و«قسد» 😀 رفضتها، ثم عادت بغداد ورحبت.", "n": 3},
    "meta": {"order": ["implied diplomacy:neutral", "50-55 ceasefire:favor", "27-30 ceasefire:against", "27-30 diplomacy:against"]},
    "annotations": [
        {
            "id": 1377, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "lead_time": 13.2,
            "result": [
                {"id": "topics", "type": "choices", "value": {"choices": ["ceasefire", "detainees", "border_security", "diplomacy"]}, "origin": "manual", "to_name": "text", "from_name": "topics"},
                {"id": "implied", "type": "choices", "value": {"choices": ["diplomacy:neutral"]}, "origin": "manual", "to_name": "text", "from_name": "implied"},
                {"id": "position-50-55", "type": "labels", "value": {"end": 55, "text": "بغداد", "start": 50, "labels": ["ceasefire:favor"]}, "origin": "manual", "to_name": "text", "from_name": "position"},
                {"id": "position-27-30", "type": "labels", "value": {"end": 30, "text": "قسد", "start": 27, "labels": ["ceasefire:against", "diplomacy:against"]}, "origin": "manual", "to_name": "text", "from_name": "position"},
                {"id": "LObVVr4cac", "type": "labels", "value": {"end": 13, "text": "بغداد", "start": 8, "labels": ["border_security:against"]}, "origin": "manual", "to_name": "text", "from_name": "position"},
                {"id": "5QOEyyOG7-", "type": "labels", "value": {"end": 23, "text": "الهدنة", "start": 17, "labels": ["detainees:favor"]}, "origin": "manual", "to_name": "text", "from_name": "position"},
            ],
        }
    ],
}  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def read(*tasks):
        path = tmp_path / "export.json"
        path.write_text(json.dumps(tasks), encoding="utf-8")
        return read_export(path, LABELS)

    return read


def exported(**changed):
    return {**json.loads(json.dumps(EXPORTED)), **changed}


def test_what_was_drawn_in_label_studio_stands_where_it_was_drawn(read):
    (record,) = read(exported()).records
    assert record.extra == {"n": 3}
    assert record.to_json()["positions"] == [
        {"actor": None, "topic": "diplomacy", "stance": "neutral"},
        {"actor": {"text": "بغداد", "start": 50, "end": 55}, "topic": "ceasefire", "stance": "favor"},
        {"actor": "قسد", "topic": "ceasefire", "stance": "against"},
        {"actor": "قسد", "topic": "diplomacy", "stance": "against"},
        {"actor": "بغداد", "topic": "border_security", "stance": "against"},
        {"actor": "الهدنة", "topic": "detainees", "stance": "favor"},
    ]


def test_a_blank_that_a_double_click_took_along_is_left_out(read):
    task = exported()
    task["annotations"][0]["result"][4]["value"] |= {"start": 7, "end": 14, "text": " بغداد "}
    assert Position(Actor("بغداد", 8, 13), "border_security", "against") in read(task).records[0].positions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"value": {"start": 9, "end": 14, "text": "بغداد", "labels": ["ceasefire:favor"]}},
            "but the region's text is",
        ),
        ({"value": {"start": 9, "end": 900, "labels": ["ceasefire:favor"]}}, "in a text of 62 characters"),
        ({"value": {"start": 8, "end": 13, "labels": ["ceasefire:favour"]}}, "did you mean 'ceasefire:favor'?"),
        ({"value": {"start": 8, "end": 13}}, "expected a mapping with a list of names in 'labels'"),
        ({"from_name": "label"}, "control 'label', which is no part of a record"),
        ({"from_name": "topics", "value": {"choices": ["weather"]}, "type": "choices"}, "unknown topic 'weather'"),
    ],
)
def test_a_wrong_result_is_told_with_its_task(read, change, said):
    task = exported()
    task["annotations"][0]["result"][4] |= change
    with pytest.raises(DataError) as error:
        read(exported(), task)
    (line,) = str(error.value).split("\n")
    assert "export.json: task 2 (x-0): " in line
    assert said in line


def test_a_position_without_its_topic_is_an_error(read):
    task = exported()
    del task["annotations"][0]["result"][0]
    with pytest.raises(DataError, match=r"positions\[0\].topic: 'diplomacy' is not among the paragraph's topics \[\]"):
        read(task)


def test_which_annotation_counts(read):
    kept = EXPORTED["annotations"][0]
    other = {**kept, "result": []}
    found = read(
        exported(),
        exported(annotations=[]),
        exported(annotations=[{**other, "was_cancelled": True}]),
        exported(annotations=[other, {**kept, "ground_truth": True}]),
    )
    assert [len(record.positions) for record in found.records] == [6, 6]
    assert found.n_without == 2
    for annotations in ([other, kept], [{**one, "ground_truth": True} for one in (other, kept)]):
        with pytest.raises(DataError, match=r"2 annotations, [02] marked as ground truth"):
            read(exported(annotations=annotations))
    with pytest.raises(DataError, match="none of its 1 tasks has an annotation"):
        read(exported(annotations=[]))


@pytest.mark.parametrize(
    "content", ['{"a": 1}', "[]", '[{"id": 1, "text": "نص", "topics": "ceasefire"}]', "{", '["\\ud83d"]']
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content, encoding="utf-8")
    result = fiqra("data", "from-labelstudio", path, "-o", tmp_path / "o.jsonl", code=2)
    assert result.stderr.startswith(f"error: {path}: ")
    assert not (tmp_path / "o.jsonl").exists()


TAGGED = {
    "article": "a.txt", "para": 2, "text": "رحبت بغداد بالهدنة.", "date": "2025-01-02", "outlet": None,
    "topics": ["ceasefire"], "tagger": "fiqra-mini 0.1.0",
    "topic_probs": {"ceasefire": 0.9, "detainees": 0.1, "border_security": 0.02, "diplomacy": 0.3},
    "positions": [
        {"actor": {"text": "بغداد", "start": 5, "end": 10}, "topic": "ceasefire", "stance": "favor", "prob": 0.8},
        {"actor": None, "topic": "ceasefire", "stance": "neutral", "prob": 0.6},
    ],
}  # fmt: skip


def test_a_tagger_s_answer_becomes_a_prediction(tmp_path, read):
    path = write_lines(tmp_path / "tags.jsonl", [TAGGED, {**TAGGED, "id": "own", "topics": [], "positions": []}])
    first, second = read_tasks(path, LABELS)
    assert first["data"] == {"id": "a.txt-2", "doc": "a.txt", "para": 2, "text": TAGGED["text"], "date": "2025-01-02"}
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("fiqra-mini 0.1.0", 0.6)
    assert [(r["from_name"], r["score"]) for r in prediction["result"]] == [
        ("topics", 0.9), ("position", 0.8), ("implied", 0.6),
    ]  # fmt: skip
    assert second["data"]["id"] == "own"
    assert (second["predictions"][0]["result"], second["predictions"][0]["score"]) == ([], pytest.approx(0.1))
    # somebody accepts the first
    (record,) = read({**first, "annotations": [{"result": prediction["result"]}]}, second).records
    assert (record.id, record.doc, record.topics) == ("a.txt-2", "a.txt", ("ceasefire",))
    assert [(p.actor, p.stance) for p in record.positions] == [(Actor("بغداد", 5, 10), "favor"), (None, "neutral")]


def test_mistakes_in_what_is_handed_over_are_told_with_their_lines(tmp_path):
    wrong = {**TAGGED, "topic_probs": {"ceasefire": 0.9}, "positions": []}
    path = write_lines(tmp_path / "tags.jsonl", [TAGGED, wrong, {"text": "نص"}])
    result = fiqra("data", "to-labelstudio", path, "-o", tmp_path / "tasks.json", code=2)
    assert f"{path}:2: topic_probs: no probability of detainees, border_security, diplomacy" in result.stderr
    assert f"{path}:3: key 'id' is missing" in result.stderr
    assert not (tmp_path / "tasks.json").exists()


def test_the_config_is_right_to_left_and_offers_every_label(tmp_path):
    config = tmp_path / "config.xml"
    source = write_lines(tmp_path / "tags.jsonl", [TAGGED])
    fiqra("data", "to-labelstudio", source, "-o", tmp_path / "tasks.json", "--config-out", config)
    view = ET.fromstring(config.read_text(encoding="utf-8"))
    assert "direction: rtl" in view.attrib["style"]
    assert view.find("Text").attrib == {"name": "text", "value": "$text"}
    offered = {
        control.attrib["name"]: [entry.attrib["alias"] for tag in ("Choice", "Label") for entry in control.iter(tag)]
        for control in [*view.iter("Choices"), *view.iter("Labels")]
    }
    pairs = [f"{topic}:{stance}" for topic in LABELS.topic_ids for stance in LABELS.stance_ids]
    assert offered == {"topics": list(LABELS.topic_ids), "position": pairs, "implied": pairs}
    assert 'value="وقف إطلاق النار · مؤيد"' in config.read_text(encoding="utf-8")


def test_names_with_signs_of_xml_are_escaped():
    labels = LabelSet.from_json({"topics": [{"id": "a", "name": {"ar": '<"&'}}], "stances": [{"id": "b"}]})
    assert ET.fromstring(labelling_config(labels)).find("Choices/Choice").attrib["value"] == '<"&'
