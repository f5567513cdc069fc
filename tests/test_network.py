import pytest
import torch

from fiqra.model.encoder import load_encoder, merge_adapter
from fiqra.model.errors import TaggerError
from fiqra.model.network import TaggerNetwork


def test_shapes_and_padding(tiny_encoder):
    _, encoder = load_encoder(str(tiny_encoder))
    network = TaggerNetwork(encoder, n_topics=2, n_stances=3, head_width=8).eval()
    ids = torch.randint(4, 100, (3, 10))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        plain = network(ids, mask)
        padded = network(torch.nn.functional.pad(ids, (0, 7), value=1), torch.nn.functional.pad(mask, (0, 7)))
    assert [tuple(part.shape) for part in plain] == [(3, 2), (3, 10, 3), (3, 10, 2, 4)]
    assert torch.allclose(plain.topic, padded.topic, atol=1e-5)
    assert torch.allclose(plain.actor, padded.actor[:, :10], atol=1e-5)
    assert torch.allclose(plain.stance, padded.stance[:, :10], atol=1e-5)


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
