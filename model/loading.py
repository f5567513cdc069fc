"""From a tagger's settings and tensors to its network."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from .encoder import build_encoder, load_encoder, merge_adapter
from .errors import TaggerError
from .network import TaggerNetwork

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from .settings import TaggerSettings

_ADAPTER, _ENCODER, _HEADS = "adapter.", "encoder.", "heads."


def build_network(
    settings: "TaggerSettings", tensors: dict[str, torch.Tensor], tokenizer: "Tokenizer"
) -> TaggerNetwork:
    """Build the network whose heads, and adapter or whole encoder, are in `tensors`.

    Raises:
        TaggerError: the tensors, the encoder and the settings don't fit together.
    """
    if settings.encoder_config is None:
        own_tokenizer, encoder = load_encoder(settings.encoder)
        if own_tokenizer.get_vocab() != tokenizer.get_vocab():
            raise TaggerError(
                f"tagger {settings.name!r}: the encoder {settings.encoder!r} found here is not the one it was trained "
                "on: their vocabularies differ; use the versions of fiqra and of the encoder that made the tagger"
            )
        adapter = {key.removeprefix(_ADAPTER): t for key, t in tensors.items() if key.startswith(_ADAPTER)}
        merge_adapter(encoder, adapter, scale=settings.adapter_scale)
        expected: Iterable[str] = (_HEADS,)
    else:
        encoder = build_encoder(settings.encoder_config)
        expected = (_HEADS, _ENCODER)
    network = TaggerNetwork(
        encoder,
        n_topics=len(settings.labels.topics),
        n_stances=len(settings.labels.stances),
        head_width=settings.head_width,
        n_sets=settings.head_sets,
    )
    state = {key: tensor.float() for key, tensor in tensors.items() if key.startswith(tuple(expected))}
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise TaggerError(f"tagger {settings.name!r}: its weights do not fit its config: {error}") from error
    missing = [key for key in missing if key.startswith(tuple(expected)) and not key.endswith("position_ids")]
    if missing or unexpected:
        raise TaggerError(f"tagger {settings.name!r}: weights missing {missing[:3]}, not expected {unexpected[:3]}")
    return network
