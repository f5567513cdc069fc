"""The rules between parts: front doors -> training -> model; the wheel claims only `fiqra`; one file names devices."""

import ast
import re
import zipfile

import pytest


def imports(path):
    """Yield (level, module) of every import statement."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)


def test_model_knows_nothing_of_training_nor_training_of_the_front_doors(root):
    for path in (root / "model").glob("*.py"):
        for level, module in imports(path):
            assert level <= 1 and not module.startswith(("fiqra", "training")), (path, module)
    for path in (root / "training").glob("*.py"):
        for level, module in imports(path):
            assert not module.startswith("fiqra"), (path, module)
            assert level < 2 or module.split(".")[0] == "model", (path, module)


def test_text_and_decoding_need_no_torch(root):
    for name in ("text", "decode", "labels", "records", "errors", "bag_of_words", "inference", "tagger_files"):
        assert not {module.split(".")[0] for _, module in imports(root / f"model/{name}.py")} & {
            "torch",
            "transformers",
        }


def test_only_the_device_file_names_devices(root):
    for folder in ("model", "training"):
        for path in (root / folder).glob("*.py"):
            if path.name not in ("device.py", "config.py"):  # the config lists the values that a user may write
                assert not re.search(r"\bcuda\b|\bmps\b|bfloat16", path.read_text(encoding="utf-8")), path


def test_code_folders_are_flat_so_that_the_wheel_leaves_nothing_out(root):
    for folder in ("model", "training"):
        assert not [path for path in (root / folder).rglob("*.py") if path.parent != root / folder]


def test_the_wheel_claims_only_fiqra_and_carries_the_released_tagger(root, tmp_path):
    build_meta = pytest.importorskip("setuptools.build_meta")
    import contextlib
    import io
    import os
    import shutil
    import warnings

    source = tmp_path / "source"
    ignore = shutil.ignore_patterns(".git", ".venv", "runs", "build", "*.egg-info", "__pycache__", ".*_cache")
    shutil.copytree(root, source, symlinks=True, ignore=ignore)
    here = os.getcwd()
    os.chdir(source)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            name = build_meta.build_wheel(str(tmp_path))
    finally:
        os.chdir(here)
    with zipfile.ZipFile(tmp_path / name) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"fiqra"}
    for part in (
        "fiqra/model/tagger.py",
        "fiqra/training/trainer.py",
        "fiqra/templates/results.html",
        "fiqra/page/index.html",
        "fiqra/page/main.js",
        "fiqra/page/example.txt",
        "fiqra/actors.yaml",
        "fiqra/py.typed",
        "fiqra/model/released/fiqra-mini/model.safetensors",
    ):
        assert part in names
