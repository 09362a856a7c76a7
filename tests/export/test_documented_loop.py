"""The loop of docs/export.md, as people copy it, over puzzles of all bundled weights."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import redraft
import redraft.weights
from redraft.tasks import get_task

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "export.md"
COUNTS = {"sudoku-9x9": 4}  # of puzzles; of the others 60


# maze-30x30 takes more steps than the loop's 16, and its halting head stops nothing
@pytest.mark.parametrize("name", [name for name in redraft.weights.names() if name != "maze-30x30"])
def test_it_solves_what_the_weights_solve(
    name: str,
    exports: Callable[[str], tuple[Path, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = exports(name)
    (tmp_path / "sudoku-onnx").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    loop, rules = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    code: dict[str, Any] = {}
    exec(loop, code)
    task = get_task(redraft.load(folder).task.spec)
    questions = task.make(COUNTS.get(name, 60), 4242).questions
    grids = [task.parse(code["solve"](task.format(question))) for question in questions]
    right = task.check_many(questions, np.stack(grids))
    solved = [answer.solved for answer in redraft.load(folder, halt="head").solve_many(list(questions))]
    assert (right | ~np.array(solved)).all() and right.mean() > 0.95

    rules, example = rules.split("\npuzzle = ", 1)
    if name.startswith("sudoku"):
        exec(rules, code)
        for question, grid in zip(questions, [*grids[1:], *grids], strict=False):
            text = task.format(question), task.format(grid)
            assert code["is_right"](*text) == task.check(question, grid).solved
        judged = [code["is_right"](task.format(q), task.format(g)) for q, g in zip(questions, grids, strict=True)]
        assert judged == right.tolist()
    if name == "sudoku-9x9":
        exec("puzzle = " + example, code)
        assert capsys.readouterr().out.startswith("81275364")
