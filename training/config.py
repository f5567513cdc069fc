"""Training configs: YAML with command-line overrides -> checked settings, all mistakes told at once."""

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..model.errors import FiqraError, did_you_mean
from ..model.yaml_files import read_yaml


class ConfigError(FiqraError):
    """A training config that can't be used; the text lists every mistake with its dotted key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AdapterConfig(_Section):
    """A low-rank adapter on every linear layer that is not frozen, in place of full fine-tuning."""

    rank: int = Field(16, ge=1, le=256)
    scale: float = Field(2.0, gt=0, description="multiplies the adapter's product (alpha / rank in LoRA's terms)")
    dropout: float = Field(0.0, ge=0, lt=1)
    up_rate: float = Field(1.0, gt=0, description="learning rate of the matrices that start at zero, in encoder rates")


class EncoderConfig(_Section):
    name: str = Field(description="'bundled', a folder, or a hub id")
    normalisation: Literal["news", "arabert", "none"] = "news"
    max_length: int = Field(512, ge=16, description="tokens a window")
    adapter: AdapterConfig | None = None
    frozen_layers: int = Field(0, ge=0, description="lowest layers that stay as they are")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside the encoder")
    trust_remote_code: bool = False


class HeadsConfig(_Section):
    width: int = Field(128, ge=8)
    sets: int = Field(2, ge=1, description="sets of heads, each trained on its own loss, their logits averaged")
    warmup_epochs: int = Field(5, ge=0, description="that the heads train alone first, on the untouched encoder")
    warmup_learning_rate: float = Field(1e-3, gt=0)
    dropout: float = Field(0.3, ge=0, lt=1)


class BagOfWordsConfig(_Section):
    share: float = Field(0.5, ge=0, lt=1, description="in a topic's logit, beside the network's; 0: none is fitted")


class DataFile(_Section):
    path: Path
    weight: float = Field(1.0, gt=0, description="of each of the file's paragraphs, for the network and the bag")


class DataConfig(_Section):
    train: list[DataFile] = Field(min_length=1)
    dev: list[DataFile] = Field(min_length=1)


class LossConfig(_Section):
    topic: float = Field(1.0, ge=0)
    actor: float = Field(5.0, ge=0, description="nine tokens in ten are in no actor, so its mean is small")
    actor_off_topic: float = Field(
        0.2, ge=0, le=1, description="weight of paragraphs without a topic, where nobody is an actor whatever they say"
    )
    stance: float = Field(1.0, ge=0)
    balance: float = Field(0.3, ge=0, le=1, description="0: rare labels count as they come; 1: as much as common ones")
    no_position: float = Field(0.3, ge=0, description="weight of 'no position' beside a stance")


class TrainingConfig(_Section):
    epochs: int = Field(5, ge=0, description="of encoder and heads together; 0: the heads' warm-up is all")
    batch_tokens: int = Field(2048, ge=16, description="tokens a batch and process, padding included")
    encoder_learning_rate: float = Field(4e-4, gt=0)
    head_learning_rate: float = Field(4e-4, gt=0, description="beside the encoder, after the heads' warm-up")
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps")
    off_topic: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of paragraphs without a topic that the network trains on; they weigh as much as all would",
    )
    max_grad_norm: float = Field(1.0, gt=0)
    patience: int = Field(2, ge=1, description="epochs without a better score on dev before it stops")
    seed: int = Field(13, ge=0)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class RunConfig(_Section):
    """A whole run. Paths in a file are relative to the file; in command-line overrides, to the working folder."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = "0.1.0"
    labels: Path
    output: Path
    encoder: EncoderConfig
    heads: HeadsConfig = HeadsConfig()  # type: ignore[call-arg]
    bag_of_words: BagOfWordsConfig = BagOfWordsConfig()  # type: ignore[call-arg]
    data: DataConfig
    loss: LossConfig = LossConfig()  # type: ignore[call-arg]
    training: TrainingConfig = TrainingConfig()  # type: ignore[call-arg]

    def to_yaml(self) -> str:
        """Return the resolved config, every default written out, paths absolute."""
        return yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False)


def load_config(path: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a config, apply `key.sub=value` overrides (values in YAML), and check it in full.

    Raises:
        ConfigError: every mistake at once: dotted key, what was found, what was expected, the nearest known name.
    """
    path = Path(path)
    content = read_yaml(path, "the config", ConfigError)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    _anchor_paths(content, path.resolve().parent)
    for override in overrides or []:
        _apply(content, override)
    _anchor_paths(content, Path.cwd())
    try:
        config = RunConfig.model_validate(content)
    except ValidationError as error:
        lines = [_say(detail) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{path}: {line}" for line in lines)) from None
    mistakes = [
        f"{path}: {key}: no file {file}"
        for key, file in [("labels", config.labels)]
        + [
            (f"data.{split}[{i}].path", f.path)
            for split in ("train", "dev")
            for i, f in enumerate(getattr(config.data, split))
        ]
        if not file.is_file()
    ]
    if not config.training.epochs and not config.heads.warmup_epochs:
        mistakes.append(f"{path}: training.epochs: 0, and heads.warmup_epochs: 0: nothing would be trained")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return config


def _anchor_paths(content: dict[str, Any], base: Path) -> None:
    """Make the paths absolute; data files may be written short, as a path alone or a single entry."""
    for key in ("labels", "output"):
        if isinstance(content.get(key), str):
            content[key] = os.path.normpath(base / content[key])
    data = content.get("data")
    for split in ("train", "dev"):
        if not isinstance(data, dict) or split not in data:
            continue
        entries = data[split] if isinstance(data[split], list) else [data[split]]
        entries = [{"path": entry} if isinstance(entry, str) else entry for entry in entries]
        data[split] = [
            {**entry, "path": os.path.normpath(base / entry["path"])}
            if isinstance(entry, dict) and isinstance(entry.get("path"), str)
            else entry
            for entry in entries
        ]


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"override {override!r}: expected key.sub=value")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: {value!r} is not a YAML value: {error}") from error
    if isinstance(parsed, str):
        parsed = _number(parsed)
    *parents, last = key.split(".")
    section = content
    for parent in parents:
        if not isinstance(section.get(parent), dict):
            section[parent] = {}
        section = section[parent]
    section[last] = parsed


def _number(value: str) -> str | float:
    """YAML 1.1 takes 5e-4 for a string; people mean a number."""
    try:
        return float(value)
    except ValueError:
        return value


def _say(detail: Any) -> str:
    key = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in detail["loc"]).replace(".[", "[")
    if detail["type"] == "extra_forbidden":
        known = _known_keys([part for part in detail["loc"][:-1] if isinstance(part, str)])
        near = did_you_mean(str(detail["loc"][-1]), known, cutoff=0.5)
        return f"{key}: unknown key{near or '; known here: ' + ', '.join(known)}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    message = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key}: expected {message}, found {detail['input']!r}"


def _known_keys(sections: list[str]) -> list[str]:
    model: Any = RunConfig
    for name in sections:
        annotation = model.model_fields[name].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        model = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)
