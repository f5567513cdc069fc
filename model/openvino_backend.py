"""Runs the network with OpenVINO on a CPU; turns a network into OpenVINO's form. torch is needed for the latter alone.

An export is three files in a folder: `openvino.xml` and `openvino.bin`, OpenVINO's own, and `export.json`, which says
of which tagger, and what reading its paragraphs takes. A bag of words is not in them: it is joined to what they give.
"""

import json
import logging
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import Batch, BatchLogits, openvino_version
from .cache import cache_folder, convert_once
from .errors import TaggerError

if TYPE_CHECKING:
    from .network import TaggerNetwork

logger = logging.getLogger(__name__)

GRAPH, ABOUT = "openvino.xml", "export.json"
FILES = (GRAPH, "openvino.bin", ABOUT)
_FORMAT = 1
_TOLERANCE = 0.05  # of a logit: many times what rounding to half precision does


@dataclass(frozen=True)
class Export:
    """What `export.json` holds: the tagger's digest, its window in tokens and its padding's id."""

    tagger_sha256: str
    window: int
    pad_id: int
    weights: str = "fp32"
    format: int = _FORMAT


class OpenVinoBackend:
    """Runs an exported network.

    Args:
        precision: "auto" and "bf16" let the processor's bf16 units work where it has them; "fp32" does not.
    """

    def __init__(self, folder: Path, precision: str = "auto") -> None:
        import openvino

        core = openvino.Core()
        hints: dict[str, dict[str, str]] = {
            "auto": {},
            "fp32": {"INFERENCE_PRECISION_HINT": "f32"},
            "bf16": {"INFERENCE_PRECISION_HINT": "bf16"},
        }
        if precision not in hints:
            raise TaggerError(f"precision: unknown {precision!r}; expected one of {', '.join(hints)}")
        try:
            self._model = core.compile_model(
                str(folder / GRAPH), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", **hints[precision]}
            )
        except RuntimeError as error:
            raise TaggerError(f"{folder}: OpenVINO can't load the exported network: {_last_line(error)}") from error
        n = int(self._model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(n):
            self._free.put(self._model.create_infer_request())
        kind = str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        self._precision = {"f32": "fp32"}.get(kind, kind)

    @property
    def name(self) -> str:
        return f"openvino, cpu, {self._precision}"

    @property
    def batch_tokens(self) -> int:
        return 512 if self._precision == "fp32" else 2048  # in fp32 a larger batch outgrows the caches

    def run(self, batches: Iterable[Batch]) -> Iterator[BatchLogits]:
        """Yield the logits of each batch. Several threads may run batches at once: they share the requests."""
        under_way: deque[Any] = deque()
        try:
            for ids, mask in batches:
                while (request := self._free_request(wait=not under_way)) is None:
                    yield self._finish(under_way[0])
                    self._free.put(under_way.popleft())
                under_way.append(request)
                request.start_async({0: ids, 1: mask})
            while under_way:
                yield self._finish(under_way[0])
                self._free.put(under_way.popleft())
        finally:
            for request in under_way:  # a request that is still at work can't be used again
                request.wait()
                self._free.put(request)

    def _free_request(self, *, wait: bool) -> Any:
        try:
            return self._free.get(block=wait)
        except Empty:
            return None

    def _finish(self, request: Any) -> BatchLogits:
        request.wait()
        topic, actor, stance = (np.array(request.get_output_tensor(i).data) for i in range(3))
        return topic, actor, stance


def export(network: "TaggerNetwork", folder: Path, about: Export) -> None:
    """Write the network's export into `folder`, which is there.

    Raises:
        TaggerError: OpenVINO can't turn this encoder into its form.
    """
    import openvino
    import torch

    network.eval()
    ids = torch.ones((2, 8), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0  # a mask without padding might be optimised away
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about shapes: the tests try others than the example's
            model = openvino.convert_model(
                network,
                example_input={"input_ids": ids, "attention_mask": mask},
                input=[([-1, -1], openvino.Type.i64)] * 2,
            )
            _keep_reduced_dimensions(model)
    except Exception as error:  # whatever the encoder's own code meets when it is traced
        raise TaggerError(f"OpenVINO can't convert this encoder: {_last_line(error)}; take --backend torch") from error
    openvino.save_model(model, folder / GRAPH, compress_to_fp16=about.weights == "fp16")
    _check(network, folder)
    (folder / ABOUT).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")


def _keep_reduced_dimensions(model: Any) -> None:
    """Have sums keep the dimension they run over, and drop it in a step of its own.

    OpenVINO 2026.4 joins a sum that drops a dimension with what is added after it, and then adds it along the wrong
    one.
    """
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name().startswith("Reduce") and node.get_attributes().get("keep_dims") is False:
            build = {"ReduceSum": opset13.reduce_sum, "ReduceMean": opset13.reduce_mean}.get(node.get_type_name())
            if build:
                whole = build(node.input_value(0), node.input_value(1), keep_dims=True)
                node.output(0).replace(opset13.squeeze(whole, node.input_value(1)).output(0))


def _check(network: "TaggerNetwork", folder: Path) -> None:
    """Raise `TaggerError` where the export doesn't give the network's logits, whatever the batch's shape."""
    import torch

    rng = np.random.default_rng(0)
    n_tokens = int(network.encoder.config.vocab_size)
    backend = OpenVinoBackend(folder, "fp32")
    for rows, length in ((1, 7), (2, 19), (7, 40)):
        ids = rng.integers(5, n_tokens, (rows, length))
        mask = np.ones_like(ids)
        mask[1:, length // 2 :] = 0
        with torch.inference_mode():
            expected = [part.float().cpu().numpy() for part in network(torch.from_numpy(ids), torch.from_numpy(mask))]
        found = next(iter(backend.run([(ids, mask)])))
        real = mask.astype(bool)
        for part, (want, got) in enumerate(zip(expected, found, strict=True)):
            apart = np.abs(want - got) if part == 0 else np.abs(want - got)[real]
            if not apart.max() <= _TOLERANCE:
                raise TaggerError(
                    f"OpenVINO {openvino_version()} converts this network wrongly: logits are {apart.max():.2g} apart "
                    f"on a batch of {rows} x {length}; take --backend torch"
                )


def find_export(tagger_folder: Path, tagger_sha256: str) -> Path | None:
    """Return the folder of a tagger's export: its own, or one in the cache; None where there is none that fits."""
    for folder in (tagger_folder, _cached(tagger_sha256)):
        if (folder / ABOUT).is_file() and read_export(folder).tagger_sha256 == tagger_sha256:
            return folder
    return None


def read_export(folder: Path) -> Export:
    try:
        about = Export(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TaggerError(f"{folder / ABOUT}: damaged: {error}; export the tagger again") from error
    if about.format != _FORMAT:
        raise TaggerError(f"{folder / ABOUT}: format {about.format}, this version of fiqra reads {_FORMAT}")
    return about


def export_to_cache(network: "TaggerNetwork", about: Export) -> Path:
    """Write an export into the cache and return its folder."""
    folder = _cached(about.tagger_sha256)
    logger.info("converting the network for OpenVINO into %s (once)", folder)
    convert_once(
        folder,
        "network",
        lambda scratch: export(network, scratch, about),
        proof=folder / ABOUT,
        else_do=", or take --backend torch",
    )
    return folder


def _cached(tagger_sha256: str) -> Path:
    return cache_folder() / f"openvino-{openvino_version()}-{tagger_sha256[:16]}-v{_FORMAT}"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
