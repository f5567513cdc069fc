"""The tagger: load, tag, save."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from . import inference
from .decode import Decoding, ParagraphLogits, decode
from .device import Compute, choose_compute
from .encoder import build_encoder, load_encoder, merge_adapter, window_size
from .errors import TaggerError, did_you_mean
from .labels import LabelSet
from .network import TaggerNetwork
from .records import Article, Paragraph, TaggedParagraph
from .text import NORMALISATIONS, split_paragraphs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

FORMAT = 3
_ADAPTER, _ENCODER, _HEADS = "adapter.", "encoder.", "heads."


@dataclass(frozen=True)
class TaggerSettings:
    """What `config.json` of a tagger folder holds.

    `encoder_config` is None where the folder holds an adapter for the encoder of that name; otherwise the folder
    holds the encoder whole, and this is its form. `adapter_scale` multiplies the adapter's product.
    """

    name: str
    version: str
    encoder: str
    labels: LabelSet
    decoding: Decoding
    normalisation: str = "news"
    max_length: int = 512
    head_width: int = 256
    adapter_scale: float = 1.0
    encoder_config: dict[str, Any] | None = None
    format: int = field(default=FORMAT)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": self.labels.to_json(), "decoding": self.decoding.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any], where: str) -> "TaggerSettings":
        if content.get("format") != FORMAT:
            raise TaggerError(
                f"{where}: tagger format {content.get('format')!r}; this version of fiqra reads format {FORMAT}"
            )
        try:
            labels = LabelSet.from_json(content["labels"], where)
            settings = cls(**{**content, "labels": labels, "decoding": Decoding.from_json(content["decoding"])})
        except (KeyError, TypeError) as error:
            raise TaggerError(f"{where}: not a tagger's config: {error}") from error
        if settings.normalisation not in NORMALISATIONS:
            known = ", ".join(NORMALISATIONS)
            raise TaggerError(f"{where}: unknown normalisation {settings.normalisation!r}; expected one of {known}")
        return settings


class Tagger:
    """Tags paragraphs with topics and with the positions that actors take on them.

    Example:
        >>> tagger = Tagger.from_pretrained("fiqra-mini")
        >>> tagger.tag("دعت وزارة الخارجية العراقية إلى وقف إطلاق النار.")[0].topics
        ('ceasefire',)
    """

    def __init__(
        self, settings: TaggerSettings, tensors: dict[str, torch.Tensor], tokenizer: "Tokenizer", compute: Compute
    ) -> None:
        """Build from a tagger folder's parts; most callers want `from_pretrained`.

        Args:
            tensors: `heads.*`, and either `adapter.*` or the whole `encoder.*`.
        """
        self.settings = settings
        self.tokenizer = tokenizer
        self.compute = compute
        self._tensors = tensors
        self.network = _build_network(settings, tensors, tokenizer).to(compute.device)
        self.network.eval()
        self._window = window_size(self.network.encoder, settings.max_length)
        self._pad_id = int(self.network.encoder.config.pad_token_id or 0)

    @classmethod
    def from_pretrained(cls, name: str | Path, *, device: str = "auto", precision: str = "auto") -> "Tagger":
        """Load a tagger folder, or a released tagger by its name ("fiqra-mini").

        Raises:
            TaggerError: no such tagger, or its files don't fit together; the text says which and what to do.
        """
        folder = _find(name)
        where = str(folder / "config.json")
        try:
            content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "model.safetensors")
            tokenizer_json = (folder / "tokenizer.json").read_text(encoding="utf-8")
        except OSError as error:
            raise TaggerError(f"{folder}: not a tagger folder: {error.filename} is missing or can't be read") from error
        except (ValueError, SafetensorError) as error:
            raise TaggerError(f"{folder}: a file of the tagger is damaged: {error}") from error
        from tokenizers import Tokenizer

        settings = TaggerSettings.from_json(content, where)
        return cls(settings, tensors, Tokenizer.from_str(tokenizer_json), choose_compute(device, precision))

    def save_pretrained(self, folder: str | Path, *, extra_files: dict[str, str] | None = None) -> None:
        """Write the tagger folder whole, then move it into place. `extra_files` maps further names to their text."""
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".tagger-", dir=folder.parent))
        try:
            config = json.dumps(self.settings.to_json(), ensure_ascii=False, indent=2)
            (scratch / "config.json").write_text(config + "\n", encoding="utf-8")
            (scratch / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")
            stored = {key: _halved(tensor).contiguous() for key, tensor in self._tensors.items()}
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
        return f"{self.settings.name} {self.settings.version}"

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
        texts = [paragraph.text for article in articles for paragraph in article.paragraphs]
        encoded = inference.encode(texts, self.tokenizer, self.settings.normalisation)
        logits = iter(zip(self.run(encoded, on_batch=on_batch), encoded, strict=True))
        return [
            [self._read_off(article, paragraph, *next(logits)) for paragraph in article.paragraphs]
            for article in articles
        ]

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
        """Return each paragraph's logits, its windows merged."""
        return inference.run(
            self.network, encoded, window=self._window, pad_id=self._pad_id, compute=self.compute, on_batch=on_batch
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


def _build_network(settings: TaggerSettings, tensors: dict[str, torch.Tensor], tokenizer: "Tokenizer") -> TaggerNetwork:
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


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor in half precision where that loses nothing, so that a rounded tagger is stored small."""
    half = tensor.half()
    return half if torch.equal(half.to(tensor.dtype), tensor) else tensor


def _find(name: str | Path) -> Path:
    if (Path(name) / "config.json").is_file():
        return Path(name)
    released = Path(str(files(__package__) / "released"))
    names = sorted(path.parent.name for path in released.glob("*/config.json"))
    if str(name) in names:
        return released / str(name)
    raise TaggerError(
        f"no tagger {str(name)!r}: neither a folder with a config.json, nor a released tagger "
        f"({', '.join(names) or 'none installed'}){did_you_mean(str(name), names)}"
    )
