"""`fiqra serve` as a process: where it listens, what it says, how it ends."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from command_line import fiqra

from fiqra import serve_command

LONG = "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار في الحسكة ورحبت بغداد بالاتفاق.\n" * 900


@contextmanager
def served(folder, *arguments):
    """Give the process and the port of a server."""
    command = [sys.executable, "-m", "fiqra", "serve", "--port", "0", "--tagger", folder, *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "listening" in line)
        yield process, int(re.search(r"http://127\.0\.0\.1:(\d+) ", line)[1])
    finally:
        process.kill()
        process.communicate()


def ask(port, method, path, body=None):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_what_has_begun_is_finished_when_the_server_is_told_to_end(folder):
    with served(folder) as (process, port), ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, port, "POST", "/v1/tag", {"text": LONG, "id": str(i)}) for i in range(4)]
        while ask(port, "GET", "/healthz")[1]["waiting"] < 3_600:
            assert not any(answer.done() for answer in answers), "the tagger is too fast for this test"
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for i, answer in enumerate(answers):
            status, content = answer.result()
            assert (status, content["articles"][0]["id"], len(content["articles"][0]["paragraphs"])) == (
                200,
                str(i),
                900,
            )
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 0
        assert "Traceback" not in said and said.count("POST /v1/tag 200") == 4
        with pytest.raises(OSError):
            ask(port, "GET", "/healthz")


def test_a_port_that_is_taken_and_a_missing_package_are_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"can't listen on 127.0.0.1 port {port}" in fiqra("serve", "--port", port, code=2).stderr
    assert "choose another --port or --host" in fiqra("serve", "--host", "no.such.host.invalid", code=2).stderr
    monkeypatch.setattr(serve_command, "find_spec", lambda name: None if name == "uvicorn" else True)
    assert "'fiqra serve' needs uvicorn: pip install 'fiqra[serve]'" in fiqra("serve", code=2).stderr


def test_errors_in_the_log_name_their_kind_alone():
    try:
        raise ValueError("نص سري")
    except ValueError:
        said = serve_command._NoStacks("%(message)s").formatException(sys.exc_info())
    assert said == "ValueError"
