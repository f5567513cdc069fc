"""The network in OpenVINO's form says what torch says, for any shape, and an export that doesn't is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import fiqra

from fiqra import Tagger
from fiqra.model.backend import choose_backend
from fiqra.model.errors import FiqraError
from fiqra.portability import compare

pytest.importorskip("openvino")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIQRA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_says_what_torch_says_and_is_converted_once(folder, records, cache, caplog):
    texts = [record.text for record in records] + ["هدنة", " ".join(record.text for record in records[:8])]
    caplog.set_level("INFO", logger="fiqra")
    on_torch = Tagger.from_pretrained(folder, backend="torch", device="cpu", precision="fp32")
    for n in (1, 2):
        tagger = Tagger.from_pretrained(folder, backend="openvino", precision="fp32")
        for order in (texts, texts[::-1], texts[:1]):
            encoded = [t.encode([a for a in map(as_article, order)]) for t in (on_torch, tagger)]
            for a, b in zip(on_torch.run(encoded[0]), tagger.run(encoded[1]), strict=True):
                for own, other in zip((a.topic, a.actor, a.stance), (b.topic, b.actor, b.stance), strict=True):
                    assert np.allclose(own, other, atol=1e-4)
        assert caplog.text.count("converting the network for OpenVINO") == 1, n
    assert "backend openvino (asked for)" in caplog.text
    assert len(list(cache.iterdir())) == 1


def as_article(text):
    from fiqra import Article, Paragraph

    return Article("a", (Paragraph(0, text),))


def test_an_exported_tagger_needs_no_torch_and_carries_its_certificate(folder, records, root, cache, tmp_path):
    out = tmp_path / "out"
    assert "0.00 %" in fiqra("export", folder, root / "tests/data/smoke.jsonl", "-o", out).stdout
    certificate = json.loads((out / "portability.json").read_text())
    assert certificate["n_paragraphs"] == len(records)
    assert certificate["changed"] <= 0.005
    code = (
        "import json, sys; from fiqra import Tagger; t = Tagger.from_pretrained(sys.argv[1], backend='openvino'); "
        "said = t.tag('رحبت الحكومة بالهدنة.')[0].topic_probs; "
        "print(json.dumps([said, 'torch' in sys.modules, 'transformers' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    said, *imported = json.loads(done.stdout)
    assert imported == [False, False]
    assert not cache.exists()
    on_torch = Tagger.from_pretrained(out, backend="torch", device="cpu")
    assert said == pytest.approx(on_torch.tag("رحبت الحكومة بالهدنة.")[0].topic_probs, abs=1e-3)


def test_an_export_that_says_something_else_fails_unless_told_otherwise(folder, root, tmp_path, monkeypatch):
    from fiqra import portability

    true = compare
    monkeypatch.setattr(
        portability, "compare", lambda a, b: true(a, [*b[:-1], type(b[-1])(**{**vars(b[-1]), "topics": ("x",)})])
    )
    out = tmp_path / "out"
    arguments = ("export", folder, root / "tests/data/smoke.jsonl", "-o", out)
    result = fiqra(*arguments, code=2)
    assert "3.12 % of 32 paragraphs changed, more than 0.5 %: nothing was written" in result.stderr
    assert not list(tmp_path.iterdir())
    fiqra(*arguments, "--allow", 0.05)
    assert json.loads((out / "portability.json").read_text())["topics_changed"] == pytest.approx(1 / 32)


def test_mistakes_are_told_before_any_work(folder, tmp_path):
    for arguments, said in (
        ((folder, "-o", tmp_path / "o"), "no paragraphs to check on"),
        ((folder, "-o", tmp_path, "--unchecked"), "is there and not empty"),
        ((folder, "-o", tmp_path / "a/b", "--unchecked"), "make it first"),
        (("fiqra-maxi", "-o", tmp_path / "o", "--unchecked"), "no tagger 'fiqra-maxi'"),
    ):
        (tmp_path / "x").write_text("")
        assert said in fiqra("export", *arguments, code=2).stderr


def test_a_damaged_export_is_named(folder, tmp_path, root):
    out = tmp_path / "out"
    fiqra("export", folder, "-o", out, "--unchecked")
    (out / "openvino.xml").write_text("junk")
    with pytest.raises(FiqraError, match="can't load the exported network"):
        Tagger.from_pretrained(out, backend="openvino")
    (out / "export.json").write_text("junk")
    with pytest.raises(FiqraError, match=r"export\.json: damaged"):
        Tagger.from_pretrained(out, backend="openvino")


def test_the_choice_and_its_reason(monkeypatch, caplog):
    caplog.set_level("INFO", logger="fiqra")
    monkeypatch.setattr("fiqra.model.backend.gpu_possible", lambda: False)
    assert choose_backend() == "openvino"
    assert choose_backend(device="cuda") == "torch"
    monkeypatch.setattr("fiqra.model.backend.gpu_possible", lambda: True)
    assert choose_backend() == "torch"
    assert choose_backend(device="cpu") == "openvino"
    monkeypatch.setattr("fiqra.model.backend.find_spec", lambda name: None)
    assert choose_backend(device="cpu") == "torch"
    for said in ("the network runs on the CPU", "device cuda was asked for", "there may be a GPU", "is not installed"):
        assert said in caplog.text
    with pytest.raises(FiqraError, match="pip install 'fiqra"):
        choose_backend("openvino")
    with pytest.raises(FiqraError, match="runs on the CPU alone"):
        choose_backend("openvino", "cuda")
    with pytest.raises(FiqraError, match="unknown 'onnx'"):
        choose_backend("onnx")
