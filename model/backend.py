"""What runs the network: torch anywhere, OpenVINO on CPUs; which of them, and why. No torch is imported here.

Shapes: B windows in a batch, L tokens, K topics, S stances.
"""

import importlib.metadata
import logging
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .decode import Array
from .errors import FiqraError

logger = logging.getLogger(__name__)

BACKENDS = ("auto", "torch", "openvino")

Ids = npt.NDArray[np.int64]
Batch = tuple[Ids, Ids]  # token ids (B, L) and mask (B, L)
BatchLogits = tuple[Array, Array, Array]  # topic (B, K), actor (B, L, 3), stance (B, L, K, 1 + S), float32


class Backend(Protocol):
    """Runs the network over batches."""

    @property
    def name(self) -> str:
        """What it is, with device and precision."""
        ...

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding included, a batch is best given."""
        ...

    def run(self, batches: Iterable[Batch]) -> Iterator[BatchLogits]:
        """Yield the logits of each batch, in order. Several batches may be taken before the first is given back."""
        ...


def choose_backend(backend: str = "auto", device: str = "auto") -> str:
    """Return "torch" or "openvino", and log the choice with its reason. Only `auto` chooses.

    Raises:
        FiqraError: the name is unknown, or what was asked for can't be had here.
    """
    if backend not in BACKENDS:
        raise FiqraError(f"backend: unknown {backend!r}; expected one of {', '.join(BACKENDS)}")
    if backend == "torch":
        return _chosen("torch", "asked for")
    missing = _openvino_missing()
    if backend == "openvino":
        if device not in ("auto", "cpu"):
            raise FiqraError(f"backend 'openvino' runs on the CPU alone; leave --device {device} out, or take torch")
        if missing:
            raise FiqraError(f"backend 'openvino' was asked for, but {missing}: pip install 'fiqra[openvino]'")
        return _chosen("openvino", "asked for")
    if device not in ("auto", "cpu"):
        return _chosen("torch", f"device {device} was asked for")
    if device == "auto" and gpu_possible():
        return _chosen("torch", "there may be a GPU")
    if missing:
        return _chosen("torch", missing)
    return _chosen("openvino", "the network runs on the CPU")


def gpu_possible() -> bool:
    """Tell whether this machine may have a GPU that torch can use, without the seconds that importing torch takes."""
    if sys.platform == "linux":
        return any(Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/kfd", "/dev/dxg"))
    return True


def openvino_version() -> str:
    return importlib.metadata.version("openvino")


def _openvino_missing() -> str | None:
    return None if find_spec("openvino") else "OpenVINO is not installed here"


def _chosen(backend: str, why: str) -> str:
    logger.info("backend %s (%s)", backend, why)
    return backend
