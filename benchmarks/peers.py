"""The peers that `speed.py` measures beside the tagger, each on the encoder that the shipped tagger is made of."""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import transformers

from fiqra import Tagger
from fiqra.model import bundled
from fiqra.model.backend import Batch, BatchLogits


def encoder_folder() -> str:
    """Return the folder of the bundled encoder."""
    weights = bundled.weights_path()
    if weights is None:
        raise SystemExit("the bundled encoder is not installed here")
    return str(bundled.bundled_folder(weights))


def pipeline_at_defaults(texts: list[str], device: torch.device) -> Callable[[], object]:
    """`transformers.pipeline` with a batch size and nothing else."""
    peer = transformers.pipeline("feature-extraction", model=encoder_folder(), device=device, batch_size=32)
    return lambda: peer(texts)


def pipeline_at_best(texts: list[str], device: torch.device) -> Callable[[], object]:
    """The pipeline on paragraphs sorted by length, giving tensors, in the best of several batch sizes (and dtypes)."""
    ordered = sorted(texts, key=len, reverse=True)
    dtypes = (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,)
    sizes = (32, 128, 512) if device.type == "cuda" else (8, 16, 32)
    best: tuple[float, Callable[[], object]] | None = None
    for dtype in dtypes:
        peer = transformers.pipeline("feature-extraction", model=encoder_folder(), device=device, dtype=dtype)
        for size in sizes:

            def run(peer: Callable[..., object] = peer, size: int = size, texts: list[str] = ordered) -> object:
                return peer(texts, batch_size=size, return_tensors=True)

            sample = ordered[:: max(1, len(ordered) // 64)]
            run(texts=sample[:8])
            start = time.perf_counter()
            run(texts=sample)
            taken = time.perf_counter() - start
            if best is None or taken < best[0]:
                best = taken, run
    assert best
    return best[1]


def sentence_transformer(texts: list[str], device: torch.device) -> Callable[[], object]:
    """Sentence-transformers with its default batch size; it sorts by length itself."""
    from sentence_transformers import SentenceTransformer, models

    encoder = models.Transformer(encoder_folder())
    peer = SentenceTransformer(
        modules=[encoder, models.Pooling(encoder.get_word_embedding_dimension())], device=str(device)
    )
    return lambda: peer.encode(texts, show_progress_bar=False)


class OnnxBackend:
    """Runs the tagger's network with ONNX Runtime, so that all else is the same."""

    def __init__(self, path: Path, device: torch.device) -> None:
        import onnxruntime

        provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise ImportError(f"this onnxruntime has no {provider}")
        self._session = onnxruntime.InferenceSession(path.read_bytes(), providers=[provider])

    @property
    def name(self) -> str:
        return "onnxruntime"

    @property
    def batch_tokens(self) -> int:
        return 4096

    def run(self, batches: Iterable[Batch]) -> Iterator[BatchLogits]:
        for ids, mask in batches:
            topic, actor, stance = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
            yield topic, actor, stance


def onnx_backend(tagger: Tagger, device: torch.device) -> OnnxBackend:
    """Export the tagger's network to ONNX and load it. Raises ImportError where a package for that is missing."""
    import onnxruntime  # noqa: F401  # before the export, which takes long

    ids = torch.ones((2, 16), dtype=torch.int64, device=device)
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    axes = {0: torch.export.Dim("batch", min=1, max=4096), 1: torch.export.Dim("length", min=2, max=512)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            tagger.network,
            (ids, mask),
            path,
            input_names=["input_ids", "attention_mask"],
            dynamic_shapes=(axes, axes),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return OnnxBackend(path, device)
