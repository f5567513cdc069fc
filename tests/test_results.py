import csv
import io
import json
import re

import pyarrow.parquet as pq
import pytest

from fiqra.model.errors import DataError
from fiqra.model.records import Actor, Article, Paragraph, Position, Remnant, TaggedParagraph
from fiqra.results import TerminalResults, mark_actors, open_writer

TEXT = "رحبت بغداد بالهدنة ورفضتها طهران، <b>وقالت</b> إنها «باطلة»."


def tagged(text=TEXT, para=0):
    def actor(name):
        return Actor(name, text.index(name), text.index(name) + len(name))

    return TaggedParagraph(
        "a.txt", para, text, ("ceasefire", "diplomacy"),
        {"ceasefire": 0.9, "detainees": 0.1, "border_security": 0.1, "diplomacy": 0.6},
        (
            Position(actor("بغداد"), "ceasefire", "favor", 0.8),
            Position(actor("طهران"), "ceasefire", "against", 0.7),
            Position(None, "ceasefire", "neutral", 0.5),
        ),
        "tiny 0", "2026-01-02", "صحيفة",
    )  # fmt: skip


ARTICLE = Article("a.txt", (Paragraph(0, TEXT),), None, "2026-01-02", "صحيفة", (Remnant("date", "2026.01.02"),))


def write(path, labels, *paragraphs):
    with open_writer(path, labels) as writer:
        writer.write(ARTICLE, list(paragraphs))
    return path


def test_json_lines_hold_the_whole_record(tmp_path, labels):
    (line,) = write(tmp_path / "o.jsonl", labels, tagged()).read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert list(record) == ["article", "para", "text", "date", "outlet", "topics", "topic_probs", "positions", "tagger"]
    actor = record["positions"][0]["actor"]
    assert record["text"][actor["start"] : actor["end"]] == actor["text"] == "بغداد"
    assert record["positions"][2]["actor"] is None


def test_csv_has_a_row_a_position_and_one_for_a_topic_only_reported(tmp_path, labels):
    path = write(tmp_path / "o.csv", labels, tagged(), tagged("=1+1 بغداد طهران", 1))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert [(r["para"], r["topic"], r["actor"], r["stance"]) for r in rows[:4]] == [
        ("0", "ceasefire", "بغداد", "favor"), ("0", "ceasefire", "طهران", "against"),
        ("0", "ceasefire", "", "neutral"), ("0", "diplomacy", "", ""),
    ]  # fmt: skip
    assert rows[0]["text"] == TEXT
    assert rows[4]["text"] == "'=1+1 بغداد طهران"  # no spreadsheet runs it


def test_parquet_reads_back_the_same(tmp_path, labels):
    (row,) = pq.read_table(write(tmp_path / "o.parquet", labels, tagged())).to_pylist()
    assert {**row, "topic_probs": dict(row["topic_probs"])} == {**tagged().to_json(), "topics": list(tagged().topics)}


def test_html_is_one_escaped_page_from_right_to_left(tmp_path, labels):
    page = write(tmp_path / "o.html", labels, tagged()).read_text(encoding="utf-8")
    assert '<html lang="ar" dir="rtl">' in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert re.findall(r'<mark class="s-(\w+)">(.*?)</mark>', page) == [("favor", "بغداد"), ("against", "طهران")]
    assert not re.search(r'(?:src|href)="', page)
    # inline, the sign's first letter would join the actor's last one and change its form
    assert re.search(r"\.stance \{ display: inline-block", page)


def test_overlapping_actors_are_marked_once_and_no_character_is_lost():
    text = "وزير خارجية العراق دعا"
    outer, inner = Actor("وزير خارجية العراق", 0, 18), Actor("العراق", 12, 18)
    positions = (Position(inner, "diplomacy", "favor", 0.5), Position(outer, "ceasefire", "favor", 0.5))
    paragraph = TaggedParagraph("a", 0, text, ("ceasefire", "diplomacy"), {}, positions, "t")
    pieces = mark_actors(paragraph)
    assert "".join(piece["text"] for piece in pieces) == text
    assert [len(piece["positions"]) for piece in pieces] == [2, 0]


def test_a_table_has_one_arabic_column_and_it_is_the_last(labels):
    out = io.StringIO()
    TerminalResults(out).write(ARTICLE, [tagged()])
    lines = [line for line in out.getvalue().splitlines() if "favor" in line]
    assert len(lines) == 1
    assert re.search(r"ceasefire\s+0\.90\s+favor\s+0\.80\s+بغداد\s*$", lines[0])
    assert "left out as page remnants: 1" in out.getvalue()


def test_a_broken_run_leaves_nothing_behind_and_the_old_file_stands(tmp_path, labels):
    path = tmp_path / "o.jsonl"
    path.write_text("old")
    with pytest.raises(RuntimeError), open_writer(path, labels) as writer:
        writer.write(ARTICLE, [tagged()])
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "said"), [("o.xlsx", "end it in"), ("no/o.csv", "no folder"), ("o", "end it in")])
def test_an_output_that_cannot_be_written_is_told_first(tmp_path, labels, name, said):
    with pytest.raises(DataError, match=said), open_writer(tmp_path / name, labels):
        pass
