"""Labels parted from their texts and joined to them again."""

import json
import lzma

import pytest
from command_line import fiqra


@pytest.fixture
def parted(root, tmp_path):
    """The corpus's test split as its labels and, compressed, its bare texts."""
    source = root / "data/corpus/test.jsonl"
    records = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    texts = [
        json.dumps({key: record[key] for key in ("doc", "para", "text")}, ensure_ascii=False) for record in records
    ]
    (tmp_path / "texts.jsonl.xz").write_bytes(lzma.compress("\n".join(texts).encode()))
    fiqra("data", "strip", source, "-o", tmp_path / "labels.jsonl")
    return records, tmp_path / "labels.jsonl", tmp_path / "texts.jsonl.xz"


def test_no_word_of_the_text_is_in_the_labels_and_all_comes_back(parted, tmp_path):
    records, labels, texts = parted
    bare = labels.read_text(encoding="utf-8")
    assert not any("\u0600" <= char <= "\u06ff" for char in bare)
    fiqra("data", "join", labels, texts, "-o", tmp_path / "out.jsonl")
    joined = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    for key in ("id", "doc", "para", "text", "topics", "positions"):
        assert [one[key] for one in joined] == [one[key] for one in records]


def test_texts_that_are_not_there_are_counted_and_named(parted, tmp_path):
    records, labels, texts = parted
    fewer = lzma.decompress(texts.read_bytes()).decode().split("\n")[2:]
    (tmp_path / "fewer.jsonl").write_text("\n".join(fewer), encoding="utf-8")
    result = fiqra("data", "join", labels, tmp_path / "fewer.jsonl", "-o", tmp_path / "out.jsonl", code=1)
    assert f"left out: 2 whose text is not there, the first {records[0]['id']!r}" in result.stderr
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == len(records) - 2


def test_another_edition_of_a_text_is_an_error_with_its_line(parted, tmp_path):
    _, labels, texts = parted
    changed = lzma.decompress(texts.read_bytes()).decode().split("\n")
    one = json.loads(changed[3])
    changed[3] = json.dumps({**one, "text": one["text"] + " "})
    (tmp_path / "changed.jsonl").write_text("\n".join(changed), encoding="utf-8")
    result = fiqra("data", "join", labels, tmp_path / "changed.jsonl", "-o", tmp_path / "out.jsonl", code=2)
    assert f"{labels}:4: the text found for" in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_damaged_archive_is_an_error(parted, tmp_path):
    _, labels, _ = parted
    (tmp_path / "texts.xz").write_bytes(b"no archive")
    result = fiqra("data", "join", labels, tmp_path / "texts.xz", "-o", tmp_path / "out.jsonl", code=2)
    assert "not an xz file" in result.stderr
