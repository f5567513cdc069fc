"""Train a tagger from a config: `transformers.Trainer` over `accelerate`, then fit thresholds, measure and save."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments, get_scheduler, set_seed

from ..model import inference
from ..model.bag_of_words import BagOfWords
from ..model.decode import Decoding
from ..model.device import Compute, choose_compute
from ..model.encoder import load_encoder, window_size
from ..model.labels import LabelSet
from ..model.network import Logits, TaggerNetwork
from ..model.records import LabelledParagraph
from ..model.tagger import Tagger, TaggerSettings
from ..model.torch_backend import TorchBackend
from .bag_of_words import fit_bag_of_words
from .build import build_network, fit_standardisation, free_to_train, stored_tensors
from .calibration import fit_decoding
from .checkpoint import RunStateCallback, last_checkpoint
from .config import DataFile, RunConfig
from .dataset import Collator, TokenBatchSampler, build_dataset, read_labelled, sample_off_topic
from .evaluate import read_off
from .loss import ClassWeights, tagging_loss
from .metrics import evaluate
from .report import model_card
from .states import WithStates, layer_states
from .warmup import warm_up_heads

logger = logging.getLogger(__name__)


def train(config: RunConfig, *, resume: bool = False) -> tuple[Tagger, dict[str, Any]]:
    """Train, and leave the tagger folder, checkpoints and logs in `config.output`.

    Args:
        resume: Go on from the run's last checkpoint, to the same result as if it had never stopped.

    Returns:
        The tagger as it was saved (the best epoch on dev, its thresholds and temperatures fitted there), and its
        measures on dev.

    Raises:
        FiqraError: the data, the encoder or the device is not as the config says.
    """
    labels = LabelSet.from_yaml(config.labels)
    train_records, weights = _read_files(config.data.train, labels)
    dev_records, _ = _read_files(config.data.dev, labels)
    resume_from = last_checkpoint(config.output) if resume else None
    compute = choose_compute(config.training.device, config.training.precision)
    set_seed(config.training.seed)
    tokenizer, encoder = load_encoder(config.encoder.name, trust_remote_code=config.encoder.trust_remote_code)
    window = window_size(encoder, config.encoder.max_length)
    pad_id = int(encoder.config.pad_token_id or 0)
    network = build_network(encoder, config, labels)
    encoded = inference.encode([r.text for r in train_records], tokenizer, config.encoder.normalisation)
    fit_standardisation(network, encoded)
    rows, row_weights = sample_off_topic(
        train_records, weights, share=config.training.off_topic, seed=config.training.seed
    )
    dataset, n_long = build_dataset(
        [train_records[i] for i in rows], [encoded[i] for i in rows], row_weights, labels=labels, window=window
    )
    logger.info("%d paragraphs to train on, %d for development", len(dataset), len(dev_records))
    if n_left := len(train_records) - len(rows):
        logger.info("%d further paragraphs, without a topic, are left out of the network's training", n_left)
    if n_long:
        logger.warning(
            "%d training paragraphs are longer than %d tokens: they train on their first part", n_long, window
        )
    bag = None
    if share := config.bag_of_words.share:
        logger.info("fitting the bag of words")
        bag = fit_bag_of_words([own.words for own in encoded], train_records, weights, labels, share=share)
    config.output.mkdir(parents=True, exist_ok=True)
    (config.output / "run.yaml").write_text(config.to_yaml(), encoding="utf-8")
    dev_encoded = inference.encode([r.text for r in dev_records], tokenizer, config.encoder.normalisation)
    loss_weights = ClassWeights.from_records(train_records, labels, config.loss)
    warms_up = bool(config.heads.warmup_epochs) and not resume_from
    layers = {*network.read_layers} if warms_up else set()
    layers |= {*network.lowest_layers} if network.n_frozen else set()
    states = layer_states(
        network, dataset, sorted(layers), pad_id=pad_id, batch_tokens=config.training.batch_tokens, compute=compute
    )
    if warms_up:
        examples = WithStates(dataset, states, network.read_layers)
        warm_up_heads(network, examples, config=config, loss_weights=loss_weights, pad_id=pad_id, compute=compute)
    set_seed(config.training.seed)
    if config.training.epochs:
        free_to_train(network, config)
        n_trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        logger.info("%.1f million weights trained", n_trained / 1e6)
        trainer = TaggerTrainer(
            network,
            config,
            compute,
            examples=WithStates(dataset, states, network.lowest_layers) if network.n_frozen else dataset,
            lengths=[len(ids) for ids in dataset["ids"]],
            pad_id=pad_id,
            loss_weights=loss_weights,
            on_dev=lambda net: _dev_measures(net, bag, dev_records, dev_encoded, labels, window, pad_id, compute),
            callbacks=[
                RunStateCallback(resume_from),
                EarlyStoppingCallback(early_stopping_patience=config.training.patience),
            ],
        )
        trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    tensors = stored_tensors(network, bag, config)
    whole = any(key.startswith("encoder.") for key in tensors)
    settings = TaggerSettings(
        name=config.name,
        version=config.version,
        encoder=config.encoder.name,
        labels=labels,
        decoding=Decoding.default(len(labels.topics)),
        normalisation=config.encoder.normalisation,
        max_length=config.encoder.max_length,
        head_width=config.heads.width,
        head_sets=config.heads.sets,
        bag_share=config.bag_of_words.share,
        adapter_scale=config.encoder.adapter.scale if config.encoder.adapter else 1.0,
        encoder_config=_plain_config(encoder) if whole else None,
    )
    tagger = Tagger(settings, tensors, tokenizer, compute)
    dev_logits = tagger.run(dev_encoded)
    tagger = tagger.with_decoding(fit_decoding(dev_records, dev_logits, dev_encoded, labels))
    tagged, stances = read_off(dev_records, dev_logits, dev_encoded, labels, tagger.settings.decoding)
    metrics = evaluate(dev_records, tagged, stances, labels)
    if PartialState().is_main_process:
        tagger.save_pretrained(
            config.output,
            extra_files={
                "metrics.json": json.dumps(metrics, ensure_ascii=False, indent=2) + "\n",
                "README.md": model_card(tagger.settings, config, metrics),
            },
        )
    return tagger, metrics


def _read_files(data_files: Sequence[DataFile], labels: LabelSet) -> tuple[list[LabelledParagraph], list[float]]:
    records: list[LabelledParagraph] = []
    weights: list[float] = []
    for file in data_files:
        own = read_labelled(file.path, labels)
        records += own
        weights += [file.weight] * len(own)
    return records, weights


def _plain_config(encoder: Any) -> dict[str, Any]:
    config: dict[str, Any] = encoder.config.to_diff_dict()
    config.pop("transformers_version", None)
    return {"model_type": encoder.config.model_type, **config}


def _dev_measures(
    network: TaggerNetwork,
    bag: BagOfWords | None,
    records: list[LabelledParagraph],
    encoded: list[inference.EncodedParagraph],
    labels: LabelSet,
    window: int,
    pad_id: int,
    compute: Compute,
) -> dict[str, float]:
    """Return the measures that an epoch is chosen by, thresholds fitted as they will be at the end."""
    logits = inference.run(TorchBackend(network, compute), encoded, window=window, pad_id=pad_id, bag=bag)
    decoding = fit_decoding(records, logits, encoded, labels)
    tagged, stances = read_off(records, logits, encoded, labels, decoding)
    measured = evaluate(records, tagged, stances, labels, n_resamples=0)
    chosen = {
        "topic_macro_f1": measured["topics"]["macro_f1"]["value"],
        "position_f1": measured["positions"]["f1"]["value"],
        "topic_stance_f1": measured["topic_stance"]["f1"]["value"],
        "stance_macro_f1": measured.get("stance", {}).get("macro_f1", {"value": 0.0})["value"],
    }
    return {**chosen, "score": sum(chosen.values()) / len(chosen)}


class TaggerTrainer(Trainer):  # type: ignore[misc]
    """`transformers.Trainer` with our loss, token-budget batches, two learning rates and our measures on dev."""

    def __init__(
        self,
        network: TaggerNetwork,
        config: RunConfig,
        compute: Compute,
        *,
        examples: Any,
        lengths: Sequence[int],
        pad_id: int,
        loss_weights: ClassWeights,
        on_dev: Callable[[TaggerNetwork], dict[str, float]],
        callbacks: list[Any],
    ) -> None:
        settings = config.training
        arguments = TrainingArguments(
            output_dir=str(config.output),
            num_train_epochs=settings.epochs,
            max_grad_norm=settings.max_grad_norm,
            seed=settings.seed,
            bf16=compute.bf16,
            use_cpu=compute.device.type == "cpu",
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=2,
            save_only_model=True,  # optimizer and random state are kept by RunStateCallback, without pickle
            load_best_model_at_end=True,
            metric_for_best_model="score",
            greater_is_better=True,
            restore_callback_states_from_checkpoint=True,
            logging_steps=10,
            report_to=["tensorboard"],
            remove_unused_columns=False,
            dataloader_pin_memory=compute.device.type != "cpu",
        )
        self._config = config
        self._loss_weights = loss_weights
        self._on_dev = on_dev
        self._pad_id = pad_id
        sampler = TokenBatchSampler(
            lengths,
            batch_tokens=settings.batch_tokens,
            seed=settings.seed,
            n_processes=arguments.world_size,
        )
        self._sampler = sampler
        n_steps = math.ceil(len(sampler) / arguments.world_size) * settings.epochs
        optimizer = _optimizer(network, config)
        schedule = get_scheduler(
            "linear", optimizer, num_warmup_steps=round(settings.warmup * n_steps), num_training_steps=n_steps
        )
        super().__init__(
            model=network,
            args=arguments,
            train_dataset=examples,
            eval_dataset=examples,  # never read: `evaluate` measures on dev; the library only insists that there is one
            data_collator=Collator(pad_id),
            optimizers=(optimizer, schedule),
            callbacks=callbacks,
        )

    def get_train_dataloader(self) -> Any:
        return self.accelerator.prepare(
            DataLoader(self.train_dataset, batch_sampler=self._sampler, collate_fn=self.data_collator)
        )

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any
    ) -> Tensor | tuple[Tensor, list[Logits]]:
        logits = model(inputs["input_ids"], inputs["attention_mask"], each=True, lowest=inputs.get("states"))
        loss = tagging_loss(logits, inputs, self._loss_weights, self._config.loss)
        return (loss, logits) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure on dev with the tagger's own decoding, where the library would compare logits."""
        measures = {
            f"eval_{key}": value for key, value in self._on_dev(self.accelerator.unwrap_model(self.model)).items()
        }
        self.log(measures)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, measures)
        return measures

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the weights alone; the library's own would add a pickle of its arguments."""
        folder = Path(output_dir or str(self.args.output_dir))
        if self.args.should_save:
            folder.mkdir(parents=True, exist_ok=True)
            state = self.accelerator.unwrap_model(self.model).state_dict()
            save_file({key: tensor.contiguous() for key, tensor in state.items()}, folder / "model.safetensors")


def _optimizer(network: TaggerNetwork, config: RunConfig) -> torch.optim.Optimizer:
    """AdamW with a learning rate each for the encoder, the heads, and an adapter's second matrices.

    These start at zero and learn faster for it (LoRA+, Hayou et al. 2024, arXiv:2402.12354). No decay of biases and
    norms.
    """
    settings = config.training
    up_rate = config.encoder.adapter.up_rate if config.encoder.adapter else 1.0
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = settings.head_learning_rate if name.startswith("heads.") else settings.encoder_learning_rate
            rate *= up_rate if "lora_B" in name else 1.0
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": settings.weight_decay if decays else 0.0}
            for (rate, decays), parameters in groups.items()
        ],
        fused=True,
    )
