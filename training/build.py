"""From a config to a network with its adapter, and from a trained network to the tensors that a tagger keeps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..model.bag_of_words import BagOfWords
from ..model.inference import EncodedParagraph
from ..model.labels import LabelSet
from ..model.network import Standardise, TaggerNetwork
from .config import ConfigError, RunConfig


def build_network(encoder: Any, config: RunConfig, labels: LabelSet) -> TaggerNetwork:
    """Return the network with heads at random.

    Raises:
        ConfigError: every layer of the encoder is to be frozen.
    """
    n_frozen = config.encoder.frozen_layers if config.training.epochs else 0
    if n_frozen >= (n_layers := int(encoder.config.num_hidden_layers)):
        raise ConfigError(
            f"encoder.frozen_layers: {n_frozen}: {config.encoder.name} has {n_layers} layers, so none would be left "
            "to train; lower it, or train the heads alone with training.epochs=0"
        )
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.encoder.dropout
    if hasattr(encoder.config, "attention_probs_dropout_prob"):
        encoder.config.attention_probs_dropout_prob = config.encoder.dropout
        encoder.config.hidden_dropout_prob = config.encoder.dropout
    network = TaggerNetwork(
        encoder,
        n_topics=len(labels.topics),
        n_stances=len(labels.stances),
        head_width=config.heads.width,
        n_sets=config.heads.sets,
        dropout=config.heads.dropout,
    )
    network.n_frozen = n_frozen
    return network


def free_to_train(network: TaggerNetwork, config: RunConfig) -> None:
    """Put the adapter into the encoder, or freeze its lowest layers: what is left with a gradient is what trains.

    The adapter comes last, so that what reads the encoder as it is, before training, reads it at full speed.
    """
    encoder = network.encoder
    n_frozen = network.n_frozen
    lowest = encoder.encoder.layer[:n_frozen] if n_frozen else []  # not every encoder has its layers there
    if config.encoder.adapter is not None:
        from peft import LoraConfig, inject_adapter_in_model  # takes seconds to import

        adapter = config.encoder.adapter
        frozen = {id(module) for layer in lowest for module in layer.modules()}
        linear = [name for name, m in encoder.named_modules() if isinstance(m, nn.Linear) and id(m) not in frozen]
        alpha = adapter.scale * adapter.rank
        lora = LoraConfig(r=adapter.rank, lora_alpha=alpha, lora_dropout=adapter.dropout, target_modules=linear)
        network.encoder = inject_adapter_in_model(lora, encoder)
    elif n_frozen:
        encoder.get_input_embeddings().requires_grad_(False)
        for layer in lowest:
            layer.requires_grad_(False)


def fit_standardisation(network: TaggerNetwork, encoded: Sequence[EncodedParagraph]) -> None:
    """Fit the heads' standardisation on the first tokens of a few dozen paragraphs, spread over the training set."""
    sample = encoded[:: max(1, len(encoded) // 64)]
    network.eval()
    with torch.inference_mode():
        ids = [torch.tensor([enc.ids[:64]]) for enc in sample]
        states = [network.states(own, torch.ones_like(own))[0] for own in ids]
    standardise = network.heads["standardise"]
    assert isinstance(standardise, Standardise)
    standardise.fit(torch.cat(states))


def stored_tensors(network: TaggerNetwork, bag: BagOfWords | None, config: RunConfig) -> dict[str, Tensor]:
    """Return what a tagger folder keeps: heads, bag of words, and the adapter or whole encoder where trained.

    Adapter and heads are rounded to half precision, which halves the folder; thresholds are fitted after it.
    """
    state = {key: tensor.detach().cpu() for key, tensor in network.state_dict().items()}
    kept = {key: tensor.half().float() for key, tensor in state.items() if key.startswith("heads.")}
    if bag:
        kept |= {key: torch.from_numpy(array) for key, array in bag.to_tensors().items()}
    if not config.training.epochs:
        return kept
    if config.encoder.adapter is None:
        return kept | {key: tensor for key, tensor in state.items() if key.startswith("encoder.")}
    from peft import get_peft_model_state_dict

    adapter = get_peft_model_state_dict(network.encoder)
    return kept | {f"adapter.{key}": tensor.detach().cpu().half().float() for key, tensor in adapter.items()}
