"""The Model Context Protocol, spoken by the SDK's own client: in memory, on standard streams, over HTTP."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import mcp.types as wire
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from helpers.places import ROOT
from helpers.serving import ANSWERS, QUESTIONS, WAIT, Background, Gated, served, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from serve.test_service import SIX
from test_docs import blocks_of

from redraft.serve.async_service import AsyncService
from redraft.serve.guard import Access
from redraft.serve.limits import Limits
from redraft.serve.models import open_all
from redraft.serve.service import Service
from redraft.serve.tools.mcp import ToolServer
from redraft.serve.tools.tools import TOOLS
from redraft.tasks import get_task

MODES = {"auto": "2026-07-28", "legacy": "2025-11-25"}
TASK = get_task("sudoku-6x6")
SIXES = [TASK.format(each) for each in TASK.make(3, 1).questions]
SMALL = Limits(body=20_000, puzzles=3, steps=4, cells=200, making=5.0)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    found = Service(open_all(["sudoku-6x6", "maze-8x8"], SMALL), SMALL)
    yield found
    found.close()


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as found:
        yield found


class Session:
    """A client for tests that are not asynchronous."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.portal, self.client = portal, client

    def call(self, tool: str, arguments: dict[str, Any]) -> wire.CallToolResult:
        return self.portal.call(self.client.call_tool, tool, arguments)


@pytest.fixture(scope="module", params=MODES)
def session(request: pytest.FixtureRequest, portal: BlockingPortal, service: Service) -> Iterator[Session]:
    """A client of each protocol, connected in memory."""
    client = Client(ToolServer(AsyncService(service)).server, mode=request.param)
    with portal.wrap_async_context_manager(client):
        assert client.protocol_version == MODES[request.param]
        yield Session(portal, client)


def text_of(result: wire.CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, wire.TextContent)
    return content.text


def error_of(result: wire.CallToolResult) -> dict[str, Any]:
    """The error of a result, in the words of the HTTP API."""
    assert result.is_error and result.structured_content is None
    error: dict[str, Any] = json.loads(text_of(result))["error"]
    assert set(error) == {"message", "where", "status"} and error["message"]
    return error


# the tools
def test_the_tools_and_their_annotations(session: Session) -> None:
    tools = session.portal.call(session.client.list_tools).tools
    assert [tool.name for tool in tools] == ["solve", "check", "make", "hint", "explain", "list_models"]
    for tool in tools:
        hints = tool.annotations
        assert hints is not None and hints.read_only_hint and hints.idempotent_hint
        assert hints.open_world_hint is False and hints.destructive_hint is False
        assert tool.title and tool.description and len(tool.description) < 900
        for schema in (tool.input_schema, tool.output_schema):
            assert schema is not None and schema["type"] == "object"
            assert not {"oneOf", "anyOf", "allOf"} & set(schema), "which not all clients take at the top"
            jsonschema.Draft202012Validator.check_schema(schema)


def test_results_are_typed_and_in_words(session: Session) -> None:
    result = session.call("solve", {"puzzle": SIX})
    assert not result.is_error and json.loads(text_of(result)) == result.structured_content
    [found] = result.structured_content["results"]
    assert found["status"] == "solved" and TASK.check(TASK.parse(SIX), TASK.parse(found["answer"]))
    several = session.call("solve", {"puzzles": [SIX, "12"], "task": "sudoku-6x6"}).structured_content["results"]
    assert [each["status"] for each in several] == ["solved", "error"]
    rows = [[int(cell) if cell != "." else None for cell in SIX[start : start + 6]] for start in range(0, 36, 6)]
    assert session.call("solve", {"puzzle": rows, "task": "sudoku"}).structured_content["results"] == [found]
    checked = session.call("check", {"puzzle": SIX, "answer": found["answer"]}).structured_content
    assert checked == {"task": "sudoku-6x6", "status": "solved", "message": "", "wrong": []}
    wrong = session.call("check", {"puzzle": SIX, "answer": "66" + SIX[2:]}).structured_content
    assert wrong["message"] == "row 1 has two 6s" and wrong["wrong"][0] == {"row": 1, "column": 1}
    hint = session.call("hint", {"puzzle": SIX}).structured_content
    assert hint["verified"] and found["answer"][6 * hint["row"] + hint["column"] - 7] == hint["value"]
    made = [session.call("make", {"task": "sudoku-4x4", "seed": 1}).structured_content for _ in range(2)]
    assert made[0] == made[1] and len(made[0]["puzzles"]) == 1
    models = session.call("list_models", {}).structured_content["models"]
    assert [each["name"] for each in models] == ["sudoku-6x6", "maze-8x8"]


