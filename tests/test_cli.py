"""The `redraft` command as a process: exit statuses, what a start imports, pipes; and its table of commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import redraft
from redraft import cli
from redraft.commands import group
from redraft.errors import RedraftError

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}


def redraft_process(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redraft", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


def imported_by(code: str) -> set[str]:
    """Top-level names of the modules in a fresh Python after `code`."""
    report = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_imports_nothing_heavy() -> None:
    loaded = imported_by("from redraft.cli import main; main(['--help'])")
    assert "redraft" in loaded
    assert not loaded & {"torch", "numpy", "numba", "rich", "tyro", "safetensors", "matplotlib"}


def test_making_puzzles_needs_no_torch() -> None:
    loaded = imported_by("from redraft.cli import main; main(['make', 'sudoku-4x4'])")
    assert not loaded & {"torch", "safetensors", "matplotlib"}


def test_exit_statuses(tmp_path: Path) -> None:
    made = redraft_process("make", "sudoku-4x4", "2")
    assert (made.returncode, made.stderr) == (0, "")
    wrong = redraft_process("make", "sudoku-4")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("redraft make: ") and "'sudoku-4'" in wrong.stderr
    assert "sudoku-4x4, sudoku-6x6, " in wrong.stderr


def test_solving_from_a_pipe(tmp_path: Path) -> None:
    """An untrained model: status 1, and nothing on standard output looks like an answer."""
    from redraft.models import TRMConfig, build_model
    from redraft.weights.io import save_weights

    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )  # fmt: skip
    save_weights(tmp_path / "weights", build_model(config), task="sudoku-4x4", card={})
    question = redraft_process("make", "sudoku-4x4").stdout
    done = redraft_process("solve", "-f", "-", "--json", "--weights", str(tmp_path / "weights"), text=question)
    assert done.returncode == 1 and done.stderr == ""
    result = json.loads(done.stdout)
    assert (result["status"], result["question"]) == ("unsolved", question.strip())
    assert "answer" not in result


@pytest.mark.slow
def test_a_reader_that_goes_away() -> None:
    """As in `redraft make sudoku-4x4 5000 | head -1`: no traceback."""
    command = [sys.executable, "-m", "redraft", "make", "sudoku-4x4", "5000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout is not None and process.stderr is not None
        assert len(process.stdout.readline()) == 17
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_terminal_without_box_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONIOENCODING", "ascii")
    done = redraft_process("solve", "--help")
    assert (done.returncode, done.stderr) == (0, "") and "--watch" in done.stdout


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["-h"], ["help"]):
        assert cli.main(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"  {name} " in out for name in cli.COMMANDS)
    assert cli.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: redraft COMMAND")
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"redraft {redraft.__version__}\n"
    assert cli.main(["slove"]) == 2
    err = capsys.readouterr().err
    assert "'slove'" in err and "solve, train" in err


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "bench"])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: redraft {name}")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (RedraftError("what was wrong"), 2, "redraft fails: what was wrong\n"),
        (PermissionError(13, "Permission denied", "runs"), 2, "redraft fails: runs: Permission denied\n"),
        (OSError("odd"), 2, "redraft fails: odd\n"),
        (KeyboardInterrupt(), 130, None),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
    ],
    ids=repr,
)
def test_errors_become_statuses(
    error: BaseException,
    status: int,
    told: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Module:
        @staticmethod
        def run(arguments: list[str]) -> int:
            raise error

    monkeypatch.setitem(cli.COMMANDS, "fails", ("somewhere", ""))
    monkeypatch.setattr(group, "import_module", lambda name: Module)
    assert cli.main(["fails"]) == status
    err = capsys.readouterr().err
    assert err == told or (told is None and err.startswith("redraft fails: ") and err.count("\n") == 1)


def test_faults_of_ours_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        @staticmethod
        def run(arguments: list[str]) -> int:
            raise ZeroDivisionError

    monkeypatch.setattr(group, "import_module", lambda name: Module)
    with pytest.raises(ZeroDivisionError):
        cli.main(["make"])


def test_the_package_offers_what_it_names() -> None:
    from redraft.solve.load import load

    assert redraft.load is load and redraft.RedraftError is RedraftError
    assert all(hasattr(redraft, name) for name in redraft.__all__)
    with pytest.raises(AttributeError, match="'lode'"):
        redraft.lode  # noqa: B018


def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def missing(arguments: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")

    monkeypatch.setattr("redraft.commands.list.run", missing)
    assert cli.main(["list"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("redraft list: ") and "pip install 'redraft[train]'" in err

    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "redraft.draw.pixels", raising=False)
    for words in (["solve", "6.......14..........4.1.1....2..3.5."], ["inspect", "sudoku-6x6", "make:1@4"]):
        file = tmp_path / "x.png"
        assert cli.main([*words, "--picture", str(file)]) == 2 and not file.exists()
        out, err = capsys.readouterr()
        assert not out and "Pillow" in err and "pip install 'redraft[plot]'" in err

    def own(arguments: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'mine'", name="mine")

    monkeypatch.setattr("redraft.commands.list.run", own)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["list"])
