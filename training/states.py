"""Token states of layers that stand still, computed once and read in every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from ..model.device import Compute
from ..model.network import TaggerNetwork
from .dataset import Collator, TokenBatchSampler


@dataclass(frozen=True)
class LayerStates:
    """What some layers of the untouched encoder say of each example's tokens, in half precision on the CPU."""

    layers: tuple[int, ...]
    rows: list[Tensor]  # an example each: (L, len(layers), H)


class WithStates(Dataset[dict[str, Any]]):
    """Examples as `build_dataset` gives them, each with `states` (L, len(layers) * H): those of some layers."""

    def __init__(self, examples: Sequence[dict[str, Any]], states: LayerStates, layers: Sequence[int]) -> None:
        self._examples = examples
        self._states = states
        self._chosen = [states.layers.index(layer) for layer in layers]

    @property
    def lengths(self) -> list[int]:
        return [len(rows) for rows in self._states.rows]

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {**self._examples[i], "states": self._states.rows[i][:, self._chosen].flatten(1)}


def layer_states(
    network: TaggerNetwork,
    examples: Sequence[dict[str, Any]],
    layers: Sequence[int],
    *,
    pad_id: int,
    batch_tokens: int,
    compute: Compute,
) -> LayerStates:
    """Run the untouched encoder over `examples` (as `build_dataset` gives them) and keep the states of `layers`.

    Without layers it is not run. At two bytes a value, 10,000 news paragraphs take about 2 GB for three layers of 384.
    """
    if not layers:
        return LayerStates((), [])
    network.to(compute.device).eval()
    lengths = [len(ex["ids"]) for ex in examples]
    rows: list[Tensor] = [torch.empty(0)] * len(examples)
    collate = Collator(pad_id)
    with torch.no_grad(), compute.autocast():
        sampler = TokenBatchSampler(lengths, batch_tokens=batch_tokens, seed=0)
        for batch_rows in tqdm(sampler, desc="states of the untouched encoder", unit="batch", disable=None):
            batch = collate([examples[i] for i in batch_rows])
            ids, mask = (batch[key].to(compute.device) for key in ("input_ids", "attention_mask"))
            out = network.states(ids, mask, layers).half().cpu()
            out = out.view(*out.shape[:2], len(layers), -1)
            for row, i in enumerate(batch_rows):
                rows[i] = out[row, : lengths[i]].clone()
    return LayerStates(tuple(layers), rows)