def test_an_explanation_names_every_draft(session: Session) -> None:
    result = session.call("explain", {"puzzle": SIX})
    found, words = result.structured_content, text_of(result)
    drafts = found["drafts"]
    assert found["words"] == words and found["result"]["status"] == "solved" and "trace" not in found["result"]
    assert [each["step"] for each in drafts] == [*range(1, found["result"]["steps"] + 1)]
    assert drafts[-1]["draft"] == found["result"]["answer"] and drafts[-1]["wrong"] == 0
    before = SIX
    for each in drafts:
        assert each["changed"] == sum(a != b for a, b in zip(before, each["draft"], strict=True))
        assert bool(each["message"]) == (each["wrong"] > 0)
        assert f"Step {each['step']}: {each['changed']} cells changed" in words
        before = each["draft"]
    assert words.count("Restart") == found["result"]["tries"] - 1
    assert words.endswith(TASK.draw(TASK.parse(found["result"]["answer"])))


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "where"),
    [
        ("solve", {}, 422, ""),
        ("solve", {"puzzle": SIX, "puzzles": [SIX]}, 422, ""),
        ("solve", {"puzzle": "12"}, 422, "puzzle"),
        ("solve", {"puzzle": "66" + SIX[2:]}, 422, "puzzle"),
        ("solve", {"puzzle": 7}, 422, "puzzle"),
        ("solve", {"puzzle": SIX, "colour": "red"}, 422, ""),
        ("solve", {"puzzle": SIX, "max_steps": "4"}, 422, "max_steps"),
        ("solve", {"puzzle": SIX, "max_steps": 5}, 422, "max_steps"),
        ("solve", {"puzzle": SIX, "weights": "/etc/passwd"}, 404, "weights"),
        ("solve", {"puzzles": [SIX] * 4}, 413, "puzzles"),
        ("solve", {"puzzles": [SIX * 200] * 3}, 413, ""),
        ("explain", {"puzzle": "12"}, 422, "puzzle"),
        ("check", {"puzzle": SIX, "answer": "1"}, 422, "answer"),
        ("make", {"task": "chess"}, 404, "task"),
        ("make", {"task": "sudoku-9x9", "count": 10**9}, 413, "count"),
        ("hint", {"puzzle": "S......G", "weights": "maze-8x8"}, 422, "task"),
        ("hint", {"puzzle": "S.\n.G", "task": "maze"}, 422, "puzzle"),
        ("list_models", {"all": True}, 422, ""),
    ],
)
def test_an_error_says_what_and_where(
    session: Session, tool: str, arguments: dict[str, Any], status: int, where: str
) -> None:
    error = error_of(session.call(tool, arguments))
    assert (error["status"], error["where"]) == (status, where), error


def test_an_unknown_tool_is_an_error_of_the_protocol(session: Session) -> None:
    with pytest.raises(MCPError) as raised:
        session.call("play", {})
    assert raised.value.error.code == wire.INVALID_PARAMS and "solve" in raised.value.error.message


