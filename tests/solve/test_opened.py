"""What weights know of puzzle ids, and what becomes of puzzles without one."""

from pathlib import Path

import pytest

import redraft
from redraft.errors import WeightsError
from redraft.models import TRMConfig, build_model
from redraft.solve.load import open_stepper
from redraft.solve.opened import PuzzleTable
from redraft.weights.io import save_weights


def write(folder: Path, *, rows: int, positions: int = 1, **card: str) -> Path:
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=positions, puzzle_dim=16, num_puzzles=rows,
    )  # fmt: skip
    save_weights(folder, build_model(config), task="sudoku-4x4", card=dict(card))
    return folder


@pytest.mark.parametrize(
    ("model", "card", "table"),
    [
        ({"puzzle_positions": 0, "num_puzzles": 9}, {"views": "x"}, PuzzleTable(0, "x")),
        ({"puzzle_positions": 16, "num_puzzles": 9}, {"views": "x"}, PuzzleTable(9, "x")),
        ({"puzzle_positions": 1, "num_puzzles": 1}, {}, PuzzleTable(1, None)),
        ({"puzzle_positions": 1, "num_puzzles": "many"}, {"views": 3}, PuzzleTable(1, None)),
        ({}, {}, PuzzleTable(0, None)),
    ],
)
def test_of_weights(model: dict[str, object], card: dict[str, object], table: PuzzleTable) -> None:
    assert PuzzleTable.of(model, card) == table


@pytest.mark.parametrize("backend", ["torch", "numpy"])
def test_every_backend_tells(tmp_path: Path, backend: str) -> None:
    folder = write(tmp_path / "weights", rows=5, views="abc")
    assert open_stepper(folder, backend=backend, device="cpu").table == PuzzleTable(5, "abc")


def test_weights_that_know_a_puzzle_by_its_id_solve_none_given_alone(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"known: .*\bid\b.* 5\b.*redraft arc eval .*redraft arc adapt"):
        redraft.load(write(tmp_path / "known", rows=5, views="abc"))
    with pytest.warns(UserWarning, match="unknown: .* 5 puzzle ids"):
        redraft.load(write(tmp_path / "unknown", rows=5))
    for positions in (0, 1):  # and a table of one row, which stands for any puzzle
        redraft.load(write(tmp_path / f"any{positions}", rows=1, positions=positions))
