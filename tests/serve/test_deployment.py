"""The claims of docs/serve.md, the Dockerfile and the systemd unit hold."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from serve.test_service import SIX

import redraft
from redraft.commands import serve
from redraft.commands.answers import plain
from redraft.errors import PuzzleError
from redraft.serve.limits import Limits
from redraft.serve.openapi import ENDPOINTS, ERRORS
from redraft.serve.types import SolveResult
from redraft.tasks import Puzzle, get_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


def table_of(heading: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("|")][2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`|\b(\d{3})\b", row) for name in name if name]


def test_the_table_of_fields_is_that_of_the_command_and_of_the_api() -> None:
    answer = redraft.load("sudoku-6x6").solve(SIX)
    unsolved = redraft.load("sudoku-6x6", max_steps=1, restart=0).solve(SIX)
    task = get_task("sudoku-6x6")
    entry = Puzzle(question=task.parse(SIX), place="puzzles.txt, line 1")
    printed = [plain(entry, answer), plain(entry, unsolved), plain(entry, PuzzleError("x", "y"))]
    assert {name for values in printed for name in values} == set(table_of("Fields"))
    assert set(SolveResult.model_fields) == set(table_of("Fields"))
    json.dumps(printed)


def test_the_tables_of_paths_limits_and_errors_are_complete() -> None:
    paths = {name.split()[-1] for name in table_of("Endpoints")}
    assert paths == {endpoint.path for endpoint in ENDPOINTS} | {"/openapi.json"}
    assert table_of("Limits") == [f"--{field.name}" for field in fields(Limits)]
    for field in fields(Limits):
        assert re.search(rf"`--{field.name}` \| {field.default:,.0f} \|", PAGE), field.name
    assert set(map(str, ERRORS)) | {"405"} == set(table_of("Errors"))


def parsed(command: list[str], monkeypatch: pytest.MonkeyPatch) -> serve.Arguments:
    class Parsed(Exception):
        pass

    found = []
    whole = serve.parse

    def parse(*args: object, **options: object) -> None:
        found.append(whole(*args, **options))  # type: ignore[arg-type]
        raise Parsed

    monkeypatch.setattr(serve, "parse", parse)
    with pytest.raises(Parsed):
        serve.run(command)
    [arguments] = found
    assert isinstance(arguments, serve.Arguments)
    return arguments


def test_the_container_serves_others_as_nobody_in_particular(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "Dockerfile").read_text()
    [entry] = re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)
    program, command, *options = json.loads(entry)
    assert (program, command) == ("redraft", "serve")
    arguments = parsed(options, monkeypatch)
    assert (arguments.host, arguments.port) == ("0.0.0.0", 8000) and "EXPOSE 8000" in text and "USER redraft" in text
    assert "HEALTHCHECK" in text and "/healthz" in text and "torch" not in text.replace("PyTorch", "")


def test_the_unit_waits_for_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "examples" / "redraft.service").read_text()
    [start] = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    program, command, *options = shlex.split(start)
    assert program.endswith("/redraft") and command == "serve"
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(stop) > parsed(options, monkeypatch).limits.seconds
