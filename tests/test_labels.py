import pytest

from fiqra.model.errors import DataError
from fiqra.model.labels import LabelSet


def test_columns_follow_the_files_order(labels):
    assert labels.topic_ids == ("ceasefire", "detainees", "border_security", "diplomacy")
    assert [labels.stance_column(stance) for stance in ("favor", "against", "neutral")] == [1, 2, 3]
    assert LabelSet.from_json(labels.to_json()) == labels


def test_all_mistakes_are_told_at_once(tmp_path):
    path = tmp_path / "labels.yaml"
    path.write_text("topcs: []\nstances:\n  - {id: favor}\n  - {id: favor, defintion: x}\n")
    with pytest.raises(DataError) as error:
        LabelSet.from_yaml(path)
    message = str(error.value)
    for part in ("'topcs' (did you mean 'topics'?)", "topics: expected a list", "stances[1].id: 'favor' stands twice",
                 "stances[1].defintion: unknown key (did you mean 'definition'?)", str(path)):  # fmt: skip
        assert part in message