def test_an_app_shows_the_drafts(session: Session) -> None:
    tools = session.portal.call(session.client.list_tools).tools
    uris = {tool.name: (tool.meta or {}).get("ui", {}).get("resourceUri") for tool in tools}
    assert uris == {name: "ui://redraft/drafts.html" if name == "explain" else None for name in TOOLS}
    [app] = session.portal.call(session.client.list_resources).resources
    assert (str(app.uri), app.mime_type) == (uris["explain"], "text/html;profile=mcp-app")
    [content] = session.portal.call(session.client.read_resource, uris["explain"]).contents
    assert isinstance(content, wire.TextResourceContents) and content.mime_type == app.mime_type
    assert "http" not in content.text, "it fetches nothing"
    with pytest.raises(MCPError):
        session.portal.call(session.client.read_resource, "ui://redraft/other.html")


# any arguments
NEAR = {
    "puzzle": st.sampled_from([*SIXES, SIXES[0][:-1], "S.\n.G", ".#\nSG", [[1, None], [2, "x"]]])
    | st.text(max_size=40),
    "puzzles": st.lists(st.sampled_from(SIXES) | st.text(max_size=40), max_size=4),
    "answer": st.sampled_from(SIXES) | st.text("123456.", max_size=36),
    "task": st.sampled_from(["sudoku", "sudoku-6x6", "sudoku-4x4", "maze", "maze-8x8", "arc", "../x"]),
    "weights": st.sampled_from(["sudoku-6x6", "maze-8x8", "sudoku-9x9", "."]),
    "max_steps": st.integers(-1, 5),
    "trace": st.booleans(),
    "count": st.integers(-1, 5) | st.just(10**30),
    "seed": st.integers(-1, 3) | st.just(1 << 60),
    "clues": st.integers(0, 20),
    "guesses": st.integers(0, 20),
    "least": st.integers(0, 20),
}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
JSON = st.recursive(PLAIN, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A tool, and arguments that make some sense, or none."""
    name = draw(st.sampled_from(sorted(TOOLS)))
    known = sorted(set(TOOLS[name].request.model_fields) & set(NEAR))
    keys = draw(st.lists(st.sampled_from(known), unique=True)) if known else []
    arguments = {key: draw(NEAR[key]) if draw(st.integers(0, 9)) else draw(JSON) for key in keys}
    return name, arguments | (
        draw(st.dictionaries(st.text(max_size=8), JSON, max_size=2)) if draw(st.booleans()) else {}
    )


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(call=calls())
def test_any_arguments_have_a_result_or_an_error(session: Session, call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    result = session.call(name, arguments)
    if result.is_error:
        assert 400 <= error_of(result)["status"] < 500
        return
    found = result.structured_content
    TOOLS[name].response.model_validate(found)
    for each in [*found.get("results", ()), *([found["result"]] if "result" in found else [])]:
        assert ("answer" in each) == (each["status"] == "solved")
        if each["status"] == "solved":
            task = get_task(found["task"])
            assert task.check(task.parse(each["question"]), task.parse(each["answer"]))
    if name == "check" and found["status"] == "solved":
        task = get_task(found["task"])
        assert task.check(task.board(arguments["puzzle"]), task.board(arguments["answer"]))


# a model that waits
def run(work: Callable[[Client], Awaitable[None]], server: ToolServer) -> None:
    async def main() -> None:
        async with Client(server.server) as client:
            await asyncio.wait_for(work(client), WAIT)

    asyncio.run(main())


def test_a_call_that_is_given_up_frees_its_slot(tmp_path: Path) -> None:
    limits, stepper = Limits(requests=2), Gated(gated=True)
    service = Service([served(stepper, limits, tmp_path)], limits)
    tools = ToolServer(AsyncService(service))

    async def work(client: Client) -> None:
        asked = [asyncio.create_task(client.call_tool("solve", {"puzzle": each})) for each in QUESTIONS[:2]]
        await asyncio.to_thread(stepper.reached)
        while tools.active < 2:
            await asyncio.sleep(0)
        refused = error_of(await client.call_tool("solve", {"puzzle": QUESTIONS[2]}))
        assert refused["status"] == 429
        asked[0].cancel()
        while tools.active > 1:
            await asyncio.sleep(0.001)
        stepper.open()
        result = await asked[1]
        assert result.structured_content is not None
        assert result.structured_content["results"][0]["answer"] == ANSWERS[1]

    run(work, tools)
    assert not service.models[0].shared.running
    service.close()


def test_a_fault_is_told_without_its_details(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stepper = Gated()
    stepper.fails = True
    service = Service([served(stepper, Limits(), tmp_path)], Limits())

    async def work(client: Client) -> None:
        assert error_of(await client.call_tool("solve", {"puzzle": QUESTIONS[0]}))["status"] == 500

    run(work, ToolServer(AsyncService(service)))
    service.close()
    assert "ArithmeticError" in capsys.readouterr().err


def test_an_answer_out_of_time_is_an_error(tmp_path: Path) -> None:
    limits, stepper = Limits(seconds=0.05), Gated(gated=True)
    service = Service([served(stepper, limits, tmp_path)], limits)

    async def work(client: Client) -> None:
        for tool in ("solve", "hint", "explain"):
            error = error_of(await client.call_tool(tool, {"puzzle": QUESTIONS[0]}))
            assert (error["status"], error["where"]) == (504, "puzzle")

    run(work, ToolServer(AsyncService(service)))
    stepper.open()
    service.close()


# standard streams
PROGRAM = StdioServerParameters(
    command=sys.executable,
    args=["-m", "redraft", "mcp", "--weights", "sudoku-6x6"],
    env={"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_the_command_speaks_on_standard_streams(mode: str) -> None:
    async def main() -> None:
        async with Client(stdio_client(PROGRAM), mode=mode) as client:
            assert client.protocol_version == MODES[mode]
            found = await client.call_tool("solve", {"puzzle": SIX})
            assert found.structured_content is not None
            assert found.structured_content["results"][0]["status"] == "solved"
            assert error_of(await client.call_tool("solve", {"puzzle": "12"}))["status"] == 422

    asyncio.run(asyncio.wait_for(main(), WAIT))


@pytest.mark.slow
def test_the_command_ends_at_an_interruption_while_its_input_is_open() -> None:
    environment = {**os.environ, **(PROGRAM.env or {})}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([PROGRAM.command, *PROGRAM.args], env=environment, **pipes) as running:
        assert running.stdin is not None and running.stdout is not None
        running.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        running.stdin.flush()
        assert "jsonrpc" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(WAIT) == -signal.SIGINT


@pytest.mark.slow
def test_the_command_ends_with_its_input_and_prints_nothing_of_its_own() -> None:
    lines = "\n".join(["no JSON", '{"jsonrpc": "2.0", "id": 1, "method": "no/such"}', "[]", ""])
    environment = {**os.environ, **(PROGRAM.env or {})}
    command = [PROGRAM.command, *PROGRAM.args]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=environment, timeout=WAIT)
    assert done.returncode == 0
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert replies and all("error" in each for each in replies)


def test_the_page_lists_all_tools_and_their_arguments() -> None:
    text = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in text.partition("## The tools")[2].splitlines() if line.startswith("| `")]
    found = {name.strip(" `"): set(re.findall(r"`(\w+)`", arguments)) for name, _, arguments in rows}
    assert found == {name: set(tool.request.model_fields) for name, tool in TOOLS.items()}


def rounded(text: str) -> str:
    return re.sub(r"\d\.\d+", lambda found: f"{float(found[0]):.2f}", text)


@pytest.mark.slow
@pytest.mark.arithmetic
def test_the_session_of_the_page(tmp_path: Path) -> None:
    """The Python of docs/mcp.md prints what the page shows after it."""
    blocks = blocks_of(ROOT / "docs" / "mcp.md")
    [number] = [number for number, block in enumerate(blocks) if block.language == "python"]
    (tmp_path / "session.py").write_text(blocks[number].code)
    wrapper = f'#!/bin/sh\nPYTHONPATH={ROOT / "src"} exec {sys.executable} -m redraft "$@"\n'
    (tmp_path / "redraft").write_text(wrapper)
    (tmp_path / "redraft").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, "session.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert rounded(done.stdout) == rounded(blocks[number + 1].code)


# HTTP
@contextmanager
def tools_over_http(tmp_path: Path, access: Access, limits: Limits, stepper: Gated) -> Iterator[Any]:
    with serving([served(stepper, limits, tmp_path)], limits, access, tools=True, level="error") as client:
        yield client
        stepper.open()


LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("mode", MODES)
def test_tools_over_http_beside_the_api(mode: str, tmp_path: Path) -> None:
    access = Access(hosts=("127.0.0.1",), token="secret")
    with tools_over_http(tmp_path, access, Limits(), Gated()) as server:
        url = f"http://127.0.0.1:{server.port}/mcp"

        async def main() -> None:
            headers = {"Authorization": "Bearer secret"}
            async with (
                httpx2.AsyncClient(headers=headers, trust_env=False) as connection,
                Client(streamable_http_client(url, http_client=connection), mode=mode) as client,
            ):
                assert client.protocol_version == MODES[mode]
                found = await client.call_tool("solve", {"puzzle": QUESTIONS[0]})
                assert found.structured_content is not None
                assert found.structured_content["results"][0]["answer"] == ANSWERS[0]
                assert error_of(await client.call_tool("solve", {"puzzle": "1"}))["where"] == "puzzle"

        asyncio.run(asyncio.wait_for(main(), WAIT))
        assert server.post("/mcp", LIST).error["status"] == 401
        for header, value, status in (("Host", "evil.example", 421), ("Origin", "https://evil.example", 403)):
            got = server.post("/mcp", LIST, Authorization="Bearer secret", **ACCEPT, **{header: value})
            assert got.error["status"] == status, header
        assert server.get("/mcp", Authorization="Bearer secret").error["status"] == 405
        own = f"http://127.0.0.1:{server.port}"
        assert server.post("/mcp", LIST, Authorization="Bearer secret", **ACCEPT, Origin=own).status == 200
        assert server.post("/v1/solve", {"puzzle": QUESTIONS[0]}, Authorization="Bearer secret").status == 200


def test_bounds_over_http(tmp_path: Path) -> None:
    with tools_over_http(tmp_path, Access(), Limits(body=5_000, seconds=0.2), Gated()) as server:
        assert server.post("/mcp", b" " * 6_000, **ACCEPT).status == 413
        slow = server.connect()
        slow.putrequest("POST", "/mcp")
        for name, value in {**ACCEPT, "Content-Type": "application/json", "Content-Length": "100"}.items():
            slow.putheader(name, value)
        slow.endheaders(b"{")
        assert slow.getresponse().status == 408
        slow.close()
        assert server.post("/mcp", LIST, **ACCEPT).status == 200


def test_a_client_of_http_that_leaves_frees_its_slot(tmp_path: Path) -> None:
    stepper = Gated(gated=True)
    with tools_over_http(tmp_path, Access(), Limits(), stepper) as server:
        shared = server.service.models[0].shared
        leaving = asking(server, QUESTIONS[0])
        stepper.reached()
        leaving.close()
        staying = Background(answered, server, QUESTIONS[1])
        while shared.waiting + shared.running < 2:
            threading.Event().wait(0.001)
        stepper.gate.release()
        stepper.reached()
        stepper.open()
        assert ANSWERS[1].encode() in staying.result()
    assert not shared.running


def asking(server: Any, question: str) -> http.client.HTTPConnection:
    """A connection on which a tool has been called."""
    connection: http.client.HTTPConnection = server.connect()
    params = {"name": "solve", "arguments": {"puzzle": question}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    connection.request("POST", "/mcp", body, {"Content-Type": "application/json", **ACCEPT})
    return connection


def answered(server: Any, question: str) -> bytes:
    connection = asking(server, question)
    with connection.getresponse() as response:
        found: bytes = response.read()
    connection.close()
    return found


def test_without_the_option_there_are_no_tools(tmp_path: Path) -> None:
    with serving([served(Gated(), Limits(), tmp_path)], Limits(), level="error") as server:
        assert server.post("/mcp", LIST).status == 404
