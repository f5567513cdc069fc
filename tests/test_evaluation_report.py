"""`fiqra evaluate -o`: its four files, the probabilities in them, and wrong input; in-process, with a tiny tagger."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import fiqra

from fiqra.evaluation_report import N_WORST
from fiqra.model.inference import encode
from fiqra.model.tagger import Tagger
from fiqra.training.dataset import read_labelled

TEXT = "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار في الحسكة.\nورحبت بغداد بالاتفاق ودعت إلى ضبط الحدود مع سوريا."
TEMPERATURES, STANCE_TEMPERATURE = (2.0, 0.25, 3.0, 0.5), 0.4


@pytest.fixture(scope="module")
def folder(tiny_tagger, tmp_path_factory):
    """A tagger folder with temperatures far from 1."""
    path = tmp_path_factory.mktemp("tagger") / "tiny"
    tiny_tagger.save_pretrained(path)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config["decoding"] |= {"topic_temperatures": TEMPERATURES, "stance_temperature": STANCE_TEMPERATURE}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def evaluated(folder, root, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluated") / "of" / "smoke"
    result = fiqra("evaluate", folder, root / "tests/data/smoke.jsonl", "-o", out, "--resamples", 100)
    assert f"report: {out / 'report.html'}" in result.stderr
    return out


def read_json(path):
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def calibrated(folder, texts):
    """Work out topic probabilities (N, K) from the logits, without the tagger's own decoding; and uncalibrated ones."""
    tagger = Tagger.from_pretrained(folder, device="cpu", precision="fp32")
    encoded = encode(texts, tagger.tokenizer, "news")
    logits = tagger.run(encoded)
    topic = np.stack([own.topic for own in logits])
    return 1 / (1 + np.exp(-topic / np.array(TEMPERATURES))), 1 / (1 + np.exp(-topic)), logits


