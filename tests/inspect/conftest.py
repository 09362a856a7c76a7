"""An inspection of a puzzle in a small model with attention, everything looked at."""

import pytest

from redraft.inspect.inspect import inspect
from redraft.inspect.inspection import Inspection
from redraft.models import TRMConfig, build_model
from redraft.tasks import Puzzle, get_task
from redraft.weights.io import Weights


@pytest.fixture(scope="session")
def inspection() -> Inspection:
    """Its names and places are such as would break a page that took them for its own."""
    task = get_task("sudoku-4x4")
    made = task.make(1, 0)
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, n=2, T=2, mixer="attention",
        puzzle_positions=2, puzzle_dim=16,
    )  # fmt: skip
    weights = Weights(model=build_model(config, seed=1), task="sudoku-4x4", card={"summary": "<i>small</i>"})
    puzzle = Puzzle(question=made.questions[0], answer=made.answers[0], place="</script><script>fail(</script>")
    return inspect(weights, task, puzzle, name="<weights> {{SCRIPT}}", steps=3, recursions=True)
