"""A tiny encoder and tokenizer, built here, and a tiny tagger over them: no download, no GPU, no bundled weights."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers

from fiqra.model.bag_of_words import N_FEATURES
from fiqra.model.decode import Decoding
from fiqra.model.device import choose_compute
from fiqra.model.encoder import load_encoder
from fiqra.model.labels import LabelSet
from fiqra.model.network import TaggerNetwork
from fiqra.model.records import LabelledParagraph
from fiqra.model.tagger import Tagger, TaggerSettings
from fiqra.training.dataset import read_labelled

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "tests/data/smoke.jsonl"


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Take away the log handler that a command leaves: the stream it writes to ends with the test.

    A command in a fixture of a wider scope left its own before this test began.
    """
    root, own = logging.getLogger(), logging.getLogger("fiqra")
    handlers = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]
    level, own_level = root.level, own.level
    root.handlers[:] = handlers
    yield
    root.handlers[:], root.level, own.level = handlers, level, own_level


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def labels() -> LabelSet:
    return LabelSet.from_yaml(ROOT / "configs/labels.yaml")


@pytest.fixture(scope="session")
def records(labels: LabelSet) -> list[LabelledParagraph]:
    return read_labelled(SMOKE, labels)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer BERT, 32 wide, window 256, and a unigram tokenizer trained on the smoke paragraphs."""
    folder = tmp_path_factory.mktemp("tiny-encoder")
    texts = [json.loads(line)["text"] for line in SMOKE.read_text(encoding="utf-8").splitlines()]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=256,
        pad_token_id=1,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_tagger(tiny_encoder: Path, labels: LabelSet) -> Tagger:
    """An untrained tagger over the tiny encoder, which says something about every paragraph."""
    tokenizer, encoder = load_encoder(str(tiny_encoder))
    torch.manual_seed(1)
    network = TaggerNetwork(encoder, n_topics=4, n_stances=3, head_width=16, n_sets=2)
    tensors = {key: value.clone() for key, value in network.state_dict().items()}
    bag = {"bag.idf": torch.rand(N_FEATURES), "bag.weight": torch.randn(N_FEATURES, 4), "bag.bias": torch.randn(4)}
    bag["bag.least_length"] = torch.zeros(1)
    tensors |= {key: tensor.half().float() for key, tensor in bag.items()}
    settings = TaggerSettings(
        name="tiny",
        version="0",
        encoder=str(tiny_encoder),
        labels=labels,
        decoding=Decoding((1.0,) * 4, (0.4,) * 4, actor_threshold=0.6, position_threshold=0.02, implied_threshold=0.02),
        max_length=64,
        head_width=16,
        head_sets=2,
        bag_share=0.3,
        encoder_config={"model_type": "bert", **encoder.config.to_diff_dict()},
    )
    return Tagger(settings, tensors, tokenizer, choose_compute("cpu", "fp32"))


@pytest.fixture(scope="session")
def folder(tiny_tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The untrained tagger as a tagger folder, which nothing may write to."""
    path = tmp_path_factory.mktemp("tagger") / "tiny"
    tiny_tagger.save_pretrained(path)
    return str(path)


@pytest.fixture
def write_config(tmp_path: Path, tiny_encoder: Path) -> Callable[..., Path]:
    """Return a function that writes a training config over the tiny encoder, with sections changed as given."""

    def write(**changed: Any) -> Path:
        content: dict[str, Any] = {
            "name": "tiny",
            "labels": str(ROOT / "configs/labels.yaml"),
            "output": str(tmp_path / "run"),
            "encoder": {"name": str(tiny_encoder), "max_length": 64},
            "heads": {"width": 16},
            "bag_of_words": {"share": 0},  # it would learn these few paragraphs whatever the network does
            "data": {"train": str(SMOKE), "dev": str(SMOKE)},
            "training": {"epochs": 2, "batch_tokens": 256, "precision": "fp32", "device": "cpu"},
        }
        for key, value in changed.items():
            content[key] = {**content[key], **value} if isinstance(content.get(key), dict) else value
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
        return path

    return write


@pytest.fixture(scope="session")
def live() -> Callable[..., AbstractContextManager[str]]:
    """Return a context manager that serves an application in a thread, and gives its address."""
    uvicorn = pytest.importorskip("uvicorn")

    @contextmanager
    def serve(app: Any) -> Iterator[str]:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                assert thread.is_alive() and time.monotonic() < deadline, "the server does not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)

    return serve
