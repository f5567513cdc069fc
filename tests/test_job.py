"""Large input into a folder of parts: whatever happens on the way, nothing is lost and nothing is done twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import fiqra

from fiqra.articles import ArticleReader
from fiqra.job import DONE, MANIFEST, PARTS, REJECTS, JobSettings, open_job

BODIES = [
    "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار في الحسكة.\nورحبت بغداد بالاتفاق ودعت إلى ضبط الحدود مع سوريا.",
    "طالبت اللجنة بالكشف عن مصير المعتقلين.\nونفى الناطق باسم الحكومة وجود سجون سرية.\nوقال إن الملف أغلق.",
    "استقبل وزير الخارجية نظيره التركي في بغداد وبحثا أمن الحدود.",
]


@pytest.fixture
def news(tmp_path):
    """120 articles in three kinds of file, two of whose records are broken."""
    folder = tmp_path / "news"
    folder.mkdir()
    records = [{"id": f"j{i}", "text": f"{i} {BODIES[i % 3]}", "date": "2026-02-03"} for i in range(60)]
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    lines[7] = lines[7][:-9] + b"\xff\xfe" + lines[7][-9:]
    lines[30] = b'{"id": "half", "text": "\\ud83d'
    (folder / "a.jsonl").write_bytes(b"\n".join(lines))
    (folder / "b.csv").write_text("id,text\n" + "".join(f'c{i},"{i} {BODIES[i % 3]}"\n' for i in range(50)))
    for i in range(10):
        (folder / f"c{i}.txt").write_text(BODIES[i % 3])
    return folder


def command(news, out, folder):
    options = ("--tagger", folder, "--part-size", 12, "--part-format", "jsonl", "--backend", "torch", "--device", "cpu")
    return ("predict", news, "-o", f"{out}/", *options)


def predict(news, out, folder, *more, code=1):
    return fiqra(*command(news, out, folder), *more, code=code)


def lines_of(out):
    return sorted(line for path in (out / PARTS).glob("part-*.jsonl") for line in path.read_bytes().splitlines())


def test_parts_hold_what_one_file_holds(folder, news, tmp_path):
    result = predict(news, tmp_path / "out", folder)
    fiqra("predict", news, "-o", tmp_path / "one.jsonl", "--tagger", folder, "--backend", "torch", code=1)
    one = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text(encoding="utf-8").splitlines()]
    many = [
        json.loads(line)
        for path in sorted((tmp_path / "out" / PARTS).iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert [(r["article"], r["para"], r["text"], r["topics"]) for r in many] == [
        (r["article"], r["para"], r["text"], r["topics"]) for r in one
    ]
    assert len({r["article"] for r in many}) == 118
    assert "118 articles" in result.stderr
    rejects = [json.loads(line) for line in (tmp_path / "out" / REJECTS).read_text(encoding="utf-8").splitlines()]
    assert [(Path(r["where"]).name, r["reason"].split(":")[0]) for r in rejects] == [
        ("a.jsonl:8", "date"), ("a.jsonl:31", "not JSON"),
    ]  # fmt: skip


def test_a_byte_that_is_no_utf8_and_half_a_character_are_rejects_of_one_record(folder, tmp_path):
    good = json.dumps({"id": "g", "text": BODIES[0]}, ensure_ascii=False).encode()
    bad = good.replace("وقفا".encode(), b"\xff\xfe")
    half = json.dumps({"id": "h", "text": BODIES[0] + "\ud83d"}).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good, bad, half, b'{"text": ' + b"9" * 5000 + b"}", good]))
    result = predict(tmp_path / "a.jsonl", tmp_path / "out", folder)
    assert "2 articles" in result.stderr
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "out" / REJECTS).read_text().splitlines()]
    assert "byte 0xff is no UTF-8" in reasons[0]
    assert "half a character" in reasons[1]
    assert "not JSON that can be read" in reasons[2]


def test_parquet_parts_read_as_one_table(folder, news, tmp_path):
    predict(news, tmp_path / "out", folder, "--part-format", "parquet", "--part-size", 50)
    table = pq.read_table(tmp_path / "out" / PARTS)
    assert len(set(table["article"].to_pylist())) == 118
    assert len(list((tmp_path / "out" / PARTS).iterdir())) == 3


def test_what_is_done_is_not_done_again_and_what_is_gone_is(folder, news, tmp_path):
    out = tmp_path / "out"
    predict(news, out, folder)
    before = lines_of(out)
    (out / PARTS / "part-00003.jsonl").unlink()
    (out / DONE / "part-00008.json").unlink()
    kept = (out / PARTS / "part-00000.jsonl").stat().st_mtime_ns
    result = predict(news, out, folder)
    assert "8 of 10 parts are done, 2 to go" in result.stderr
    assert lines_of(out) == before
    assert (out / PARTS / "part-00000.jsonl").stat().st_mtime_ns == kept


@pytest.mark.parametrize("change", ["input", "new", "gone", "setting", "tagger"])
def test_another_input_tagger_or_setting_is_noticed_and_said(folder, news, tmp_path, tiny_tagger, change):
    out = tmp_path / "out"
    predict(news, out, folder)
    more, said = (), ""
    if change == "input":
        (news / "c3.txt").write_text(BODIES[1])
        said = f"input changed: {news / 'c3.txt'}"
    elif change == "new":
        (news / "z.txt").write_text(BODIES[1])
        said = f"input new: {news / 'z.txt'}"
    elif change == "gone":
        (news / "c3.txt").unlink()
        said = "input gone: "
    elif change == "setting":
        more, said = ("--keep-all",), "keep_all: False there, True now"
    else:
        from dataclasses import replace

        from fiqra import Tagger
        from fiqra.model.decode import Decoding

        other = Tagger(
            replace(tiny_tagger.settings, decoding=Decoding.default(4)), tiny_tagger._tensors, tiny_tagger.tokenizer,
            tiny_tagger.backend.compute,
        )  # fmt: skip
        other.save_pretrained(tmp_path / "other")
        more, said = ("--tagger", tmp_path / "other"), "tagger_sha256: "
    before = lines_of(out)
    assert said in predict(news, out, folder, *more, code=2).stderr
    assert lines_of(out) == before


def test_a_file_that_vanishes_under_way_is_told_and_done_once_it_is_back(folder, news, tmp_path, monkeypatch):
    out = tmp_path / "out"
    predict(news, tmp_path / "whole", folder)
    content = (news / "c5.txt").read_bytes()
    begin = open_job

    def vanish(*arguments):
        job = begin(*arguments)
        (news / "c5.txt").unlink()
        return job

    monkeypatch.setattr("fiqra.predict_folder.open_job", vanish)
    result = predict(news, out, folder)
    assert f"left out: {news / 'c5.txt'}: can't read it: No such file or directory" in result.stderr
    assert "117 articles" in result.stderr
    monkeypatch.undo()
    (news / "c5.txt").write_bytes(content)
    assert "9 of 10 parts are done, 1 to go" in predict(news, out, folder).stderr
    assert lines_of(out) == lines_of(tmp_path / "whole")


def test_places_it_cannot_write_to(folder, news, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("x")
    assert "is not empty and holds no manifest.json" in predict(news, tmp_path / "other", folder, code=2).stderr
    (tmp_path / "file").write_text("x")
    assert "can't make a folder there" in predict(news, tmp_path / "file/out", folder, code=2).stderr
    stuck = tmp_path / "broken"
    stuck.mkdir()
    (stuck / MANIFEST).write_text('{"format": 1}')
    assert "not the manifest of a job" in predict(news, stuck, folder, code=2).stderr
    assert "not from standard input" in fiqra("predict", "-", "-o", f"{tmp_path}/o/", "--tagger", folder, code=2).stderr


def test_two_runs_do_not_write_into_one_folder(folder, news, tmp_path):
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run of 'fiqra predict' is writing there" in predict(news, out, folder, code=2).stderr
    predict(news, out, folder)


def test_a_plan_cuts_all_records_into_parts_and_reads_them_from_where_they_stand(news, tmp_path):
    reader = ArticleReader([str(news)])
    straight = list(reader)
    for size in (1, 3, 7, 200):
        out = tmp_path / f"plan-{size}"
        job = open_job(str(out), JobSettings("t", "0", part_size=size), reader.files)
        again = open_job(str(out), JobSettings("t", "0", part_size=size), reader.files)
        assert again.parts == job.parts
        assert all(sum(s.stop - s.start.record for s in part) == size for part in job.parts[:-1])
        assert [item for part in range(len(job.parts)) for item in job.items(part)] == straight


SERVER = """
import json, os, sys
import fiqra.model.tagger, fiqra.model.torch_backend, fiqra.model.loading, fiqra.job_run, fiqra.predict_folder
import pyarrow.parquet, safetensors.torch, transformers.models.bert.modeling_bert, rich.progress, fsspec
from fiqra.cli import app
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        log = os.open(request["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        if request.get("limit"):
            import resource, signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["limit"], resource.RLIM_INFINITY))
        code = 99
        try:
            app(request["args"], standalone_mode=True)
        except SystemExit as end:
            code = end.code or 0
        finally:
            os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


