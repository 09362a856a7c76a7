"""The public API: its names and signatures, its documented examples, and how its objects look in a notebook."""

import ast
import doctest
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import redraft
from redraft import api
from redraft.data.build import open_source
from redraft.errors import DataWarning
from redraft.models import TRMConfig, build_model

FROZEN = Path(__file__).with_name("api.txt")
ROOT = Path(__file__).parents[1]
SIZES = {"hidden_size": 32, "num_heads": 2, "puzzle_positions": 1, "puzzle_dim": 32, "n": 1, "T": 2}
PUZZLE = "6.......14..........4.1.1....2..3.5."


def described() -> Iterator[str]:
    """A line for each name: a function's signature, a class's attributes, methods and how it is made."""
    for name in sorted(redraft.__all__):
        value = getattr(redraft, name)
        if not isinstance(value, type):
            yield f"{name}{inspect.signature(value)}" if callable(value) else name
            continue
        bases = ", ".join(base.__name__ for base in value.__bases__)
        yield f"class {name}({bases})"
        if not issubclass(value, Exception):
            members = {**value.__dict__, **dict.fromkeys(getattr(value, "__dataclass_fields__", ()))}
            for member in sorted(members):
                if member == "__init__" or not member.startswith("_"):
                    found = inspect.getattr_static(value, member, None)
                    found = getattr(value, member) if isinstance(found, classmethod | staticmethod) else found
                    yield f"    {member}{inspect.signature(found) if inspect.isfunction(found) else ''}"


def test_the_api_is_frozen() -> None:
    """What changes here changes what people's programs may say: write a line into CHANGELOG.md with it.

    `python tests/test_api.py` writes the file anew.
    """
    assert "\n".join(described()) + "\n" == FROZEN.read_text()


def test_the_package_offers_its_api_alone_and_at_once() -> None:
    code = (
        "import sys, time; start = time.process_time(); import redraft; seconds = time.process_time() - start; "
        "print(seconds, *{'torch', 'numpy', 'rich'} & set(sys.modules)); print(*dir(redraft))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, names = done.stdout.splitlines()
    assert float(seconds) <= 0.05, "and imports nothing large"
    assert names.split() == sorted(redraft.__all__)
    with pytest.raises(AttributeError):
        redraft.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "inspect", "export"])
def test_a_package_is_also_a_function(name: str) -> None:
    package: Any = getattr(redraft, name)
    function: Any = getattr(api, name)
    assert isinstance(package, ModuleType) and package.__name__ == f"redraft.{name}"
    assert inspect.signature(package) == inspect.signature(function)
    assert inspect.getdoc(package) == inspect.getdoc(function)


@pytest.mark.slow
def test_the_examples_of_the_docstrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner()
    tests = sorted(finder.find(api, extraglobs={"redraft": redraft}), key=lambda test: test.lineno or 0)
    shown = {test.name.rpartition(".")[2] for test in tests if test.examples}
    functions = {
        name for name in redraft.__all__ if getattr(getattr(api, name, None), "__module__", "") == api.__name__
    }
    assert shown == functions, "each function has an example"
    for test in tests:  # in order: one goes on with what another began
        runner.run(test)
    assert runner.summarize().failed == 0


@pytest.mark.slow
def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    run = redraft.train("sudoku-4x4", tiny=True, stop_after=0, threads=1, optim={"lr": 1e-3})
    err = capsys.readouterr().err
    assert "sudoku-4x4 in runs/sudoku-4x4" in err and "stopped at step 1 of 6" in err
    assert (run.folder, run.finished, run.progress.step) == (Path("runs/sudoku-4x4"), False, 1)
    assert (run.config.optim.lr, run.config.threads, torch.get_num_threads()) == (1e-3, 1, threads)
    assert run.weights == run.folder / "last" and repr(run) == "Run('runs/sudoku-4x4': step 1 of 6)"
    run = redraft.resume(run, quiet=True)
    assert capsys.readouterr() == ("", "") and run.finished
    assert {row["kind"] for row in run.metrics()} == {"train", "eval"} and run.metrics()[-1]["step"] == 6
    assert run.weights == run.folder / "best" and run.model.config == run.config.model
    assert "best evaluation" in repr(run) and "<td>exact</td>" in run._repr_html_()
    report = run.evaluate("make:5@9", quiet=True, steps=3)
    assert (report.weights, report.figures["puzzles"]) == (str(run.folder), 5)
    assert redraft.evaluate(run, "make:5@9", steps=3, quiet=True).figures == report.figures
    assert run.solver().task.name == "sudoku-4x4"
    assert redraft.train("sudoku-4x4", tiny=True, steps=1, quiet=True).folder == Path("runs/sudoku-4x4-2")
    for kind in (".svg", ".png"):
        assert run.plot(f"curves{kind}").stat().st_size > 1000
    with pytest.raises(redraft.ConfigError, match="pandas"):
        run.metrics(frame=True)


