"""Every code block of the README and the pages under docs/ does what it shows.

Blocks are run in order, page by page, in a folder of their own with stand-ins for files that a page takes to be there.
A block that takes long, or needs what a test must not have, stands behind `<!-- not run: reason -->`: then commands are
looked up and their arguments parsed, no more, and Python is compiled. Lines behind `$ command` are its output, and must
be.
"""

import importlib
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import redraft.commands
from redraft.cli import main
from redraft.commands import arguments
from redraft.commands.examples import LINES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL, TEXT = ("", "bash", "sh", "console"), ("text", "kotlin")
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A block of code: the line of the page that it begins in, and the reason why it is not run, if it is not."""

    line: int
    language: str
    code: str
    reason: str | None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(text[: each.start("code")].count("\n") + 1, each["language"], each["code"], each["reason"])
        for each in BLOCK.finditer(text)
    ]
    assert text.count("\n```") == 2 * len(found), f"{page.name}: a block that is not closed, or is indented"
    return found


class Parsed(BaseException):
    """Arguments were understood: nothing is to be done with them."""


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands stop once they have read their arguments."""
    whole = arguments.parse

    def parse(*args: Any, **options: Any) -> None:
        whole(*args, **options)
        raise Parsed

    names = [each.name for each in pkgutil.walk_packages(redraft.commands.__path__, "redraft.commands.")]
    for module in [importlib.import_module(name) for name in names]:  # all of them before the first is changed
        if getattr(module, "parse", None) is whole:
            monkeypatch.setattr(module, "parse", parse)


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[None]:
    """Forgets what a page's commands import from its folder."""
    yield
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Where `redraft serve` runs, for the page whose examples ask it at localhost:8000."""
    command = [sys.executable, "-m", "redraft", "serve", "--port", "0", "--no-open", "--log-level", "error"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert running.stderr is not None
    found = re.search(r"127\.0\.0\.1:\d+", running.stderr.readline())
    assert found is not None
    yield found[0]
    running.terminate()
    assert running.wait(60) == 0
    running.stderr.close()


class Page:
    """A page's folder, in which its commands are run: `redraft` is the one that is tested."""

    def __init__(self, folder: Path) -> None:
        self.root = self.cwd = folder / "page"
        self.root.mkdir()
        programs = folder / "programs"
        programs.mkdir()
        for name, what in (("redraft", f"{shlex.quote(sys.executable)} -m redraft"), ("python", sys.executable)):
            (programs / name).write_text(f'#!/bin/sh\nexec {what} "$@"\n')
            (programs / name).chmod(0o755)
        self.programs = programs
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
        self.environment |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}

    def ask(self, server: str) -> None:
        """Has `curl` ask this server in place of localhost:8000, and fail where it answers with an error."""
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("needs curl")
        (self.programs / "curl").write_text(f'#!/bin/bash\nexec {curl} --fail "${{@//localhost:8000/{server}}}"\n')
        (self.programs / "curl").chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.cwd, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def shell(self, line: str) -> str:
        """The output of a command line, which must end well."""
        if line.startswith("cd "):
            self.cwd = self.root / line.removeprefix("cd ")
            return ""
        done = self.run("bash", "-c", line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def build_pairs(page: Page, folder: str, count: int = 400) -> None:
    """A folder of data by that name, for commands that look into theirs before they read their arguments."""
    page.shell(f"python {shlex.quote(str(ROOT / 'examples' / 'nonogram.py'))} some.csv {count}")
    page.shell(f"redraft data build some.csv -o {folder} --name nonogram")


def prepare(name: str, page: Page, exports: Callable[[str], tuple[Path, Any]]) -> None:
    """The files that a page takes to be there."""
    if name == "README.md":
        page.shell("redraft make sudoku-6x6 2 > puzzles.txt")
        build_pairs(page, "mine")
    elif name == "arc.md":
        page.shell("redraft data build make:6 --kind arc --views 8 -o data/submit")
    elif name == "own-puzzles.md":
        shutil.copytree(ROOT / "examples", page.root / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        squares = ["/".join(f"{word}{word}"[i : i + 5] for i in range(5)) for word in ("12345", "21345", "54321")]
        pairs = [(square.replace(digit, "."), square) for square in squares for digit in "12345"]
        lines = "".join(f"{question},{answer}\n" for question, answer in pairs)
        (page.root / "examples" / "latin.csv").write_text(f"input,output\n{lines}")
    elif name == "export.md":
        (page.root / "sudoku-onnx").symlink_to(exports("sudoku-9x9")[0])


def commands_of(code: str) -> Iterator[tuple[str, list[str] | None]]:
    """The command lines of a block with their output, None where it is not shown."""
    lines = code.replace("\\\n", " ").splitlines()
    session = any(line.startswith("$ ") for line in lines)
    found: list[tuple[str, list[str] | None]] = []
    for line in lines:
        if not session or line.startswith("$ "):
            found.append((line.removeprefix("$ "), [] if session else None))
        else:
            output = found[-1][1]
            assert output is not None
            output.append(line)
    return ((line, output or None) for line, output in found if line.strip())


def require_known(line: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the commands of a line exist, and that redraft's take these arguments."""
    words = shlex.split(line, comments=True)
    while words:
        end = words.index("|") if "|" in words else len(words)
        command, words = words[:end], words[end + 1 :]
        program, rest = command[0], command[1:]
        if program == "torchrun":
            assert rest[rest.index("-m") + 1] == "redraft", line
            program, rest = "redraft", rest[rest.index("-m") + 2 :]
        if program == "redraft":
            with monkeypatch.context() as patch:
                patch.chdir(page.cwd)
                try:
                    status = main(rest)
                except Parsed:
                    status = 0
            assert status == 0, line
        elif program == "cd":
            page.shell(f"cd {rest[0]}")
        elif program == "bash":
            assert (ROOT / rest[0]).is_file(), line
        elif program == "python" and rest[0] == "-m":
            assert find_spec(rest[1]), line
        elif program == "python":
            assert (page.cwd / rest[0]).is_file(), line
        elif program == "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert rest[0] == "install", line
            for found in re.findall(r"redraft\[([\w,]+)\]", line):
                assert set(found.split(",")) <= set(extras), line
        else:
            raise AssertionError(f"{line}: no program that this test knows")


def require_example(code: str) -> None:
    """That a difference makes the file of that name under examples/."""
    head, _, lines = code.partition("@@\n")
    name = re.search(r"^\+\+\+ (\S+)$", head, re.MULTILINE)
    assert name is not None and head.startswith("--- /dev/null\n"), "expected a new file of examples/"
    added = "".join(line.removeprefix("+") for line in lines.splitlines(keepends=True))
    assert added == (ROOT / "examples" / name[1]).read_text(), f"differs from examples/{name[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
@pytest.mark.usefixtures("parse_only", "modules")
def test_a_page(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exports: Callable[[str], tuple[Path, Any]],
    request: pytest.FixtureRequest,
) -> None:
    blocks = blocks_of(path)
    page = Page(tmp_path)
    if path.name == "serve.md":
        page.ask(request.getfixturevalue("server"))
    if any(block.language not in TEXT for block in blocks):
        prepare(path.name, page, exports)
    script = ""
    for block in blocks:
        where = f"{path.name}, line {block.line}"
        if block.language in SHELL:
            for line, output in commands_of(block.code):
                if block.reason is not None:
                    require_known(line, page, monkeypatch)
                    continue
                printed = page.shell(line)
                assert output is None or printed.splitlines() == output, f"{where}: {line}"
        elif block.language == "python":
            compile(block.code, where, "exec")
            if block.reason is None:  # in the lines that it stands in, so that a traceback names them
                script += "\n" * (block.line - 1 - script.count("\n")) + block.code
        elif block.language == "json":
            json.loads(block.code)
        elif block.language == "diff":
            require_example(block.code)
        else:
            assert block.language in TEXT, f"{where}: how is {block.language} to be tested?"
    if script:
        file = page.cwd / f"{path.stem}.py"
        file.write_text(script)
        done = page.run(sys.executable, str(file))
        assert done.returncode == 0, done.stderr


def test_what_is_in_a_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n```\nredraft list  # all\n```\n<!-- not run: needs a GPU -->\n```python\nx = 1\n```\n"
        "```\n$ cd here\n$ redraft make \\\n  sudoku-4x4\n1234\n4321\n```\n"
    )
    first, second, third = blocks_of(page)
    assert first == Block(3, "", "redraft list  # all\n", None)
    assert second == Block(7, "python", "x = 1\n", "needs a GPU")
    assert list(commands_of(first.code)) == [("redraft list  # all", None)]
    assert list(commands_of(third.code)) == [("cd here", None), ("redraft make    sudoku-4x4", ["1234", "4321"])]


@pytest.mark.parametrize(
    "line", ["redraft cook", "redraft make --sede 1", "redraft list | frobnicate", "pip install 'redraft[moon]'"]
)
@pytest.mark.usefixtures("parse_only")
def test_what_does_not_hold_is_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        require_known(line, Page(tmp_path), monkeypatch)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.usefixtures("parse_only", "modules")
def test_an_example_of_a_help(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_known(line, Page(tmp_path), monkeypatch)


@pytest.mark.parametrize(("first", "second"), list(zip(LINES[::2], LINES[1::2], strict=True)))
def test_a_help_ends_with_two_examples(first: str, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = first.split()[1:]
    command = words[: 2 if words[0] in ("arc", "bench", "data") else 1]
    assert main([*command, "--help"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"\nexamples:\n  {first}\n  {second}")
