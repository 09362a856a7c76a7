"""What a bare `pip install redraft` can do: PyTorch and Numba are absent, and so is all that only the extras bring."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from redraft.tasks import get_task

pytestmark = pytest.mark.slow  # all of them together

ROOT = Path(__file__).parents[1]
RUN = "import sys; sys.path[:0] = sys.argv.pop(1).split('|'); from redraft.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of links to the packages that redraft always needs, and to what they need themselves."""
    folder = tmp_path_factory.mktemp("bare")
    waiting = list(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    while waiting:
        requirement = waiting.pop()
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        if ";" in requirement:  # for an extra, or for another Python
            continue
        found = distribution(name[0])
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(found.locate_file(top))
        waiting += found.requires or ()
    return folder


def run(bare: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    # -I and -S: nothing is found but Python's own modules, these packages and redraft
    command = [sys.executable, "-I", "-S", "-c", RUN, f"{bare}|{ROOT / 'src'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, input=stdin)


def test_solves_makes_draws_and_lists(bare: Path, tmp_path: Path) -> None:
    puzzle = run(bare, "make", "sudoku-6x6", "1", "--seed", "7").stdout
    solved = run(bare, "solve", "sudoku", "-f", "-", "--picture", str(tmp_path / "x.svg"), stdin=puzzle)
    assert solved.returncode == 0, solved.stderr
    task = get_task("sudoku-6x6")
    assert task.check(task.parse(puzzle.strip()), task.parse(solved.stdout.strip())).solved
    assert (tmp_path / "x.svg").read_text().startswith("<svg")
    mazes = run(bare, "make", "maze-8x8", "2", "--seed", "1").stdout
    assert run(bare, "solve", "maze", "-f", "-", stdin=mazes).returncode == 0
    listed = run(bare, "list").stdout
    assert "sudoku-extreme-mlp" in listed and "maze-8x8" in listed


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("train", "sudoku-4x4"), "train"),
        (("inspect", "sudoku-6x6", "make:1@3"), "train"),
        (("export", "sudoku-6x6"), "export"),
        (("import", "x"), "train"),
        (("bench", "solve"), "train"),
        (("serve",), "serve"),
        (("ablate", "table1"), "train"),
        (("solve", "sudoku", "1" * 36, "--backend", "torch"), "train"),
        (("solve", "sudoku", "1" * 36, "--backend", "onnx"), ""),
    ],
)
def test_what_it_lacks_is_named_with_its_extra(bare: Path, command: tuple[str, ...], extra: str) -> None:
    done = run(bare, *command)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert not extra or f"pip install 'redraft[{extra}]'" in done.stderr


def test_measures(bare: Path) -> None:
    done = run(bare, "eval", "sudoku-6x6", "make:10@5")
    assert done.returncode == 0, done.stderr
