"""Who is let in, what is logged, and that nothing of a puzzle is in the log."""

import json
from pathlib import Path

import pytest
from helpers.serving import QUESTIONS, Client, Gated, Served, served, serving

from redraft.serve.guard import LOOPBACK, Access, host_of
from redraft.serve.limits import Limits

LIMITS = Limits()


@pytest.fixture
def models(tmp_path: Path) -> list[Served]:
    return [served(Gated(), LIMITS, tmp_path)]


PUZZLE = {"puzzle": QUESTIONS[0]}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:8000", "localhost"),
        ("LocalHost", "localhost"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("", ""),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ],
)
def test_names_in_a_host_header(header: str, name: str) -> None:
    assert host_of(header) == name


def test_on_loopback_only_its_names_are_served(models: list[Served]) -> None:
    with serving(models, LIMITS, Access(hosts=(*LOOPBACK, "puzzles.example"))) as client:
        for host in ("localhost:1234", "127.0.0.1", "[::1]:80", "puzzles.example"):
            assert client.get("/healthz", Host=host).status == 200
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""):
            for path in ("/", "/healthz", "/v1/models"):
                assert client.get(path, Host=host).error["where"] == "Host"
        assert client.post("/v1/solve", PUZZLE, Host="evil.example").status == 421


def test_a_token_is_asked_for_where_there_is_one(models: list[Served]) -> None:
    with serving(models, LIMITS, Access(token="s3cret")) as client:
        for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}, {"Authorization": "Bearer é"}):
            refused = client.ask("GET", "/v1/models", headers=sent)
            assert refused.error["where"] == "Authorization" and refused.status == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        for path in ("/metrics", "/openapi.json", "/v1/nothing"):
            assert client.get(path).status == 401
        assert client.get("/healthz").status == client.get("/").status == 200
        assert client.post("/v1/solve", PUZZLE, Authorization="bearer s3cret").status == 200


def test_pages_elsewhere_ask_only_where_they_are_named(models: list[Served]) -> None:
    page, asks = "https://page.example", {"Access-Control-Request-Method": "POST"}
    with serving(models, LIMITS, Access(origins=(page,), token="x")) as client:
        preflight = client.ask("OPTIONS", "/v1/solve", headers={"Origin": page, **asks})
        assert preflight.status == 204 and preflight.headers["access-control-allow-origin"] == page
        assert "content-type" in preflight.headers["access-control-allow-headers"]
        got = client.post("/v1/solve", PUZZLE, Origin=page, Authorization="Bearer x")
        assert got.headers["access-control-allow-origin"] == page and got.headers["vary"] == "Origin"
        other = client.ask("OPTIONS", "/v1/solve", headers={"Origin": "https://other.example", **asks})
        assert other.status != 204 and "access-control-allow-origin" not in other.headers


def test_by_default_no_page_elsewhere_asks(client: Client) -> None:
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    got = client.ask("OPTIONS", "/v1/solve", headers=asks)
    assert got.status == 405 and not any(name.startswith("access-control") for name in got.headers)


@pytest.mark.parametrize(("level", "statuses"), [("info", [200, 422, 404]), ("warning", [422, 404]), ("error", [])])
def test_logs_a_line_per_request_without_what_was_asked(
    models: list[Served], capsys: pytest.CaptureFixture[str], level: str, statuses: list[int]
) -> None:
    with serving(models, LIMITS, level=level) as client:  # type: ignore[arg-type]
        client.post("/v1/solve", PUZZLE)
        client.post("/v1/solve", {"puzzle": "4" * 16})
        client.get("/none?puzzle=secret", Authorization="Bearer secret")
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["status"] for line in lines] == statuses
    assert all(set(line) == {"time", "method", "path", "status", "ms", "puzzles"} for line in lines)
    assert QUESTIONS[0] not in written and "4444" not in written and "secret" not in written
    if level == "info":
        assert [line["puzzles"] for line in lines] == [1, 0, 0] and lines[2]["path"] == "/none"


def test_a_fault_of_the_server_is_an_error_and_the_next_request_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stepper = Gated()
    stepper.fails = True
    with serving([served(stepper, LIMITS, tmp_path)], LIMITS) as client:
        fault = client.post("/v1/solve", PUZZLE)
        assert fault.error["status"] == 500 and "as a test wants it" not in fault.body.decode()
        assert client.post("/v1/solve", PUZZLE).status == 200
    assert "as a test wants it" in capsys.readouterr().err  # for who runs it
