import pytest
import yaml

from fiqra.training.config import ConfigError, load_config


def test_every_shipped_config_is_whole_and_its_keys_are_read(root):
    paths = sorted(
        path for path in (root / "configs").glob("*.yaml") if not path.name.endswith(("labels.yaml", "actors.yaml"))
    )
    assert [path.name for path in paths] == ["arabert.yaml", "mawqif.yaml", "mini.yaml", "smoke.yaml"]
    smoke = root / "tests/data/smoke.jsonl"
    for path in paths:  # mawqif.yaml's data is written by benchmarks/mawqif.py
        overrides = [f"data.train={smoke}", f"data.dev={smoke}"] if path.name == "mawqif.yaml" else []
        config = load_config(path, overrides)
        assert yaml.safe_load(config.to_yaml())["name"] == config.name


def test_all_mistakes_are_told_at_once_with_key_and_nearest_name(write_config):
    path = write_config(
        training={"epoch": 3, "seed": "x"},
        encoder={"normalization": "news", "max_length": 2},
        loss={"balance": 4},
        nme="t",
    )
    with pytest.raises(ConfigError) as error:
        load_config(path)
    message = str(error.value)
    for part in (
        "training.epoch: unknown key (did you mean 'epochs'?)",
        "encoder.normalization: unknown key (did you mean 'normalisation'?)",
        "training.seed: expected a valid integer",
        "found 'x'",
        "encoder.max_length: expected greater than or equal to 16, found 2",
        "loss.balance: expected less than or equal to 1, found 4",
        "nme: unknown key (did you mean 'name'?)",
    ):
        assert part in message, message


def test_overrides_are_yaml_and_paths_are_relative_to_where_they_stand(write_config, tmp_path, monkeypatch, root):
    monkeypatch.chdir(root)
    config = load_config(
        write_config(),
        [
            "training.encoder_learning_rate=5e-4",
            "encoder.adapter={rank: 2}",
            "data.dev=tests/data/smoke.jsonl",
            "output=x",
        ],
    )
    assert config.training.encoder_learning_rate == 5e-4
    assert config.encoder.adapter.rank == 2
    assert config.data.dev[0].path == root / "tests/data/smoke.jsonl"
    assert config.output == root / "x"
    for override, said in (
        ("training.epochs", "expected key.sub=value"),
        ("training.epoch=3", "did you mean 'epochs'"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_config(write_config(), [override])


def test_files_that_are_not_there_are_told_before_anything_is_loaded(write_config):
    with pytest.raises(ConfigError) as error:
        load_config(write_config(data={"train": ["a.jsonl", {"path": "b.jsonl", "weight": 2}]}, labels="no.yaml"))
    for part in ("data.train[0].path: no file", "data.train[1].path: no file", "labels: no file"):
        assert part in str(error.value)


def test_a_run_that_would_train_nothing_is_an_error(write_config):
    path = write_config(training={"epochs": 0}, heads={"warmup_epochs": 0})
    with pytest.raises(ConfigError, match="nothing would be trained"):
        load_config(path)
