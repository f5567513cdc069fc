"""The ledger: rows, offsets, counts, files."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import fiqra
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqra.actors import ActorList
from fiqra.ledger import LedgerCounts, LedgerRow, build_ledger, day_of, quote_span
from fiqra.ledger_files import read_ledger, write_ledger
from fiqra.model.errors import DataError
from fiqra.model.records import Actor, Article, Position, TaggedParagraph
from fiqra.results import open_writer

FIRST = "اجتمع المسؤولون. دعا وزير الخارجية العراقي فؤاد حسين إلى وقف إطلاق النار! ورفضت أنقرة ذلك."
SECOND = "وأكد حسين أن [الجانبين] سيواصلان الحوار، ولم يحضر خلف المطلك."


def paragraph(text, *held, para=0, date="2026-02-03T10:00:00", article="a.txt"):
    positions = tuple(
        Position(actor and Actor(actor, text.index(actor), text.index(actor) + len(actor)), "ceasefire", stance, prob)
        for actor, stance, prob in held
    )
    probs = {"ceasefire": 0.9, "detainees": 0.1, "border_security": 0.1, "diplomacy": 0.2}
    return TaggedParagraph(article, para, text, ("ceasefire",), probs, positions, "tiny 0", date, "صحيفة")


PARAGRAPHS = [
    paragraph(
        FIRST, ("وزير الخارجية العراقي فؤاد حسين", "favor", 0.8), ("أنقرة", "against", 0.7), (None, "neutral", 0.3)
    ),
    paragraph(SECOND, ("حسين", "favor", 0.6), ("الجانبين", "favor", 0.5), ("خلف المطلك", "neutral", 0.4), para=1),
]


@pytest.fixture(scope="module")
def actors():
    return ActorList.from_yaml()


@pytest.fixture
def predictions(tmp_path, labels):
    path = tmp_path / "tags.jsonl"
    with open_writer(path, labels) as writer:
        writer.write(Article("a.txt", ()), PARAGRAPHS)
    return path


@pytest.fixture
def rows(predictions, labels, actors):
    return build_ledger([predictions], labels, actors, LedgerCounts())


def test_a_row_a_position_and_one_for_each_of_two_sides(rows):
    assert [(row.para, row.actor_text, row.actor_id, row.actor_rule, row.stance) for row in rows] == [
        (0, "وزير الخارجية العراقي فؤاد حسين", "iq.foreign-minister", "name", "favor"),
        (0, "أنقرة", "tr", "name", "against"),
        (0, None, None, "implied", "neutral"),
        (1, "حسين", "iq.foreign-minister", "carried", "favor"),
        (1, "الجانبين", "iq.foreign-minister", "pair", "favor"),
        (1, "الجانبين", "tr", "pair", "favor"),
        (1, "خلف المطلك", None, "unknown", "neutral"),
    ]
    assert {(row.date, row.outlet, row.article, row.topic, row.tagger) for row in rows} == {
        ("2026-02-03T10:00:00", "صحيفة", "a.txt", "ceasefire", "tiny 0")
    }
    assert (rows[0].actor_name, rows[0].actor_kind, rows[0].actor_root) == ("وزير الخارجية العراقي", "office", "iq")
    assert (rows[6].actor_name, rows[6].actor_kind, rows[6].actor_root) == ("خلف المطلك", None, None)


def test_quotes_are_sentences_and_offsets_point_into_the_paragraph(rows):
    assert rows[0].quote == "دعا وزير الخارجية العراقي فؤاد حسين إلى وقف إطلاق النار!"
    assert rows[1].quote == "ورفضت أنقرة ذلك."
    assert rows[2].quote == FIRST  # nobody is named, so the whole paragraph
    for row in rows:
        assert row.text[row.quote_start : row.quote_end] == row.quote
        if row.actor_text:
            assert row.text[row.actor_start : row.actor_end] == row.actor_text
            assert row.quote_start <= row.actor_start < row.actor_end <= row.quote_end


@settings(deadline=None)
@given(st.text(alphabet="ابت .!؟\n«»)1", min_size=1, max_size=60), st.data())
def test_a_quote_holds_its_actor_whatever_the_text(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    first, last = quote_span(text, Actor(text[start:end], start, end))
    assert 0 <= first <= start < end <= last <= len(text)


def test_parquet_predictions_give_the_same_rows(predictions, tmp_path, labels, actors, rows):
    other = tmp_path / "tags.parquet"
    with open_writer(other, labels) as writer:
        writer.write(Article("a.txt", ()), PARAGRAPHS)
    assert build_ledger([other], labels, actors, LedgerCounts()) == rows


def test_what_is_left_out_is_counted_and_named(predictions, labels, actors):
    lines = predictions.read_text(encoding="utf-8").splitlines()
    broken = json.loads(lines[0])
    broken["positions"][0]["stance"] = "favour"
    undated = {**json.loads(lines[0]), "article": "b.txt", "date": "الثلاثاء"}
    added = [lines[1], "{", json.dumps(broken, ensure_ascii=False), json.dumps(undated, ensure_ascii=False)]
    predictions.write_text("\n".join(lines + added), encoding="utf-8")
    counts = LedgerCounts()
    rows = build_ledger([predictions], labels, actors, counts)
    assert (counts.articles, counts.paragraphs, counts.positions, counts.repeated) == (2, 3, 9, 1)
    assert [reject.where for reject in counts.rejects] == [f"{predictions}:4", f"{predictions}:5"]
    assert "unknown stance 'favour' (did you mean 'favor'?)" in counts.rejects[1].reason
    assert counts.undated == {"الثلاثاء": 1}
    assert sum(counts.rules.values()) == len(rows) == 10
    assert counts.rules == {"name": 4, "implied": 2, "carried": 1, "pair": 2, "unknown": 1}


@pytest.mark.parametrize("ending", ["parquet", "csv", "sqlite"])
def test_every_format_reads_back_as_it_was_written(rows, tmp_path, ending):
    nasty = ['=1+1 "x";\n', "'=1", "@a\r\nb", "'", "-", "a,b\tc", "هدنة " * 40_000]
    rows = rows + [replace(rows[0], quote=text, text=text, quote_start=0, quote_end=len(text)) for text in nasty]
    write_ledger(tmp_path / f"l.{ending}", rows)
    assert read_ledger(tmp_path / f"l.{ending}") == rows


def test_csv_runs_nothing_in_a_spreadsheet(rows, tmp_path):
    write_ledger(tmp_path / "l.csv", [replace(rows[0], outlet="=cmd()")])
    assert ",'=cmd()," in (tmp_path / "l.csv").read_text(encoding="utf-8-sig")


def test_a_file_that_is_no_ledger_is_refused(rows, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_ledger(tmp_path / "no.csv")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no column date, outlet.*fiqra ledger"):
        read_ledger(tmp_path / "x.csv")
    (tmp_path / "x.sqlite").write_text("no database, but long enough to be looked at")
    with pytest.raises(DataError, match="not a ledger"):
        read_ledger(tmp_path / "x.sqlite")
    with pytest.raises(DataError, match="not a ledger by its ending"):
        read_ledger(tmp_path / "x.xlsx")
    write_ledger(tmp_path / "l.csv", rows)
    changed = (tmp_path / "l.csv").read_text(encoding="utf-8-sig").replace("ورفضت أنقرة ذلك", "ورفضت  أنقرة ذلك")
    (tmp_path / "l.csv").write_text(changed, encoding="utf-8-sig")
    with pytest.raises(DataError, match="row 2: quote: is not what stands at its offsets"):
        read_ledger(tmp_path / "l.csv")
    table = pa.Table.from_pylist([{**{name: None for name in LedgerRow.__annotations__}, "para": "x"}])
    pq.write_table(table, tmp_path / "n.parquet")
    with pytest.raises(DataError, match=r"row 1: article: expected text, found None\n.*row 1: para: expected a number"):
        read_ledger(tmp_path / "n.parquet")


def test_a_day_is_read_from_iso_dates_alone():
    assert [str(day_of(value)) for value in ("2026-02-03", " 2026-02-03T10:00", "2026-02-30", "03/04/2026", None, 3)] == [
        "2026-02-03", "2026-02-03", "None", "None", "None", "None"
    ]  # fmt: skip


def test_the_command_sums_up_and_its_exit_code_tells_of_rejects(predictions, tmp_path):
    out = tmp_path / "l.parquet"
    result = fiqra("ledger", predictions, "-o", out)
    assert "6 positions of 1 articles, 7 rows" in result.stderr
    assert (
        "actors resolved: 5 (2 by name, 1 carried from an earlier mention, 2 two parties named before)" in result.stderr
    )
    assert "left as written: 2 (1 not in the list, 1 implied)" in result.stderr
    predictions.write_text(predictions.read_text(encoding="utf-8") + "[]\n", encoding="utf-8")
    result = fiqra("ledger", predictions, "-o", out, code=1)
    assert f"left out: {predictions}:3: expected a JSON object" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no.jsonl", "-o", "l.csv"], "can't read it"),
        (["x.csv", "-o", "l.csv"], "give what 'fiqra predict' wrote"),
        (["no.parquet", "-o", "l.csv"], "no such file"),
        (["no.jsonl", "-o", "l.xlsx"], "end it in .parquet, .csv, .sqlite"),
        (["empty.jsonl", "-o", "l.csv"], "no position in 1 paragraphs"),
    ],
)
def test_mistakes_end_with_code_2_and_leave_no_file(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text(json.dumps(paragraph("هدنة").to_json()), encoding="utf-8")
    assert said in fiqra("ledger", *arguments, code=2).stderr
    assert not list(tmp_path.glob("l.*"))
