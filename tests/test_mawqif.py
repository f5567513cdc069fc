"""Mawqif's converter, split and measure, on tweets invented here."""

import argparse
import csv
import itertools
import json

import mawqif
import pytest

from fiqra.model.errors import DataError
from fiqra.model.labels import LabelSet
from fiqra.training.metrics import StanceAnswer

WORDS = {"Favor": "أنا مع", "Against": "أنا ضد", "None": "سمعت عن"}
NAMES = {
    "Covid Vaccine": "لقاح كورونا",
    "Digital Transformation": "التحول الرقمي",
    "Women empowerment": "تمكين المرأة",
}


def write(path, rows, fields=("ID", "text", "target", "stance", "sarcasm")):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def tweets(tmp_path):
    rows = [
        {"ID": str(i), "text": f"{WORDS[stance]} {NAMES[target]} يا جماعة {i}", "target": target, "stance": stance}
        for i, (target, stance, _) in enumerate(itertools.product(mawqif.TARGETS, mawqif.STANCES, range(10)), 1)
    ]
    rows.append({**rows[0], "ID": "91"})  # the same text once more
    return write(tmp_path / "tweets.csv", rows)


def test_tweets_become_records_of_an_implied_holder(tweets, root):
    records = mawqif.read_tweets(tweets)
    assert len(records) == 91
    first = records[0].to_json()
    assert (first["id"], first["topics"]) == ("mawqif-1", ["covid_vaccine"])
    assert first["positions"] == [{"actor": None, "topic": "covid_vaccine", "stance": "favor"}]
    assert records[90].doc == records[0].doc
    labels = LabelSet.from_yaml(root / "configs/mawqif-labels.yaml")
    assert set(labels.topic_ids) == set(mawqif.TARGETS.values())
    assert set(labels.stance_ids) == set(mawqif.STANCES.values())


def test_every_mistake_is_told_with_its_line(tmp_path):
    row = {"ID": "1", "text": "نص", "target": "Covid Vaccine", "stance": "Favor"}
    path = write(tmp_path / "a.csv", [row, {**row, "stance": "Favour"}, {**row, "text": " ", "target": "Sport"}])
    with pytest.raises(DataError) as error:
        mawqif.read_tweets(path)
    assert str(error.value).splitlines() == [
        f"{path}:3: stance: unknown value 'Favour' (did you mean 'Favor'?)",
        f"{path}:4: text: is empty",
        f"{path}:4: target: unknown value 'Sport'",
    ]
    with pytest.raises(DataError, match="no column stance"):
        mawqif.read_tweets(write(tmp_path / "b.csv", [row], ("ID", "text", "target")))
    with pytest.raises(DataError, match="can't read it"):
        mawqif.read_tweets(tmp_path / "none.csv")


def test_the_split_keeps_shares_and_same_texts_together(tweets):
    records = mawqif.read_tweets(tweets)
    train, dev, test = mawqif.split(records, n_parts=2, seed=0)
    assert len(train) + len(dev) + len(test) == 91 and len(dev) in (9, 10) and len(test) in (9, 10)
    docs = [{record.doc for record in part} for part in (train, dev, test)]
    assert not docs[0] & docs[1] and not docs[0] & docs[2] and not docs[1] & docs[2]
    for part in (dev, test):
        assert len({(p.topic, p.stance) for record in part for p in record.positions}) == 9
    assert mawqif.split(records, n_parts=2, seed=0) == [train, dev, test]
    assert mawqif.split(records, n_parts=2, seed=1) != [train, dev, test]


def test_the_measure_is_the_mean_of_favor_and_against_worked_by_hand(tweets, root):
    labels = LabelSet.from_yaml(root / "configs/mawqif-labels.yaml")
    gold = mawqif.read_tweets(tweets)[:90:10]  # each target with each stance, once
    said = ["favor", "against", "none", "favor", "favor", "none", "none", "against", "favor"]
    stances = [
        StanceAnswer(i, r.positions[0].topic, r.positions[0].stance, own)
        for i, (r, own) in enumerate(zip(gold, said, strict=True))
    ]
    found = {key: leaf["value"] for key, leaf in mawqif.stance_measures(gold, stances, labels).items()}
    assert found["covid_vaccine"] == 1
    assert found["digital_transformation"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["women_empowerment"] == pytest.approx((0 + 1) / 2)
    assert found["mean"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    favor, against = 2 * 2 / (3 + 4), 2 * 2 / (3 + 2)  # F1 = 2 TP / (gold + predicted)
    assert found["pooled"] == pytest.approx((favor + against) / 2)


def test_it_trains_and_reports_beside_published_figures(tweets, tmp_path, tiny_encoder):
    overrides = [
        f"encoder.name={tiny_encoder}", "encoder.adapter=null", "encoder.frozen_layers=0", "encoder.max_length=64",
        "heads.width=16", "heads.warmup_epochs=1", "training.epochs=1", "training.device=cpu", "training.precision=fp32",
    ]  # fmt: skip
    out = tmp_path / "out"
    lines = mawqif.run(
        argparse.Namespace(csv=tweets, overrides=overrides, test=None, output=out, max_train=40, seed=0, resume=False)
    )
    assert lines[0].startswith("trained on 40 tweets, measured on 9")
    table = "\n".join(lines)
    assert "| women_empowerment | " in table and "| fiqra, this run | " in table and "84.38" in table
    kept = json.loads((out / "stanceeval.json").read_text())
    assert set(kept) == {*mawqif.TARGETS.values(), "mean", "pooled"}
    assert (out / "tagger/config.json").is_file() and (out / "test.jsonl").is_file()
    tested = mawqif.run(
        argparse.Namespace(csv=tweets, overrides=overrides, test=tweets, output=out, max_train=40, seed=0, resume=False)
    )
    assert tested[0] == "trained on 40 tweets, measured on 91 (tweets.csv)"
