import pytest
import torch
import transformers

from fiqra.model.encoder import load_encoder, merge_adapter
from fiqra.model.errors import TaggerError
from fiqra.model.network import Context, TaggerNetwork


def test_shapes_and_padding(tiny_encoder):
    _, encoder = load_encoder(str(tiny_encoder))
    network = TaggerNetwork(encoder, n_topics=2, n_stances=3, head_width=8, n_sets=2).eval()
    ids = torch.randint(4, 100, (3, 10))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        plain = network(ids, mask)
        padded = network(torch.nn.functional.pad(ids, (0, 7), value=1), torch.nn.functional.pad(mask, (0, 7)))
    assert [tuple(part.shape) for part in plain] == [(3, 2), (3, 10, 3), (3, 10, 2, 4)]
    assert torch.allclose(plain.topic, padded.topic, atol=1e-5)
    assert torch.allclose(plain.actor, padded.actor[:, :10], atol=1e-5)
    assert torch.allclose(plain.stance, padded.stance[:, :10], atol=1e-5)


def test_the_answer_is_the_mean_of_what_the_sets_of_heads_say(tiny_encoder):
    _, encoder = load_encoder(str(tiny_encoder))
    network = TaggerNetwork(encoder, n_topics=2, n_stances=3, head_width=8, n_sets=3).eval()
    ids = torch.randint(4, 100, (3, 10))
    with torch.inference_mode():
        answer = network(ids, torch.ones_like(ids))
        each = network(ids, torch.ones_like(ids), each=True)
    assert len(each) == 3
    for part, own in zip(answer, zip(*each, strict=True), strict=True):
        assert torch.allclose(part, torch.stack(own).mean(0), atol=1e-6)
        assert not torch.allclose(own[0], own[1], atol=1e-3)


def test_a_token_knows_on_which_side_of_it_another_stands():
    context = Context(6, 8, dropout=0.0)
    states = torch.randn(1, 9, 6)
    turned = states.clone()
    turned[0, [3, 5]] = states[0, [5, 3]]
    mask = torch.ones(1, 9, dtype=torch.long)
    with torch.inference_mode():
        assert not torch.allclose(context(states, mask)[0, 4], context(turned, mask)[0, 4], atol=1e-3)


def test_a_merged_adapter_gives_what_peft_gives(tiny_encoder):
    peft = pytest.importorskip("peft")
    _, encoder = load_encoder(str(tiny_encoder))
    linear = [name for name, module in encoder.named_modules() if isinstance(module, torch.nn.Linear)]
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=linear, init_lora_weights=False)
    adapted = peft.inject_adapter_in_model(config, encoder).eval()
    state = peft.get_peft_model_state_dict(adapted)
    _, merged = load_encoder(str(tiny_encoder))
    ids = torch.randint(4, 100, (2, 9))
    with torch.inference_mode():
        before = merged.eval()(ids).last_hidden_state
        merge_adapter(merged, state, scale=2.0)
        after, theirs = merged(ids).last_hidden_state, adapted(ids).last_hidden_state
    assert torch.allclose(after, theirs, atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-2)
    with pytest.raises(TaggerError, match="does not fit the encoder"):
        merge_adapter(merged, {"encoder.nowhere.lora_A.weight": torch.ones(4, 4)}, scale=1.0)


@pytest.mark.parametrize("form", ["bert", "xlm-roberta", "deberta-v2"])
@pytest.mark.parametrize("n_frozen", [1, 2, 3])
def test_going_on_from_the_frozen_layers_gives_what_the_whole_encoder_gives(form, n_frozen):
    size = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.AutoConfig.for_model(form, vocab_size=50, pad_token_id=0, relative_attention=True, **size)
    network = TaggerNetwork(
        transformers.AutoModel.from_config(config), n_topics=2, n_stances=3, head_width=8, n_sets=2
    ).eval()
    network.n_frozen = n_frozen
    keys = list(network.state_dict())
    ids = torch.randint(4, 50, (3, 12))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    with torch.inference_mode():
        whole = network(ids, mask)
        lowest = network.states(ids, mask, network.lowest_layers)
        lowest[1, 7:] = 0  # what a batch is padded with
        above = network(ids, mask, lowest=lowest)
    assert torch.allclose(above.topic, whole.topic, atol=1e-5)
    assert torch.allclose(above.actor[mask == 1], whole.actor[mask == 1], atol=1e-5)
    assert torch.allclose(above.stance[mask == 1], whole.stance[mask == 1], atol=1e-5)
    assert list(network.state_dict()) == keys
