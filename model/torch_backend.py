"""Runs the network with torch, on any device."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch

from .backend import Batch, BatchLogits
from .device import Compute
from .network import TaggerNetwork


class TorchBackend:
    """Runs a network where and in the precision that `compute` says."""

    def __init__(self, network: TaggerNetwork, compute: Compute) -> None:
        self.network = network
        self.compute = compute

    @property
    def name(self) -> str:
        return f"torch, {self.compute.device.type}, {'bf16' if self.compute.bf16 else 'fp32'}"

    @property
    def batch_tokens(self) -> int:
        return self.compute.batch_tokens

    def run(self, batches: Iterable[Batch]) -> Iterator[BatchLogits]:
        self.network.eval()
        under_way: deque[Callable[[], BatchLogits]] = deque()
        for batch in batches:
            under_way.append(self._start(batch))
            if len(under_way) > self.compute.batches_ahead:
                yield under_way.popleft()()
        while under_way:
            yield under_way.popleft()()

    def _start(self, batch: Batch) -> Callable[[], BatchLogits]:
        """Start a batch, and return what waits for its logits."""
        with torch.inference_mode(), self.compute.autocast():
            ids, mask = (self.compute.to_device(torch.from_numpy(part)) for part in batch)
            waits = self.compute.to_host([part.float() for part in self.network(ids, mask)])

        def finish() -> BatchLogits:
            topic, actor, stance = (part.numpy() for part in waits())
            return topic, actor, stance

        return finish
