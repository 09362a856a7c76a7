"""Puzzle tables on disk: only learnt rows are written, and whole tables come back."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from redraft.errors import WeightsError
from redraft.models import Model, TRMConfig, build_model
from redraft.weights.format import unpack_tables
from redraft.weights.io import load_weights, pack_tables, save_weights

CONFIG = TRMConfig(
    vocab_size=6, seq_len=9, hidden_size=16, num_heads=2, width_multiple=16, n=1, T=1, mixer="mlp", positions="none",
    puzzle_positions=1, num_puzzles=1000, puzzle_dim=16,
)  # fmt: skip
TABLE = "embed.puzzle.table"


def model(*rows: int, puzzles: int = 1000) -> Model:
    """A model of whose table these rows are learnt."""
    made = build_model(replace(CONFIG, num_puzzles=puzzles))
    with torch.no_grad():
        for row in rows:
            made.sparse_parameters()[TABLE][row] = row + 1.0
    return made


def test_only_learnt_rows_are_written(tmp_path: Path) -> None:
    few = model(3, 999)
    save_weights(tmp_path / "few", few, task="arc", card={})
    written = load_file(tmp_path / "few/model.safetensors")
    assert written[TABLE + "@rows"].tolist() == [3, 999] and written[TABLE + "@values"].shape == (2, 16)
    assert TABLE not in written
    opened = load_weights(tmp_path / "few").model.sparse_parameters()[TABLE]
    assert torch.equal(opened, few.sparse_parameters()[TABLE])


def test_a_full_table_is_written_whole(tmp_path: Path) -> None:
    full = model(0, 1, 2, puzzles=4)
    assert set(pack_tables(full)) == {TABLE}
    save_weights(tmp_path / "full", full, task="arc", card={}, dtype=torch.bfloat16)
    opened = load_weights(tmp_path / "full").model.sparse_parameters()[TABLE]
    assert torch.equal(opened, full.sparse_parameters()[TABLE])


def test_an_empty_table() -> None:
    packed = pack_tables(model())
    assert packed[TABLE + "@values"].shape == (0, 16)
    assert torch.equal(unpack_tables(packed, torch.zeros)[TABLE], torch.zeros(1000, 16))


@pytest.mark.parametrize("change", ["rows", "length", "values"])
def test_damage(change: str, tmp_path: Path) -> None:
    save_weights(tmp_path / "w", model(3, 999), task="arc", card={})
    file = tmp_path / "w/model.safetensors"
    tensors = load_file(file)
    if change == "rows":
        tensors[TABLE + "@rows"][0] = 5000
    elif change == "length":
        tensors[TABLE + "@length"] = torch.tensor(5)
    else:
        del tensors[TABLE + "@values"]
    save_file(tensors, file)
    with pytest.raises(WeightsError, match=r"model\.safetensors: .*table"):
        load_weights(tmp_path / "w")