def test_a_frame_of_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))
    monkeypatch.setattr(sys.modules["pandas"], "DataFrame", list, raising=False)
    run = object.__new__(redraft.Run)
    run.folder = tmp_path
    (tmp_path / "metrics.jsonl").write_text('{"kind": "train", "step": 1}\n{"kind": "tr')
    assert run.metrics(frame=True) == run.metrics() == [{"kind": "train", "step": 1}]


@pytest.mark.slow
def test_an_interrupt_gives_a_run_that_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def interrupt() -> None:
        while not (tmp_path / "run" / "metrics.jsonl").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    run = redraft.train("sudoku-4x4", tiny=True, steps=100_000, out="run", quiet=True)
    assert not run.finished and 0 < run.progress.step < 100_000
    assert redraft.resume("run", steps=run.progress.step + 1, quiet=True).finished


def changing(**changes: Any) -> Callable[[], Any]:
    return lambda: redraft.train("sudoku-4x4", out="never", **changes)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (changing(step=3), redraft.ConfigError, "'step'"),
        (changing(model={"m": 3}), redraft.ConfigError, "'model.m'"),
        (changing(optim={"lr": "fast"}), redraft.ConfigError, "lr"),
        (changing(model=3), redraft.ConfigError, "model"),
        (lambda: redraft.train("sudoku-5x5"), redraft.ConfigError, "sudoku-5x5"),
        (lambda: redraft.resume("nowhere"), redraft.WeightsError, "nowhere"),
        (lambda: redraft.Run("nowhere"), redraft.WeightsError, "nowhere"),
        (lambda: redraft.evaluate("sudoku-6x6", "none.csv"), redraft.DataError, "none.csv"),
        (lambda: redraft.evaluate("sudoku-6x6", "make:3", steps=0), redraft.ConfigError, "steps"),
        (lambda: redraft.compare(["sudoku-6x6"], "make:3"), redraft.ConfigError, "sudoku-6x6"),
        (lambda: redraft.inspect("sudoku-6x6", "123"), redraft.PuzzleError, "123"),
        (lambda: redraft.export("sudoku-6x6", check=0), redraft.ConfigError, "check"),
        (lambda: redraft.make("sudoku-6x6", 0), redraft.ConfigError, "count"),
        (lambda: redraft.make("maze-6x6", clues=4), redraft.ConfigError, "clues"),
        (lambda: redraft.make("sudoku-4x4", near="hard.csv"), redraft.ConfigError, "near"),
        (lambda: redraft.make("sudoku-4x4", near=np.zeros((4, 4), np.int8)), redraft.ConfigError, "near"),
        (lambda: redraft.make("sudoku-4x4", near=np.zeros((2, 6, 6), np.int8)), redraft.ConfigError, "near"),
        (lambda: redraft.make("sudoku-4x4", near=np.zeros((1, 4, 4), np.int8)), redraft.ConfigError, "near"),
        (lambda: redraft.make("sudoku-4x4", near=np.zeros((0, 4, 4), np.int8)), redraft.ConfigError, "near"),
        (lambda: redraft.make_task("chess"), redraft.RedraftError, "chess"),
    ],
)
def test_mistakes(
    call: Callable[[], Any], error: type[Exception], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=named):
        call()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_report_and_a_comparison_in_a_notebook(tmp_path: Path) -> None:
    report = redraft.evaluate("sudoku-6x6", "make:20@7", steps=4, quiet=True)
    assert repr(report).startswith("Report(sudoku-6x6 on make:20@7: ") and "After each supervision step" in str(report)
    assert report._repr_html_().startswith("<pre") and json.loads(json.dumps(report.to_dict()))["puzzles"] == 20
    assert report.plot(tmp_path / "steps.svg").read_text().startswith("<?xml")
    found = redraft.compare(["sudoku-6x6", "sudoku-6x6@1"], "make:20@7", steps=4, save=tmp_path / "kept", quiet=True)
    assert repr(found) == f"Comparison({found.sentences[0]})" and found.sentences[0] in str(found)
    assert found._repr_html_().startswith("<pre") and "| ---: |" in found.save(tmp_path / "table.md").read_text()
    assert json.loads(json.dumps(found.to_dict()))["rows"] == 20


def test_data_trained_on_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = redraft.train("sudoku-4x4", tiny=True, steps=1, quiet=True)
    with pytest.warns(DataWarning, match="trained on"):
        run.evaluate(run.config.data.train, quiet=True, steps=1)