class Page(HTMLParser):
    """What a page loads, its ids, and whether its tags are closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "path", "use", "link", "img"):
            self.open.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href", "xlink:href", "data") and not value.startswith("#"):
                self.loads.append(value)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in ("path", "use"):
            assert self.open.pop() == tag


def test_four_files_are_written_and_agree(evaluated, root, labels):
    assert sorted(path.name for path in evaluated.iterdir()) == [
        "errors.jsonl", "metrics.json", "predictions.jsonl", "report.html",
    ]  # fmt: skip
    metrics, wrong = read_json(evaluated / "metrics.json"), read_lines(evaluated / "errors.jsonl")
    predictions = {record["id"]: record for record in read_lines(evaluated / "predictions.jsonl")}
    gold = {record.id: record for record in read_labelled(root / "tests/data/smoke.jsonl", labels)}
    assert set(predictions) == set(gold)
    assert {"topics", "positions", "stance", "calibration", "confusion", "slices", "mistakes"} <= set(metrics)
    assert metrics["mistakes"]["n_paragraphs"] == len(wrong)
    assert [record["loss"] for record in wrong] == sorted((record["loss"] for record in wrong), reverse=True)
    by_kind = metrics["mistakes"]["by_kind"]
    for kind, counted in by_kind.items():
        assert counted["mistakes"] == sum(record["kinds"].get(kind, 0) for record in wrong)
    topic_mistakes = by_kind["topic_missed"]["mistakes"] + by_kind["topic_extra"]["mistakes"]
    assert topic_mistakes == sum(len(set(gold[i].topics) ^ set(predictions[i]["topics"])) for i in gold)
    for record in wrong:
        assert record["predicted"]["topic_probs"] == predictions[record["id"]]["topic_probs"]
        assert record["gold"]["topics"] == list(gold[record["id"]].topics)
    assert sum(sum(row.values()) for row in metrics["confusion"]["stance"].values()) == metrics["positions"]["support"]


def test_the_report_is_one_page_of_its_own_with_every_part(evaluated, labels):
    text = (evaluated / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open and not page.loads and len(page.ids) == len(set(page.ids))
    assert not re.search(r"@import|url\((?!#)|<script", text)
    assert {"measures", "curves", "calibration", "stances", "slices", "mistakes", "worst"} <= set(page.ids)
    assert text.count("<svg") == 2
    assert text.count('<section class="para">') == min(N_WORST, len(read_lines(evaluated / "errors.jsonl")))
    assert text.count('<div dir="rtl" lang="ar">') == 2 * text.count('<section class="para">')
    assert 'class="chip wrong"' in text and "(too small)" in text and "prefers-color-scheme: dark" in text


def test_every_probability_shown_is_the_calibrated_one(folder, evaluated, tmp_path, labels):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    right, raw, logits = calibrated(folder, TEXT.split("\n"))
    assert abs(right - raw).min() > 1e-3  # else nothing is tested
    for ending in ("jsonl", "csv", "parquet", "html"):
        fiqra("predict", tmp_path / "a.txt", "--tagger", folder, "-o", tmp_path / f"o.{ending}")
    records = read_lines(tmp_path / "o.jsonl")
    for i, record in enumerate(records):
        assert list(record["topic_probs"].values()) == pytest.approx(right[i], abs=1e-5)
        rows = logits[i].stance[0] / STANCE_TEMPERATURE  # the implied holder's, at the first token
        stances = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
        implied = [position for position in record["positions"] if position["actor"] is None]
        assert implied
        for position in implied:
            k, column = labels.topic_index(position["topic"]), labels.stance_column(position["stance"])
            assert position["prob"] == pytest.approx(right[i, k] * stances[k, column], abs=1e-5)
    for own, record in zip(pq.read_table(tmp_path / "o.parquet").to_pylist(), records, strict=True):
        assert (dict(own["topic_probs"]), own["positions"]) == (record["topic_probs"], record["positions"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "o.csv").read_text(encoding="utf-8-sig"), newline="")))
    for row in rows:
        record = records[int(row["para"])]
        assert float(row["topic_prob"]) == round(record["topic_probs"][row["topic"]], 4)
        assert not row["prob"] or float(row["prob"]) in {round(p["prob"], 4) for p in record["positions"]}
    html = (tmp_path / "o.html").read_text(encoding="utf-8")
    shown = [int(n) for n in re.findall(r'class="chip".*?(\d+)٪', html)]
    assert shown == [round(100 * record["topic_probs"][topic]) for record in records for topic in record["topics"]]

    predictions = read_lines(evaluated / "predictions.jsonl")
    right, _, _ = calibrated(folder, [record["text"] for record in predictions])
    found = [list(record["topic_probs"].values()) for record in predictions]
    assert np.array(found) == pytest.approx(right, abs=1e-5)
    after = read_json(evaluated / "metrics.json")["calibration"]["topics"]
    assert [own["temperature"] for own in after.values()] == list(TEMPERATURES)
    for k, topic in enumerate(labels.topic_ids):
        mean = sum(b["n"] * b["mean_prob"] for b in after[topic]["after"]["bins"]) / len(right)
        assert mean == pytest.approx(right[:, k].mean(), abs=1e-5)
    report = (evaluated / "report.html").read_text(encoding="utf-8")
    (worst, *_) = read_lines(evaluated / "errors.jsonl")
    card = report[report.index('<section class="para">') :].split("</section>")[0]
    shown = [int(n) for n in re.findall(r'class="chip[^"]*".*?(\d+)٪', card.split("<h4>gold</h4>")[0])]
    assert shown == [round(100 * worst["predicted"]["topic_probs"][topic]) for topic in worst["predicted"]["topics"]]


def write(path, *records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def record(i, **changed):
    return {
        "id": f"p{i}",
        "doc": f"d{i}",
        "para": 0,
        "text": "أعلنت بغداد الهدنة.",
        "topics": [],
        "positions": [],
    } | changed


def test_data_without_examples_is_marked_and_never_a_nan(folder, tmp_path):
    reported = [record(i, topics=["ceasefire"]) for i in range(3)]
    data = write(tmp_path / "g.jsonl", *reported, record(3))
    result = fiqra("evaluate", folder, data, "-o", tmp_path / "out", "--resamples", 0)
    assert "no example of detainees, border_security, diplomacy" in result.stderr
    assert result.stdout.count("no example") == 4  # the three topics, and the stances
    metrics = read_json(tmp_path / "out/metrics.json")
    assert metrics["topics"]["without_example"] == ["detainees", "border_security", "diplomacy"]
    assert metrics["topics"]["per_topic"]["detainees"]["average_precision"] == {"value": None}
    assert metrics["positions"]["support"] == 0 and metrics["calibration"]["stance"]["after"] is None
    text = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "No example of detainees" in text and not re.search(r"\bnan\b|>inf<", text)
    assert "No intervals were asked for" in text


def test_wrong_data_is_refused_before_anything_is_written(folder, root, tmp_path):
    out = tmp_path / "out"
    good = write(tmp_path / "good.jsonl", record(1), record(2))
    no_id = record(1)
    del no_id["id"]
    (tmp_path / "empty.jsonl").write_text("")
    for files, said in (
        (
            [good, good],
            r"good\.jsonl: 2 ids stand in another file already \('p1' in .*good\.jsonl\); give each file once",
        ),
        ([good, write(tmp_path / "b.jsonl", record(2), record(3))], r"b\.jsonl: 1 ids stand in another file"),
        ([write(tmp_path / "twice.jsonl", record(1), record(1))], r"twice\.jsonl:2: id 'p1' stands on line 1 already"),
        ([write(tmp_path / "noid.jsonl", no_id)], r"noid\.jsonl:1: key 'id' is missing"),
        ([tmp_path / "empty.jsonl"], r"empty\.jsonl: holds no record"),
        ([good, tmp_path / "no.jsonl"], r"no\.jsonl: can't read it"),
        (
            [write(tmp_path / "other.jsonl", record(1, topics=["sports"]))],
            r"other\.jsonl:1: unknown topic 'sports'[\s\S]*tiny 0 knows the topics ceasefire, detainees",
        ),
    ):
        result = fiqra("evaluate", folder, *files, "-o", out, code=2)
        assert re.search(said, result.stderr), result.stderr
        assert not out.exists()


def test_an_output_that_would_do_harm_is_refused(folder, tmp_path):
    good = write(tmp_path / "good.jsonl", record(1))
    assert "is a tagger folder" in fiqra("evaluate", folder, good, "-o", folder, code=2).stderr
    assert "is a file; name a folder" in fiqra("evaluate", folder, good, "-o", good, code=2).stderr
    assert "can't make the folder" in fiqra("evaluate", folder, good, "-o", good / "x", code=2).stderr


def test_damaged_weights_are_told(folder, tmp_path, monkeypatch):
    run = Tagger.run

    def damaged(self, *arguments, **options):
        logits = run(self, *arguments, **options)
        logits[0].topic[0] = np.nan
        return logits

    monkeypatch.setattr(Tagger, "run", damaged)
    result = fiqra("evaluate", folder, write(tmp_path / "g.jsonl", record(1)), "-o", tmp_path / "out", code=2)
    assert "its logits for 'p1' are not finite; its weights are damaged" in result.stderr
    assert not list((tmp_path / "out").iterdir())
