"""The tagger: load, tag, save."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

from . import inference
from .backend import Backend, choose_backend
from .bag_of_words import KEYS, BagOfWords
from .decode import Array, Decoding, ParagraphLogits, decode
from .errors import TaggerError
from .labels import LabelSet
from .records import Article, Paragraph, TaggedParagraph
from .settings import TaggerSettings
from .tagger_files import TaggerFiles, load_tensors, read_files
from .text import split_paragraphs

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from .device import Compute
    from .network import TaggerNetwork
    from .openvino_backend import Export

logger = logging.getLogger(__name__)

__all__ = ["Tagger", "TaggerSettings"]


class Tagger:
    """Tags paragraphs with topics and with the positions that actors take on them.

    Example:
        >>> tagger = Tagger.from_pretrained("fiqra-mini")
        >>> tagger.tag("دعت وزارة الخارجية العراقية إلى وقف إطلاق النار.")[0].topics
        ('ceasefire',)
    """

    def __init__(
        self,
        settings: TaggerSettings,
        tensors: "dict[str, torch.Tensor]",
        tokenizer: "Tokenizer",
        compute: "Compute",
    ) -> None:
        """Build from a tagger folder's parts, to run with torch; most callers want `from_pretrained`.

        Args:
            tensors: `heads.*`, either `adapter.*` or the whole `encoder.*`, and `bag.*` where there is a bag of words.
        """
        from .encoder import window_size
        from .loading import build_network
        from .torch_backend import TorchBackend

        network = build_network(settings, tensors, tokenizer).to(compute.device).eval()
        self._begin(
            settings,
            tokenizer,
            TorchBackend(network, compute),
            _bag(settings, {key: tensors[key].numpy() for key in KEYS if key in tensors}),
            window=window_size(network.encoder, settings.max_length),
            pad_id=int(network.encoder.config.pad_token_id or 0),
        )
        self._tensors: dict[str, torch.Tensor] | None = tensors

    def _begin(
        self,
        settings: TaggerSettings,
        tokenizer: "Tokenizer",
        backend: Backend,
        bag: BagOfWords | None,
        *,
        window: int,
        pad_id: int,
    ) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.backend = backend
        self.bag = bag
        self._window = window
        self._pad_id = pad_id
        self.files: TaggerFiles | None = None

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, backend: str = "auto", device: str = "auto", precision: str = "auto"
    ) -> "Tagger":
        """Load a tagger folder, or a released tagger by its name ("fiqra-mini").

        With OpenVINO a network is converted on first use, and kept in the cache.

        Raises:
            TaggerError: no such tagger, or its files don't fit together; the text says which and what to do.
            FiqraError: the backend, device or precision asked for is not to be had here.
        """
        from tokenizers import Tokenizer

        files = read_files(name)
        settings = TaggerSettings.from_json(files.config, str(files.folder / "config.json"))
        tokenizer = Tokenizer.from_str(files.tokenizer_json)
        if choose_backend(backend, device) == "openvino":
            tagger = cls._on_openvino(files, settings, tokenizer, precision, fallback=backend == "auto")
        else:
            tagger = cls._on_torch(files, settings, tokenizer, device, precision)
        tagger.files = files
        return tagger

    @classmethod
    def _on_torch(
        cls, files: TaggerFiles, settings: TaggerSettings, tokenizer: "Tokenizer", device: str, precision: str
    ) -> "Tagger":
        from .device import choose_compute

        return cls(settings, load_tensors(files), tokenizer, choose_compute(device, precision))

    @classmethod
    def _on_openvino(
        cls,
        files: TaggerFiles,
        settings: TaggerSettings,
        tokenizer: "Tokenizer",
        precision: str,
        *,
        fallback: bool,
    ) -> "Tagger":
        """Load the exported network, or convert it; with `fallback`, what can't be converted runs with torch."""
        from . import openvino_backend as ov

        folder = ov.find_export(files.folder, files.sha256)
        if folder is None:
            on_torch = cls._on_torch(files, settings, tokenizer, "cpu", "fp32")
            try:
                folder = ov.export_to_cache(on_torch.network, on_torch.about_export(files.sha256))
            except TaggerError as error:
                if not fallback:
                    raise
                logger.warning("%s; running with torch", error)
                return on_torch
        about = ov.read_export(folder)
        tagger = cls.__new__(cls)
        backend = ov.OpenVinoBackend(folder, precision)
        bag = _bag(settings, load_tensors(files, "numpy", KEYS))
        tagger._begin(settings, tokenizer, backend, bag, window=about.window, pad_id=about.pad_id)
        tagger._tensors = None
        return tagger

    def about_export(self, sha256: str, weights: str = "fp32") -> "Export":
        """Return what an export of this tagger, of that digest, is to say of itself."""
        from .openvino_backend import Export

        return Export(sha256, self._window, self._pad_id, weights)

    @property
    def network(self) -> "TaggerNetwork":
        """The network of a tagger that runs with torch."""
        from .torch_backend import TorchBackend

        if not isinstance(self.backend, TorchBackend):
            raise TypeError(f"a tagger on {self.backend.name} has no torch network; load it with backend='torch'")
        return self.backend.network

    @property
    def sha256(self) -> str:
        """The digest of the tagger's files; of a tagger that was loaded from some."""
        if self.files is None:
            raise ValueError("a tagger that was not loaded from files has no digest")
        return self.files.sha256

    def save_pretrained(self, folder: str | Path, *, extra_files: dict[str, str] | None = None) -> None:
        """Write the tagger folder whole, then move it into place. `extra_files` maps further names to their text."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".tagger-", dir=folder.parent))
        try:
            config = json.dumps(self.settings.to_json(), ensure_ascii=False, indent=2)
            (scratch / "config.json").write_text(config + "\n", encoding="utf-8")
            (scratch / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")
            tensors = load_tensors(self.files) if self._tensors is None and self.files else self._tensors or {}
            stored = {key: _halved(tensor).contiguous() for key, tensor in tensors.items()}
            save_file(stored, scratch / "model.safetensors", metadata={"format": "pt"})
            for name, text in (extra_files or {}).items():
                (scratch / name).write_text(text, encoding="utf-8")
            scratch.chmod(0o755)
            folder.mkdir(exist_ok=True)
            for path in sorted(scratch.iterdir(), key=lambda path: path.name == "config.json"):
                os.replace(path, folder / path.name)  # config.json last: without it the folder is no tagger
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    @property
    def labels(self) -> LabelSet:
        return self.settings.labels

    @property
    def id(self) -> str:
        """Name and version, as every tagged paragraph carries them."""
        return self.settings.id

    @overload
    def tag(self, texts: str | Article) -> list[TaggedParagraph]: ...
    @overload
    def tag(self, texts: list[str] | list[Article] | list[str | Article]) -> list[list[TaggedParagraph]]: ...
    def tag(
        self, texts: str | Article | list[str] | list[Article] | list[str | Article]
    ) -> list[TaggedParagraph] | list[list[TaggedParagraph]]:
        """Tag a text (cut into its paragraphs), an article, or several of them.

        Returns:
            The tagged paragraphs of the one text or article; for a list, one such list for each of its members.
        """
        if isinstance(texts, str | Article):
            return self.tag_articles([_as_article(texts, 0)])[0]
        return self.tag_articles([_as_article(text, i) for i, text in enumerate(texts)])

    def tag_articles(
        self, articles: Sequence[Article], *, on_batch: Callable[[int], None] | None = None
    ) -> list[list[TaggedParagraph]]:
        """Tag articles, in batches across them. `on_batch` is told after each batch how many paragraphs it finished."""
        encoded = self.encode(articles)
        return self.read_off(articles, encoded, self.run(encoded, on_batch=on_batch))

    def encode(self, articles: Sequence[Article]) -> list[inference.EncodedParagraph]:
        """Tokenize the articles' paragraphs, one after the other."""
        texts = [paragraph.text for article in articles for paragraph in article.paragraphs]
        return inference.encode(texts, self.tokenizer, self.settings.normalisation)

    def read_off(
        self,
        articles: Sequence[Article],
        encoded: Sequence[inference.EncodedParagraph],
        logits: Sequence[ParagraphLogits],
    ) -> list[list[TaggedParagraph]]:
        """Turn logits into tagged paragraphs, a list for each article; `encode` and `run` gave the other two."""
        each = iter(zip(logits, encoded, strict=True))
        return [[self._read_off(article, p, *next(each)) for p in article.paragraphs] for article in articles]

    def _read_off(
        self, article: Article, paragraph: Paragraph, logits: ParagraphLogits, encoded: inference.EncodedParagraph
    ) -> TaggedParagraph:
        topics, probs, positions = decode(logits, encoded.spans, paragraph.text, self.labels, self.settings.decoding)
        return TaggedParagraph(
            article.id,
            paragraph.index,
            paragraph.text,
            topics,
            probs,
            positions,
            self.id,
            article.date,
            article.outlet,
        )

    def run(
        self, encoded: Sequence[inference.EncodedParagraph], *, on_batch: Callable[[int], None] | None = None
    ) -> list[ParagraphLogits]:
        """Return each paragraph's logits, its windows merged and the bag of words joined to them."""
        return inference.run(
            self.backend, encoded, window=self._window, pad_id=self._pad_id, bag=self.bag, on_batch=on_batch
        )

    def with_decoding(self, decoding: Decoding) -> "Tagger":
        """Set thresholds and temperatures, and return the tagger."""
        self.settings = replace(self.settings, decoding=decoding)
        return self


def _as_article(text: str | Article, i: int) -> Article:
    if isinstance(text, Article):
        return text
    if not isinstance(text, str):
        raise TypeError(f"expected a str or an Article, found {type(text).__name__}")
    return Article(f"text-{i}", tuple(Paragraph(k, part) for k, part in enumerate(split_paragraphs(text))))


def _bag(settings: TaggerSettings, tensors: Mapping[str, Array]) -> BagOfWords | None:
    if not settings.bag_share:
        return None
    return BagOfWords.from_tensors(tensors, share=settings.bag_share, n_topics=len(settings.labels.topics))


def _halved(tensor: "torch.Tensor") -> "torch.Tensor":
    """Return the tensor in half precision where that loses nothing, so that a rounded tagger is stored small."""
    import torch

    half = tensor.half()
    return half if torch.equal(half.to(tensor.dtype), tensor) else tensor
