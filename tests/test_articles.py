import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fiqra.articles import ArticleReader, Reject, build_article
from fiqra.model.errors import DataError
from fiqra.model.records import Article
from fiqra.record_files import decode_bytes

BODY = "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار.\nورحبت بغداد بالاتفاق ودعت إلى ضبط الحدود."


def read(*paths, **options):
    items = list(ArticleReader([str(path) for path in paths], **options))
    return [i for i in items if isinstance(i, Article)], [i for i in items if isinstance(i, Reject)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1256"])
def test_text_in_the_usual_encodings(tmp_path, encoding, caplog):
    path = tmp_path / "a.txt"
    path.write_bytes(BODY.encode(encoding))
    (article,), rejects = read(path)
    assert [p.text for p in article.paragraphs] == BODY.split("\n")
    assert not rejects
    assert ("Windows-1256" in caplog.text) == (encoding == "cp1256")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", BODY.encode()[:-1] + b"\xff" * 3, b"caf\xe9"]
)
def test_what_cannot_be_decoded_is_an_error(content):
    with pytest.raises(DataError, match="neither UTF-8"):
        decode_bytes(content, "a.txt")


def test_a_folder_is_read_in_order_and_the_rest_goes_on(tmp_path):
    (tmp_path / "b.txt").write_text(BODY)
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "c.txt").write_text("no Arabic here")
    (tmp_path / "d.txt").write_bytes(b"\xff\x00\x01")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/e.txt").write_text(BODY)
    articles, rejects = read(tmp_path)
    assert [article.id for article in articles] == ["b.txt", "sub/e.txt"]
    assert [reject.reason.split(":")[0] for reject in rejects] == [
        "is empty",
        "holds no Arabic text",
        "can't decode it",
    ]


def test_a_leading_date_and_remnants(tmp_path):
    article = build_article(f" date 2026-01-21 {BODY}\n+A\nشارك", article_id="x")
    assert (article.date, len(article.paragraphs), len(article.remnants)) == ("2026-01-21", 2, 2)
    assert article.paragraphs[0].text.startswith("أعلنت")
    assert len(build_article(f"{BODY}\n+A", article_id="x", keep_all=True).paragraphs) == 3


def test_html_gives_text_title_date_and_outlet(root):
    (article,), _ = read(root / "data/articles/03_border_wall.html")
    assert (article.title, article.date, article.outlet) == (
        "جدار على الرمل: كيف تغيّرت الحدود العراقية السورية؟", "2025-11-12", "صحيفة الضفتين",
    )  # fmt: skip
    text = "\n".join(p.text for p in article.paragraphs)
    assert "أعلنت قيادة قوات الحدود العراقية" in text
    assert "اشترك" not in text


def test_json_lines_with_one_bad_record_among_many(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"id": i, "text": BODY, "date": "2025-01-02"}, ensure_ascii=False) for i in range(3)]
    path.write_text("\n".join([lines[0], "{bad", json.dumps({"id": 9, "text": 5}), "7", *lines[1:]]))
    articles, rejects = read(path)
    assert [(article.id, article.date) for article in articles] == [
        ("0", "2025-01-02"),
        ("1", "2025-01-02"),
        ("2", "2025-01-02"),
    ]
    assert [reject.where.rsplit(":", 1)[1] for reject in rejects] == ["2", "3", "4"]
    assert "not JSON" in rejects[0].reason
    assert "expected text, found 5" in rejects[1].reason


@pytest.mark.parametrize("kind", ["json", "csv", "tsv", "parquet", "semicolon"])
def test_records_with_named_columns(tmp_path, kind):
    record = {"key": "k1", "matn": BODY, "when": "2025-05-06"}
    path = tmp_path / f"a.{'csv' if kind == 'semicolon' else kind}"
    if kind == "json":
        path.write_text(json.dumps([record]))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist([record]), path)
    else:
        sign = {"csv": ",", "tsv": "\t", "semicolon": ";"}[kind]
        path.write_text(
            "\ufeff" + sign.join(record) + "\n" + sign.join(f'"{value}"' for value in record.values()) + "\n"
        )
    (article,), rejects = read(path, columns={"text": "matn", "id": "key", "date": "when"})
    assert (article.id, article.date, len(article.paragraphs)) == ("k1", "2025-05-06", 2)
    assert not rejects
    _, rejects = read(path, columns={"text": "mat"})
    assert "no column 'mat' for the text (did you mean 'matn'?)" in rejects[0].reason


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BODY.encode())))
    (article,), _ = read("-")
    assert article.id == "stdin"


def test_paths_that_are_not_there_are_errors_before_any_work(tmp_path):
    for path, said in ((tmp_path / "x.txt", "no such file"), (tmp_path, "no file ending in")):
        with pytest.raises(DataError, match=said):
            ArticleReader([str(path)])
    (tmp_path / "x.doc").write_text("x")
    with pytest.raises(DataError, match="can't tell its format"):
        ArticleReader([str(tmp_path / "x.doc")])
