"""The heads' warm-up: it teaches the heads and leaves the encoder as it was."""

import logging

import torch
import transformers

from fiqra.model.device import choose_compute
from fiqra.model.encoder import load_encoder
from fiqra.model.inference import encode
from fiqra.training.build import build_network, fit_standardisation
from fiqra.training.config import load_config
from fiqra.training.dataset import build_dataset
from fiqra.training.loss import ClassWeights
from fiqra.training.states import WithStates, layer_states
from fiqra.training.warmup import warm_up_heads


def warm_up(write_config, labels, records, **sections):
    config = load_config(write_config(**sections))
    torch.manual_seed(0)
    tokenizer, encoder = load_encoder(config.encoder.name)
    network = build_network(encoder, config, labels)
    encoded = encode([record.text for record in records], tokenizer, "news")
    fit_standardisation(network, encoded)
    dataset, _ = build_dataset(records, encoded, [1.0] * len(records), labels=labels, window=256)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    weights = ClassWeights.from_records(records, labels, config.loss)
    compute = choose_compute("cpu", "fp32")
    states = layer_states(network, dataset, network.read_layers, pad_id=1, batch_tokens=256, compute=compute)
    examples = WithStates(dataset, states, network.read_layers)
    warm_up_heads(network, examples, config=config, loss_weights=weights, pad_id=1, compute=compute)
    return before, network


def changed(before, network):
    return {key.split(".")[0] for key, tensor in network.state_dict().items() if not torch.equal(tensor, before[key])}


def test_only_the_heads_change_and_their_loss_falls(write_config, labels, records, caplog):
    with caplog.at_level(logging.INFO, "fiqra"):
        before, network = warm_up(write_config, labels, records, heads={"warmup_epochs": 8})
    assert changed(before, network) == {"heads"}
    losses = [record.args[1] for record in caplog.records if "heads alone" in record.msg]
    assert len(losses) == 8
    assert losses[-1] < 0.8 * losses[0]


def test_standardised_states_are_centred(write_config, labels, records):
    before, network = warm_up(write_config, labels, records, heads={"warmup_epochs": 1})
    after = network.state_dict()
    for name in ("mean", "deviation"):
        assert torch.equal(after[f"heads.standardise.{name}"], before[f"heads.standardise.{name}"])
    ids = torch.randint(4, 100, (4, 30))
    with torch.inference_mode():
        states = network.heads["standardise"](network.eval().states(ids, torch.ones_like(ids)))
    assert states.shape[-1] == 32 * len(network.read_layers)
    assert states.mean().abs() < 0.5
    assert 0.3 < states.std() < 3


def test_an_encoder_that_keeps_its_layers_elsewhere_trains_whole(write_config, labels):
    size = {"vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    encoder = transformers.DistilBertModel(transformers.DistilBertConfig(**size))
    network = build_network(encoder, load_config(write_config()), labels)
    assert all(parameter.requires_grad for parameter in network.parameters())
