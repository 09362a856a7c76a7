"""The loop in other places: Python without redraft, Node and C++ answer as redraft does."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MODELS = ROOT / "src/redraft/serve/page/models"
VECTORS = {each["model"]: each for each in json.loads((ROOT / "web/redraft-js/test/vectors.json").read_text())}
COUNTS = {"sudoku-9x9": 1}  # of vectors, the hardest first; of the others 3
Program = Callable[[Path, str], "subprocess.CompletedProcess[str]"]


def python(folder: Path) -> list[str]:
    return [sys.executable, "-B", str(EXAMPLES / "python_onnx.py")]


def node(folder: Path) -> list[str]:
    modules = ROOT / "web/node_modules"
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    if not (modules / "onnxruntime-web").is_dir() or not (modules / "redraft-js/dist").is_dir():
        pytest.skip("needs redraft-js built: cd web && npm ci && npx tsc --build")
    (folder / "node_modules").symlink_to(modules)
    shutil.copy(EXAMPLES / "node/solve.mjs", folder)
    return ["node", str(folder / "solve.mjs")]


def cpp(folder: Path) -> list[str]:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    named = os.environ.get("ONNXRUNTIME_INCLUDE")
    places = [named] if named else ["/usr/include/onnxruntime", "/usr/local/include/onnxruntime", "/usr/local/include"]
    include = next((place for place in places if Path(place, "onnxruntime_c_api.h").is_file()), None)
    if include is None:
        pytest.skip("needs onnxruntime_c_api.h: name its folder in ONNXRUNTIME_INCLUDE")
    import onnxruntime

    found = sorted(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"))
    if not found:
        pytest.skip("needs libonnxruntime.so, which onnxruntime's wheel has on Linux")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(found[-1])
    source, program = str(EXAMPLES / "cpp/solve.cpp"), str(folder / "solve")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    linked = ["-L", str(folder), "-lonnxruntime", f"-Wl,-rpath,{folder}"]
    line = [compiler, "-std=c++17", "-O2", *warnings, "-isystem", include, source, *linked, "-o", program]
    built = subprocess.run(line, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return [program]


PROGRAMS = {"python": python, "node": node, "cpp": cpp}


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    command = PROGRAMS[request.param](tmp_path_factory.mktemp(request.param))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(folder: Path, puzzle: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, str(folder), puzzle], env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("model", VECTORS)
def test_it_answers_as_redraft_does(program: Program, model: str) -> None:
    for wanted in VECTORS[model]["solved"][: COUNTS.get(model, 3)]:
        done = program(MODELS / model, wanted["question"])
        came = f"{wanted['status']} (steps: {wanted['steps']}, attempts: {wanted['tries']})"
        assert (done.stdout.splitlines(), done.returncode) == ([wanted["answer"], came], 0), done.stderr


def test_without_rules_the_head_judges(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "grids"
    shutil.copytree(MODELS / "sudoku-6x6", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task": "grids"}))
    easy = VECTORS["sudoku-6x6"]["solved"][-1]
    done = program(folder, easy["question"])
    assert done.returncode == 0, done.stderr
    answer, came = done.stdout.splitlines()
    assert answer == easy["answer"] and re.fullmatch(r"halted \(steps: \d+, attempts: 1\)", came)


@pytest.mark.parametrize("puzzle", ["12", "z" * 36, "é" * 36, ""])
def test_what_is_no_puzzle_is_an_error(program: Program, puzzle: str, tmp_path: Path) -> None:
    for folder in (MODELS / "sudoku-6x6", tmp_path):
        done = program(folder, puzzle)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr


def test_python_needs_no_redraft_and_the_page_shows_its_rules_and_output() -> None:
    source = (EXAMPLES / "python_onnx.py").read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)) == {
        "json",
        "sys",
        "pathlib",
        "numpy",
        "onnxruntime",
    }
    page = (ROOT / "docs/export.md").read_text()
    rules = re.search(r"^def is_right.*?\n\n\n", source, re.MULTILINE | re.DOTALL)
    assert rules is not None and rules[0].rstrip() in page
    shown = VECTORS["sudoku-9x9"]["solved"][0]
    came = f"solved (steps: {shown['steps']}, attempts: {shown['tries']})"
    assert f" {shown['question']}\n{shown['answer']}\n{came}\n" in page


def test_python_judges_as_redraft_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    code: dict[str, Any] = {"__name__": "python_onnx"}
    exec((EXAMPLES / "python_onnx.py").read_text(), code)
    for model, vectors in VECTORS.items():
        for each in vectors["rules"]:
            given = each["question"], each["answer"]
            found = code["is_shortest_path"](*given, 8) if model == "maze-8x8" else code["is_right"](*given)
            assert found == each["solved"], given