KILLS = 20


class Runs:
    """Runs `fiqra` as a process of its own, forked from one that has imported everything and done nothing."""

    def __init__(self, log):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.log = log

    def start(self, *arguments, **request):
        request |= {"args": [str(argument) for argument in arguments], "log": str(self.log)}
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def end(self):
        return int(self.server.stdout.readline())


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path / "log")
    with runs.server:
        yield runs
        runs.server.stdin.close()


@pytest.mark.timeout(1800)  # forty processes, on a machine that may be busy
def test_killed_at_twenty_moments_it_ends_as_if_it_had_never_been(runs, folder, news, tmp_path):
    for name in ("first", "unbroken"):  # the first also reads the files that all later ones find in memory
        start = time.perf_counter()
        runs.start(*command(news, tmp_path / name, folder))
        assert runs.end() == 1  # two records are broken
        took = time.perf_counter() - start
    expected = lines_of(tmp_path / "unbroken")
    assert len({json.loads(line)["article"] for line in expected}) == 118
    chance = random.Random(7)
    killed = finished = under_way = 0
    while killed < KILLS or not finished:
        out = tmp_path / f"killed-{finished}"
        child = runs.start(*command(news, out, folder))
        if killed < KILLS:
            time.sleep(chance.uniform(0, took))
            with suppress(ProcessLookupError):  # it was through before
                os.kill(child, signal.SIGKILL)
        code = runs.end()
        assert code in (1, -signal.SIGKILL), (tmp_path / "log").read_text()
        n_done = len(list((out / DONE).glob("*.json"))) if out.exists() else 0
        if code == 1:
            finished += 1
            assert lines_of(out) == expected
            assert not [path for path in (out / PARTS).iterdir() if path.name.startswith(".")]
            assert (out / REJECTS).read_bytes() == (tmp_path / "unbroken" / REJECTS).read_bytes()
        else:
            killed += 1
            under_way += 0 < n_done < 10
            assert set(lines_of(out)) <= set(expected)
    assert under_way >= KILLS // 7  # some of the moments were in the middle of the work


