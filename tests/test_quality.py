"""The benchmark beside named peers, on the tiny encoder and a few paragraphs."""

import argparse
import json

import numpy as np
import pytest
import quality
from quality_methods import FITS, Settings

from fiqra.model.errors import FiqraError


@pytest.fixture
def arguments(root, tmp_path, tiny_encoder, tiny_tagger):
    """The command's arguments: trained on the first 24 smoke paragraphs, measured on others."""
    lines = (root / "tests/data/smoke.jsonl").read_text(encoding="utf-8").splitlines()
    documents = list(dict.fromkeys(json.loads(line)["doc"] for line in lines))
    for name, own in (("train", documents[:-3]), ("dev", documents[-3:])):
        kept = [line for line in lines if json.loads(line)["doc"] in own]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(kept), encoding="utf-8")
    tiny_tagger.save_pretrained(tmp_path / "tagger")
    return argparse.Namespace(
        train=[tmp_path / "train.jsonl"],
        dev=tmp_path / "dev.jsonl",
        output=tmp_path / "out",
        only=["tagger", "tfidf", "classifier"],
        tagger=str(tmp_path / "tagger"),
        encoder=str(tiny_encoder),
        epochs=1.0,
        setfit_iterations=1,
        max_train=None,
        seed=0,
    )


def test_every_method_comes_out_on_one_table_and_is_kept(arguments, capsys, monkeypatch):
    quality.run(arguments)
    first = capsys.readouterr().out
    head, _, *rows = [line for line in first.splitlines() if line.startswith("|")]
    assert head == "| | tagger | tfidf | classifier |"
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(quality.ROWS)
    cells = {row.split(" | ")[0].strip("| "): row.rstrip(" |").split(" | ")[1:] for row in rows}
    assert cells["positions, F1"][1:] == ["–", "–"] and cells["positions, F1"][0] != "–"
    assert "–" not in cells["topics, macro-F1"] + cells["topic + stance as sets, F1"]
    monkeypatch.setitem(FITS, "classifier", None)  # would fail if it were trained again
    quality.run(arguments)
    assert capsys.readouterr().out == first
    arguments.max_train = 5  # other data: what is kept is no answer
    with pytest.raises(TypeError):
        quality.run(arguments)


def test_documents_on_both_sides_are_refused(arguments):
    arguments.dev = arguments.train[0]
    with pytest.raises(FiqraError, match="documents stand in --train too"):
        quality.run(arguments)


def test_right_columns_come_out_as_right_answers(records, labels):
    truth = quality.columns(records, labels)
    assert truth.shape == (len(records), 4 + 4 * 3)
    tagged = quality.read_off(records, truth.astype(float), [0.5] * 16, labels, "gold")
    metrics = quality.measure(records, tagged, [], labels)
    assert metrics["topics"]["exact"]["value"] == 1
    assert metrics["topic_stance_sets"]["f1"]["value"] == 1
    assert metrics["topic_stance"]["precision"]["value"] == 1
    n_sets = sum(len({(p.topic, p.stance) for p in record.positions}) for record in records)
    n_all = sum(len(record.positions) for record in records)
    assert metrics["topic_stance"]["recall"]["value"] == pytest.approx(n_sets / n_all)


TEXTS = ["وقف إطلاق النار في غزة", "إغلاق المعبر الحدودي", "هدنة جديدة في حلب", "فتح المعبر أمام المسافرين"] * 4
TRUTH = np.array([[True, False], [False, True], [True, False], [False, True]] * 4)


def test_tfidf_learns_and_bears_a_column_that_never_holds(tiny_encoder):
    predict = FITS["tfidf"](TEXTS, np.hstack([TRUTH, np.zeros((16, 1), dtype=bool)]), Settings(str(tiny_encoder)))
    probs = predict(["هدنة في غزة", "المعبر الحدودي"])
    assert probs.shape == (2, 3)
    assert probs[0, 0] > 0.5 > probs[0, 1] and probs[1, 1] > 0.5 > probs[1, 0]
    assert (probs[:, 2] == 0).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.pin_memory:UserWarning")
def test_setfit_trains_on_the_tiny_encoder(tiny_encoder):
    pytest.importorskip("setfit", reason="the extra 'bench' is not installed here")
    predict = FITS["setfit"](TEXTS, TRUTH, Settings(str(tiny_encoder), setfit_iterations=1))
    probs = predict(TEXTS[:2])
    assert probs.shape == (2, 2) and ((probs >= 0) & (probs <= 1)).all()
