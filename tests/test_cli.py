"""The command line as a user meets it: exit codes, messages, files; in-process, with the tiny tagger's folder."""

import json
import subprocess
import sys
import time

import pytest
from command_line import fiqra

TEXT = "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار في الحسكة.\nورحبت بغداد بالاتفاق ودعت إلى ضبط الحدود مع سوريا."


def test_json_lines_into_a_pipe_from_standard_input(folder):
    result = fiqra("predict", "-", "--tagger", folder, input=TEXT)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["article"], r["para"], r["tagger"]) for r in records] == [("stdin", 0, "tiny 0"), ("stdin", 1, "tiny 0")]
    assert "1 articles, 2 paragraphs" in result.stderr


def test_a_folder_with_some_bad_files_is_done_and_the_exit_code_says_so(folder, tmp_path):
    news = tmp_path / "news"
    news.mkdir()
    (news / "good.txt").write_text(f"{TEXT}\n+A\nشارك", encoding="utf-8")
    (news / "empty.txt").write_text("")
    result = fiqra("predict", news, "--tagger", folder, "-o", tmp_path / "o.jsonl", code=1)
    assert len((tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert f"left out: {news / 'empty.txt'}: is empty" in result.stderr
    assert "left out as page remnants: 2 lines (1 font size, 1 share button)" in result.stderr
    assert "left out by error: 1" in result.stderr


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv", "o.parquet", "o.html"])
def test_every_ending_writes(folder, tmp_path, name):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    fiqra("predict", tmp_path / "a.txt", "--tagger", folder, "-o", tmp_path / name)
    assert (tmp_path / name).stat().st_size > 100


def test_a_table_on_demand(folder, tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    assert "topic" in fiqra("predict", tmp_path / "a.txt", "--tagger", folder, "--table").stdout


def test_mistakes_end_with_code_2_and_a_reason(folder, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    for arguments, said in (
        (("predict", tmp_path / "no.txt", "--tagger", folder), "no such file or folder"),
        (("predict", tmp_path / "empty.txt", "--tagger", folder, "-o", tmp_path / "o.csv"), "nothing could be read"),
        (("predict", tmp_path / "a.txt", "--tagger", "fiqra-maxi"), "no tagger 'fiqra-maxi'"),
        (("predict", tmp_path / "a.txt", "--tagger", folder, "-o", tmp_path / "o.docx"), "end it in"),
        (("train", tmp_path / "no.yaml"), "can't read the config"),
        (("evaluate", folder, tmp_path / "no.jsonl"), "can't read it"),
        (("predict", tmp_path / "a.txt", "--device", "tpu"), "tpu"),
    ):
        assert said in fiqra(*arguments, code=2).stderr
    assert not (tmp_path / "o.csv").exists()


def test_evaluate_prints_a_table_and_writes_both_files(folder, root, tmp_path):
    result = fiqra("evaluate", folder, root / "tests/data/smoke.jsonl", "-o", tmp_path / "e", "--resamples", 50)
    for part in ("topics, macro", "positions", "topic + stance", "stance given actor, macro", "average precision"):
        assert part in result.stdout
    metrics = json.loads((tmp_path / "e/metrics.json").read_text())
    own = metrics["topics"]["macro_f1"]
    assert own["low"] <= own["value"] <= own["high"]
    predictions = [
        json.loads(line) for line in (tmp_path / "e/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(predictions) == metrics["n_paragraphs"] == 32


def test_help_does_not_wait_for_torch():
    code = "import sys, fiqra.cli, typer.testing; typer.testing.CliRunner().invoke(fiqra.cli.app, ['--help']); print('torch' in sys.modules)"
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
    assert time.perf_counter() - start < 10