def test_a_full_disk_is_told_and_the_rest_is_done_when_there_is_room(runs, folder, news, tmp_path):
    out = tmp_path / "out"
    runs.start(*command(news, tmp_path / "unbroken", folder))
    runs.end()
    sizes = sorted(path.stat().st_size for path in (tmp_path / "unbroken" / PARTS).iterdir())
    manifest = (tmp_path / "unbroken" / MANIFEST).stat().st_size
    assert sizes[-1] > manifest
    runs.start(*command(news, out, folder), limit=manifest + 100)
    assert runs.end() == 2
    log = (tmp_path / "log").read_text()
    assert "can't write it: File too large" in log
    assert "of 10 parts are done; the same command goes on there" in log
    runs.start(*command(news, out, folder))
    assert runs.end() == 1
    assert lines_of(out) == lines_of(tmp_path / "unbroken")


def test_ctrl_c_writes_the_part_in_hand_and_says_how_to_go_on(runs, folder, news, tmp_path):
    out = tmp_path / "out"
    child = runs.start(*command(news, out, folder))
    deadline = time.monotonic() + 120
    while not list((out / DONE).glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(child, signal.SIGINT)
    assert runs.end() == 130, (tmp_path / "log").read_text()
    log = (tmp_path / "log").read_text()
    n = len(list((out / DONE).glob("*.json")))
    assert 0 < n < 10
    assert "stopping once the part in hand is written" in log
    assert f"stopped: {n} of 10 parts are done; the same command goes on there" in log
    assert len(list((out / PARTS).glob("part-*.jsonl"))) == n
    runs.start(*command(news, out, folder))
    assert runs.end() == 1
    assert len({json.loads(line)["article"] for line in lines_of(out)}) == 118
