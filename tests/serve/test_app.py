"""The API over HTTP: every endpoint, every error with its status and place, and every bound."""

import json
import socket
import struct
from typing import Any

import pytest
from helpers.serving import ANSWERS, QUESTIONS, WAIT, Background, Client, Gated, Reply
from hypothesis import given, settings
from hypothesis import strategies as st
from serve.test_service import MAZE_TEXT, SIX, SIX_ANSWER

STATUSES = {400, 404, 413, 415, 422}


def events_of(body: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def raw(client: Client, *parts: bytes) -> tuple[int, bytes]:
    """Sends bytes as they are; the status and all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return int(received.split(b" ", 2)[1]), received


# endpoints
def test_solves_one_and_several(client: Client) -> None:
    one = client.post("/v1/solve", {"puzzle": SIX})
    assert one.status == 200 and one.headers["content-type"] == "application/json"
    assert one.headers["x-content-type-options"] == "nosniff"
    [result] = one.json["results"]
    assert result["answer"] == SIX_ANSWER and "trace" not in result and "draft" not in result
    both = client.post("/v1/solve", {"puzzles": [SIX, "x"], "trace": True}).json
    assert [each["status"] for each in both["results"]] == ["solved", "error"]
    assert both["results"][0]["trace"][-1]["draft"] == SIX_ANSWER


def test_streams_a_draft_per_step_and_the_answer(client: Client) -> None:
    got = client.post("/v1/solve/stream", {"puzzle": SIX})
    assert got.status == 200 and got.headers["content-type"].startswith("text/event-stream")
    events = events_of(got.body)
    answer = events[-2][1]
    [result] = answer["results"]
    assert [name for name, _ in events] == ["draft"] * result["steps"] + ["answer", "done"]
    assert result["answer"] == SIX_ANSWER == events[-3][1]["draft"]
    assert [data["step"] for name, data in events if name == "draft"] == list(range(1, result["steps"] + 1))
    assert [data["attempt"] for name, data in events if name == "draft"][-1] == result["tries"]
    traced = client.post("/v1/solve", {"puzzle": SIX, "trace": True}).json["results"][0]["trace"]
    assert [item["draft"] for item in traced] == [data["draft"] for name, data in events if name == "draft"]


def test_a_stream_that_cannot_begin_is_an_error_as_elsewhere(client: Client) -> None:
    assert client.post("/v1/solve/stream", {"puzzle": "." * 36}).error["where"] == "puzzle"
    assert client.post("/v1/solve/stream", {"puzzles": [SIX]}).status == 422


def test_hints_checks_makes_and_lists(client: Client) -> None:
    hint = client.post("/v1/hint", {"puzzle": SIX}).json
    assert SIX_ANSWER[(hint["row"] - 1) * 6 + hint["column"] - 1] == hint["value"] and hint["verified"]
    check = client.post("/v1/check", {"puzzle": SIX, "answer": SIX_ANSWER}).json
    assert check == {"task": "sudoku-6x6", "status": "solved", "message": "", "wrong": []}
    made = client.post("/v1/make", {"task": "maze", "count": 2, "seed": 4}).json
    assert made["puzzles"][0]["question"] == MAZE_TEXT and made["seed"] == 4
    assert "sudoku-6x6" in [each["name"] for each in client.get("/v1/models").json["models"]]


def test_says_how_it_is(client: Client) -> None:
    assert client.get("/healthz").body == b"ok\n"
    client.post("/v1/solve", {"puzzles": [SIX, SIX]})
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in metrics.body.decode().splitlines() if not line.startswith("#"))
    assert int(values['redraft_requests_total{path="/v1/solve",status="200"}']) >= 1
    assert int(values['redraft_puzzles_total{status="solved"}']) >= 2
    assert values['redraft_running_puzzles{weights="sudoku-6x6"}'] == "0"
    assert int(values["redraft_request_seconds_count"]) == int(values['redraft_request_seconds_bucket{le="+Inf"}'])


# errors
@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (b"", 400, ""),
        (b"{", 400, ""),
        (b'{"puzzle": "\xff"}', 400, ""),
        (b"[" * 100_000, 400, ""),
        (b"[]", 422, ""),
        (b"null", 422, ""),
        (b"{}", 422, ""),
        (b'{"puzzle": "1", "puzzles": ["1"]}', 422, ""),
        (b'{"puzzles": []}', 422, "puzzles"),
        (b'{"puzzle": 3}', 422, "puzzle"),
        (b'{"puzzle": ""}', 422, "puzzle"),
        (b'{"puzzle": "%s"}' % (b"1" * 20_001), 422, "puzzle"),
        (b'{"puzzles": ["1", {}]}', 422, "puzzles.1"),
        (b'{"puzzle": "1", "max_steps": "3"}', 422, "max_steps"),
        (b'{"puzzle": "1", "max_steps": 0}', 422, "max_steps"),
        (b'{"puzzle": "1", "max_steps": 1e400}', 422, "max_steps"),
        (b'{"puzzle": "1", "max_steps": true}', 422, "max_steps"),
        (b'{"puzzle": "1", "trace": 1}', 422, "trace"),
        (b'{"puzzle": "1", "file": "/etc/passwd"}', 422, ""),
        (b'{"puzzle": [[%s]]}' % (b"9" * 4000), 422, "puzzle.0.0"),
        (b'{"puzzle": "1", "weights": "nope"}', 404, "weights"),
        (json.dumps({"puzzle": "1" * 81}).encode(), 422, "puzzle"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_with_its_place(
    client: Client, body: bytes, status: int, where: str
) -> None:
    got = client.post("/v1/solve", body)
    assert got.status == status, got.body
    assert got.error["where"] == where and got.error["message"]


def test_paths_methods_and_media_types(client: Client) -> None:
    assert client.get("/v1/nothing").error["status"] == 404
    assert client.get("/v1/solve/").status == 404
    assert client.get("/../../etc/passwd").status == 404
    wrong = client.get("/v1/solve")
    assert wrong.error["status"] == 405 and wrong.headers["allow"] == "POST"
    assert client.post("/v1/models", {}).status == 405
    assert client.ask("OPTIONS", "/v1/solve").status == 405
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        got = client.ask("POST", "/v1/solve", json.dumps({"puzzle": SIX}), {"Content-Type": media})
        assert got.error["status"] == 415
    assert client.post("/v1/solve", {"puzzle": SIX}, Content_Type="application/json; charset=utf-8").status == 200


# bounds
def test_a_large_body_is_refused_before_it_is_read(client: Client) -> None:
    head = b"POST /v1/solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    status, received = raw(client, head + b"Content-Length: 104857600\r\n\r\n")  # and nothing of it is sent
    assert status == 413 and b'"status":413' in received
    status, _ = raw(client, head + b"Content-Length: 99999999999999999999\r\n\r\n")
    assert status == 413


def test_a_large_body_of_no_stated_length_is_refused_while_it_is_read(client: Client) -> None:
    head = b"POST /v1/solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    status, received = raw(client, head, *[chunk] * 4)  # 256 KiB, and no end
    assert status == 413 and b"connection: close" in received.lower()


@pytest.mark.parametrize("length", [b"-1", b"abc", b"1, 2"])
def test_a_length_that_is_none_is_refused(client: Client, length: bytes) -> None:
    head = b"POST /v1/solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    status, _ = raw(client, head + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n")
    assert status in (400, 413)


def test_too_many_puzzles_are_refused(client: Client) -> None:
    got = client.post("/v1/solve", {"puzzles": ["1"] * 10_000})
    assert got.error["where"] == "puzzles" and got.status == 413
    assert client.post("/v1/make", {"task": "sudoku", "count": 10**9}).error["where"] == "count"


def test_too_many_requests_are_told_when_to_come_again(gated: tuple[Client, Gated]) -> None:
    client, stepper = gated
    running = [Background(client.post, "/v1/solve", {"puzzle": QUESTIONS[0]})]
    stepper.reached()
    running += [Background(client.post, "/v1/solve", {"puzzle": QUESTIONS[1 + each]}) for each in range(2)]
    while client.server.guard.figures.active < 3:  # both have come
        pass
    refused = client.get("/v1/models")
    assert refused.error["status"] == 429 and refused.headers["retry-after"] == "1"
    assert client.get("/healthz").status == 200
    stepper.open()
    replies: list[Reply] = [each.result() for each in running]
    assert [reply.json["results"][0]["answer"] for reply in replies] == ANSWERS[:3]


def test_a_full_queue_refuses_and_others_are_served(gated: tuple[Client, Gated]) -> None:
    client, stepper = gated
    first = Background(client.post, "/v1/solve", {"puzzle": QUESTIONS[0]})
    stepper.reached()
    refused = client.post("/v1/solve", {"puzzles": QUESTIONS[:5]})
    assert refused.error["status"] == 429 and refused.headers["retry-after"] == "1"
    stepper.open()
    assert first.result().status == 200
    assert client.post("/v1/solve", {"puzzles": QUESTIONS[:4]}).status == 200


# clients that leave
def test_a_client_that_leaves_frees_its_slot(gated: tuple[Client, Gated]) -> None:
    client, stepper = gated
    stepper.needed = {0: 50}
    connection = client.connect()
    connection.request("POST", "/v1/solve", json.dumps({"puzzle": QUESTIONS[0]}), {"Content-Type": "application/json"})
    stepper.reached()
    _slam(connection.sock)
    [future] = client.service.models[0].shared._jobs.running.values()
    while not future.cancelled():  # as soon as the server has noticed
        pass
    stepper.gate.release()
    other = Background(client.post, "/v1/solve", {"puzzle": QUESTIONS[1]})
    stepper.reached()
    stepper.open()
    assert other.result().json["results"][0]["answer"] == ANSWERS[1]
    assert stepper.widths == [1, 1]


def test_a_client_that_leaves_a_stream_frees_its_slot(gated: tuple[Client, Gated]) -> None:
    client, stepper = gated
    stepper.needed = {0: 50}
    connection = client.connect()
    body = json.dumps({"puzzle": QUESTIONS[0]})
    connection.request("POST", "/v1/solve/stream", body, {"Content-Type": "application/json"})
    stepper.gate.release()
    response = connection.getresponse()
    assert response.readline() == b"event: draft\n"
    [future] = client.service.models[0].shared._jobs.running.values()
    response.close()
    _slam(connection.sock)
    while not future.cancelled():
        pass
    stepper.open()
    assert client.post("/v1/solve", {"puzzle": QUESTIONS[1]}).status == 200
    assert len(stepper.widths) < 50 and client.service.models[0].shared.running == 0


def _slam(connection: socket.socket) -> None:
    """Leaves without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# anything at all
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PATHS = ("/v1/solve", "/v1/solve/stream", "/v1/check", "/v1/make", "/v1/hint")
KEYS = st.sampled_from(
    ["puzzle", "puzzles", "task", "weights", "max_steps", "trace", "answer", "count", "seed", "clues"]
)
PLAUSIBLE = (
    st.sampled_from([SIX, SIX_ANSWER, MAZE_TEXT, "sudoku", "sudoku-6x6", "maze", "maze-8x8", 1, 2, True, None])
    | st.lists(st.sampled_from([SIX, MAZE_TEXT, "1", [[1, 2], [2, 1]]]), max_size=3)
    | st.lists(st.lists(st.integers(-2, 9) | st.none() | st.sampled_from("#.SG1"), max_size=8), max_size=8)
    | JSON
)


@settings(max_examples=60)
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=60))
def test_any_bytes_are_answered_by_a_status_that_fits(client: Client, path: str, body: bytes) -> None:
    assert client.post(path, body).error["status"] in STATUSES


@settings(max_examples=120)
@given(path=st.sampled_from(PATHS), values=st.dictionaries(KEYS, PLAUSIBLE, max_size=5) | JSON)
def test_any_json_is_answered_by_a_status_that_fits(client: Client, path: str, values: Any) -> None:
    got = client.post(path, values)
    assert got.status == 200 or got.error["status"] in STATUSES, got.body
