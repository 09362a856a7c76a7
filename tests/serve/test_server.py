"""The server as a process and a socket: ports, patience with slow clients, and an end that finishes what runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.serving import ANSWERS, QUESTIONS, WAIT, Background, Client, Gated, served, serving
from serve.test_service import SIX, SIX_ANSWER

from redraft.cli import main
from redraft.errors import ConfigError
from redraft.serve.limits import Limits
from redraft.serve.server import PatientProtocol, address_of, listen


@contextmanager
def process(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """`redraft serve` on a free port."""
    command = [sys.executable, "-m", "redraft", "serve", "--port", "0", *options]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert running.stderr is not None
    try:
        for line in running.stderr:
            if found := re.search(r"http://\S+:(\d+)/", line):
                yield running, Client(int(found[1]))
                break
        else:
            raise AssertionError("did not start")
    finally:
        running.kill()
        running.wait(WAIT)
        running.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_end(sent: signal.Signals) -> None:
    with process("--weights", "sudoku-6x6", REDRAFT_TOKEN="abc") as (running, client):
        assert client.get("/v1/models").status == 401
        got = client.post("/v1/solve", {"puzzle": SIX}, Authorization="Bearer abc")
        assert got.json["results"][0]["answer"] == SIX_ANSWER
        assert client.get("/healthz", Host="evil.example").status == 421
        running.send_signal(sent)
        assert running.wait(WAIT) == 0
        assert running.stderr is not None
        assert all(json.loads(line) for line in running.stderr.read().splitlines())


def test_the_end_finishes_what_runs_and_takes_no_more(tmp_path: Path) -> None:
    limits, stepper = Limits(), Gated({0: 3}, gated=True)
    with serving([served(stepper, limits, tmp_path)], limits) as client:
        running = Background(client.post, "/v1/solve", {"puzzle": QUESTIONS[0]})
        stepper.reached()
        client.server.handle_exit(signal.SIGTERM, None)
        with pytest.raises(AssertionError, match="refused"):
            while True:  # 503 until the socket is closed
                try:
                    assert client.get("/healthz").error["status"] == 503
                except OSError:
                    raise AssertionError("refused") from None
        stepper.open()
        assert running.result().json["results"][0]["answer"] == ANSWERS[0]


def test_a_head_that_does_not_arrive_closes_the_connection(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "patience", 0.05)
    for sent in (b"", b"GET / HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET"):
        with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as slow:
            slow.sendall(sent)
            while slow.recv(4096):
                pass
    assert client.get("/healthz").status == 200


def test_a_response_that_is_not_read_closes_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "patience", 0.05)
    built = tmp_path / "page"
    built.mkdir()
    (built / "index.html").write_bytes(b"x" * 30_000_000)  # more than the system buffers
    with serving([], Limits(), built=built) as client:
        with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while not client.server.server_state.connections:
                pass
            while client.server.server_state.connections:
                pass
        assert len(client.get("/").body) == 30_000_000  # one that is read


def test_a_body_that_does_not_arrive_is_given_up(tmp_path: Path) -> None:
    limits = Limits(seconds=0.05)
    with serving([served(Gated(), limits, tmp_path)], limits) as client:
        head = b"POST /v1/solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as slow:
            slow.sendall(head)
            received = b""
            while chunk := slow.recv(4096):
                received += chunk
        assert received.startswith(b"HTTP/1.1 408 ")


def test_what_is_not_done_in_time_is_an_error_in_answers_and_streams(tmp_path: Path) -> None:
    limits, stepper = Limits(seconds=0.1), Gated(gated=True)
    with serving([served(stepper, limits, tmp_path)], limits) as client:
        assert client.post("/v1/solve", {"puzzle": QUESTIONS[0]}).error["status"] == 504
        assert client.post("/v1/hint", {"puzzle": QUESTIONS[0]}).error["status"] == 504
        stream = client.post("/v1/solve/stream", {"puzzle": QUESTIONS[0]})
        assert stream.status == 200 and stream.body.startswith(b"event: error\n") and b'"status": 504' in stream.body
        stepper.open()


def test_a_request_that_is_none(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as other:
        other.sendall(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        assert other.recv(4096).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as long:
        long.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000)
        assert long.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert client.get("/healthz").status == 200


def test_a_port_in_use_is_a_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert main(["serve", "--port", str(port)]) == 2
    taken.close()
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"--port {port}" in error and "--port 0" in error


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--host", "not a host"),
        ("--host", "192.0.2.1", "--port", "0"),
        ("--token", " "),
        ("--token", "clé"),
        ("--queue", "0"),
        ("--seconds", "0"),
        ("--weights", "nowhere", "--port", "0"),
        ("--log-level", "loud"),
    ],
)
def test_options_that_cannot_be_meant(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *options]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_addresses_are_as_one_types_them() -> None:
    with listen("127.0.0.1", 0) as bound:
        assert address_of(bound, "localhost") == f"http://localhost:{bound.getsockname()[1]}/"
        assert address_of(bound, "::1").startswith("http://[::1]:")
    with pytest.raises(ConfigError):
        listen("no such host.invalid", 0)