@pytest.mark.parametrize("built", [False, True])
def test_a_split_kept_apart_is_not_warned_of(built: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a file, or a store, for training and one for testing."""
    monkeypatch.chdir(tmp_path)
    Path("pairs").mkdir()
    task, folder = redraft.make_task("sudoku-4x4"), "stores" if built else "pairs"
    for name, seed in (("train", 1), ("test", 2)):
        made = task.make(30, seed)
        rows = [
            f"{task.format(question)},{task.format(answer)}"
            for question, answer in zip(made.questions, made.answers, strict=True)
        ]
        Path(f"pairs/{name}.csv").write_text("\n".join(["question,answer", *rows]) + "\n")
        if built:
            open_source(task, "pairs", split=name).save(Path("stores", name))
    data = {"data.train": folder, "data.test": folder, "data.train_limit": None, "data.test_limit": None}
    run = redraft.train("sudoku-4x4", tiny=True, steps=1, quiet=True, **data)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        assert run.evaluate(folder, quiet=True, steps=1).to_dict()["puzzles"] == 30
    with pytest.warns(DataWarning, match="trained on"):
        run.evaluate(folder, split="train", quiet=True, steps=1)


def test_an_inspection_in_a_notebook(tmp_path: Path) -> None:
    found = redraft.inspect("sudoku-6x6", PUZZLE, steps=2, puzzles="none", influence="never", quiet=True)
    assert repr(found).startswith("Inspection(sudoku-6x6 on as given: ") and "<svg" in found._repr_html_()
    for form in (".html", ".json", ".gif", ".svg", ".png"):
        assert found.save(tmp_path / f"found{form}").stat().st_size > 1000
    assert json.loads((tmp_path / "found.json").read_text()) == found.to_dict()
    with pytest.raises(redraft.ConfigError, match="found"):
        found.save(tmp_path / "found.txt")


def test_answers_and_solvers(tmp_path: Path) -> None:
    solver = redraft.load("sudoku-6x6", backend="numpy")
    assert repr(solver).startswith("Solver(sudoku-6x6, NumpyStepper, halt='rules'")
    puzzles = redraft.make("sudoku-6x6", 2, seed=3)
    answers = solver.solve_many([PUZZLE, puzzles[0], puzzles[1].question])
    assert solver.solve(puzzles[0]).text == answers[1].text == solver.task.format(answers[1].grid)
    first = answers[0]
    assert repr(first) == f"Answer(sudoku-6x6, solved in {first.steps} steps: '{first.text}')"
    assert "│ 6 4 2 │" in str(first) and first._repr_html_().startswith("<svg")
    assert json.loads(json.dumps(first.to_dict()))["answer"] == first.text
    assert first.save(tmp_path / "x.svg").read_text() == first._repr_html_()
    assert first.save(tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(redraft.ConfigError, match="ends in"):
        first.save(tmp_path / "x.txt")
    silent = redraft.load("sudoku-6x6", backend="numpy", trace=False).solve(PUZZLE)
    assert "trace" not in silent.to_dict() and silent._repr_html_().count("<text") > 0


@pytest.mark.parametrize("kind", [np.int16, np.int64])
def test_a_model_by_hand(kind: type) -> None:
    model = build_model(TRMConfig(vocab_size=6, seq_len=16, **SIZES))
    task = redraft.make_task("sudoku-4x4")
    tokens = task.encode(np.stack([each.question for each in redraft.make(task, 3)])).astype(kind)
    found = model.run(tokens, steps=4, hidden=True)
    assert found.drafts.shape == (4, 3, 16) and found.halt_probabilities.shape == (4, 3)
    assert found.y is not None and found.z is not None and found.y.shape == found.z.shape == (4, 3, 17, 32)
    carry = model.initial_carry(3)
    with torch.no_grad():
        for step in range(4):
            output = model(torch.as_tensor(tokens).long(), torch.zeros(3, dtype=torch.long), carry)
            carry = output.carry
            assert torch.equal(found.drafts[step], output.logits.argmax(-1)) and torch.equal(found.y[step], carry.y)
    alone = model.run(tokens[0], steps=2, puzzle_ids=[0])
    assert alone.drafts.shape == (2, 1, 16) and alone.y is None
    with pytest.raises(redraft.ConfigError, match="16"):
        model.run(tokens[:, :5])


@pytest.mark.slow
def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells in order, each of whose last values a notebook shows; in three minutes of a processor at most."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text())
    assert notebook["nbformat"] == 4 and all(not cell.get("outputs") for cell in notebook["cells"])
    names: dict[str, Any] = {}
    started = time.process_time()
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        *lines, last = ast.parse("".join(cell["source"])).body
        if not isinstance(last, ast.Expr):
            lines, last = [*lines, last], ast.Expr(ast.Constant(None))
        exec(compile(ast.Module(lines, []), f"cell {number}", "exec"), names)
        shown = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        assert getattr(shown, "_repr_html_", shown.__repr__)()
    assert time.process_time() - started < 180


if __name__ == "__main__":
    FROZEN.write_text("\n".join(described()) + "\n")
