"""Device and precision: the only file that names cuda, mps and bfloat16, and the one that says why it chose."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from .errors import FiqraError

logger = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Compute:
    """Where and in what precision a network runs."""

    device: torch.device
    bf16: bool

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding included, a batch is best given."""
        if self.device.type == "cpu":
            return 4096 if self.bf16 else 1024  # in fp32 a larger batch outgrows the caches: a third slower on AVX2
        return 32_768

    @property
    def batches_ahead(self) -> int:
        """How many batches to start before waiting for the first: a GPU is not to wait for the next."""
        return 0 if self.device.type == "cpu" else 2

    def to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def to_host(self, tensors: list[torch.Tensor]) -> Callable[[], list[torch.Tensor]]:
        """Start copying tensors to the CPU's memory, and return what waits for them."""
        if self.device.type != "cuda":
            on_host = [tensor.cpu() for tensor in tensors]
            return lambda: on_host
        pinned = [torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t, non_blocking=True) for t in tensors]
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()

        def wait() -> list[torch.Tensor]:
            copied.synchronize()
            return pinned

        return wait

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which a forward pass is to run."""
        if not self.bf16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def choose_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Choose a device and precision, and log the choice with its reason.

    Only `auto` chooses: a device or precision that is asked for by name and not there is an error.

    Raises:
        FiqraError: the name is unknown, or this machine has no such device or precision.
    """
    if device not in DEVICES:
        raise FiqraError(f"device: unknown {device!r}; expected one of {', '.join(DEVICES)}")
    if precision not in PRECISIONS:
        raise FiqraError(f"precision: unknown {precision!r}; expected one of {', '.join(PRECISIONS)}")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if there[name])
        why_device = "the best that is here"
    elif not there[device]:
        raise FiqraError(
            f"device {device!r} was asked for, but torch {torch.__version__} sees none here; use --device auto or cpu"
        )
    else:
        why_device = "asked for"
    bf16, why_precision = _choose_bf16(device, precision)
    logger.info("device %s (%s), precision %s (%s)", device, why_device, "bf16" if bf16 else "fp32", why_precision)
    return Compute(torch.device(device), bf16)


def _choose_bf16(device: str, precision: str) -> tuple[bool, str]:
    if precision == "fp32":
        return False, "asked for"
    if device == "cuda":
        fast, why = torch.cuda.is_bf16_supported(), "the GPU's own bf16 units"
    elif device == "mps":
        fast, why = False, "bf16 is slower than fp32 on most of these GPUs"
    else:
        capabilities = torch.cpu.get_capabilities()
        fast = bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
        why = "the processor has bf16 instructions" if fast else "the processor has no bf16 instructions"
    if precision == "bf16":
        return True, "asked for" + ("" if fast else f", though {why}")
    return fast, why if fast or device != "cuda" else "this GPU has no bf16 units"
