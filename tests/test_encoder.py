import pytest

from fiqra.model.encoder import load_encoder, window_size
from fiqra.model.errors import TaggerError


def test_no_hub_in_reach_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TaggerError) as error:
        load_encoder("aubmindlab/no-such-encoder")
    assert "aubmindlab/no-such-encoder" in str(error.value)
    assert "use 'bundled', or copy the encoder's folder" in str(error.value)


def test_the_window_is_no_wider_than_the_encoder(tiny_encoder):
    _, encoder = load_encoder(str(tiny_encoder))
    assert window_size(encoder, 512) == 256
    assert window_size(encoder, 32) == 32
