import pytest

from fiqra.model.errors import DataError
from fiqra.model.records import Actor, LabelledParagraph

GOOD = {
    "id": "a-0", "doc": "a", "para": 0, "text": "رحبت بغداد بالهدنة، ثم عادت بغداد ونددت.", "topics": ["ceasefire"],
    "positions": [{"actor": "بغداد", "topic": "ceasefire", "stance": "favor"}], "source": "x",
}  # fmt: skip


def test_an_actor_stands_at_its_first_mention(labels):
    record = LabelledParagraph.from_json(GOOD, labels)
    actor = record.positions[0].actor
    assert (actor.start, actor.end) == (5, 10)
    assert record.text[actor.start : actor.end] == actor.text == "بغداد"
    assert record.extra == {"source": "x"}


def test_a_mention_is_the_end_of_a_word_where_one_is(labels):
    text = "سلّم السفير الجزائري الرسالة، واعتبرت الجزائر أنها كافية."
    record = {**GOOD, "text": text, "positions": [{**GOOD["positions"][0], "actor": "الجزائر"}]}
    actor = LabelledParagraph.from_json(record, labels).positions[0].actor
    assert actor.start == text.index("الجزائر أنها")
    only = {**record, "text": "استدعي السفير الجزائري."}
    assert LabelledParagraph.from_json(only, labels).positions[0].actor.start == 14


def test_a_later_mention_is_written_with_its_place(labels):
    mention = {"text": "بغداد", "start": 28, "end": 33}
    record = {**GOOD, "positions": [{"actor": mention, "topic": "ceasefire", "stance": "against"}]}
    built = LabelledParagraph.from_json(record, labels)
    assert built.positions[0].actor == Actor(**mention)
    assert built.to_json() == record
    assert LabelledParagraph.from_json(GOOD, labels).to_json() == GOOD


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"topics": ["ceasfire"]}, "unknown topic 'ceasfire' (did you mean 'ceasefire'?)"),
        ({"topics": ["ceasefire"] * 2}, "topics: 'ceasefire' stands twice"),
        ({"topics": []}, "'ceasefire' is not among the paragraph's topics []"),
        ({"positions": [{"actor": "دمشق", "topic": "ceasefire", "stance": "favor"}]}, "does not stand in the text"),
        ({"positions": [{"topic": "ceasefire", "stance": "favor"}]}, "write null where the holder is implied"),
        ({"positions": [{"actor": None, "topic": "ceasefire", "stance": "favour"}]}, "did you mean 'favor'?"),
        ({"positions": "none"}, "positions: expected a list, found 'none'"),
        ({"text": " "}, "text: is empty"),
        ({"para": "3"}, "para: expected int, found '3'"),
    ],
)
def test_a_wrong_record_is_refused_with_its_reason(labels, change, said):
    with pytest.raises(DataError) as error:
        LabelledParagraph.from_json({**GOOD, **change}, labels)
    assert said in str(error.value)


def test_a_missing_key_names_its_neighbour(labels):
    record = {("docs" if key == "doc" else key): value for key, value in GOOD.items()}
    with pytest.raises(DataError, match=r"key 'doc' is missing \(did you mean 'docs'\?\)"):
        LabelledParagraph.from_json(record, labels)
