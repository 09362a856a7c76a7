"""Several processes train what one would: the same weights, up to the rounding of sums."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from redraft.cli import main
from redraft.train.folder import STATE
from redraft.train.processes import Processes, sum_rows

pytestmark = pytest.mark.arithmetic

TRAIN = [sys.executable, "-m", "redraft", "train"]
# no slot halts and none is moved: then rows of the batch are the same puzzles however they are shared out
RUN = ["sudoku-4x4", "--tiny", "--steps", "6", "--max-steps", "1", "--data.augment", "False", "--threads", "1"]
TABLE = ["--model.puzzle-positions", "1", "--model.num-puzzles", "3", "--optim.puzzle-lr", "0.01"]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def train(*arguments: str, world: int) -> None:
    """Runs `redraft train` in as many processes, connected as torchrun does it; raises where one fails."""
    port = str(free_port())
    started = [
        subprocess.Popen(
            [*TRAIN, *arguments],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                **{"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)},
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * world, "\n".join(told)


def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / STATE)


def test_one_process_gives_back_what_it_is_given() -> None:
    alone = Processes()
    tensor = torch.ones(3)
    assert alone.first and alone.add_up(tensor) is tensor and alone.any(True) and not alone.any(False)
    assert alone.from_first({"exact": 1.0}) == {"exact": 1.0}


def test_rows_of_a_sum_are_kept_apart() -> None:
    """Processes exchange as many rows as their batches have, also where a puzzle is in both halves of one."""

    def gradient(*rows: int) -> torch.Tensor:
        index = torch.tensor([rows])
        return torch.sparse_coo_tensor(index, torch.ones(len(rows), 2), (5, 2), check_invariants=False)

    parts = [gradient(3, 3, 1), gradient(3, 0)]
    total = sum_rows(parts)
    assert total._indices().tolist() == [[3, 3, 1, 3, 0]]
    assert torch.equal(total.to_dense(), parts[0].to_dense() + parts[1].to_dense())
    assert sum_rows(parts[:1]) is parts[0]


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    assert main(["train", *RUN, *TABLE, "-o", str(tmp_path / "one")]) == 0
    train(*RUN, *TABLE, "-o", str(tmp_path / "two"), world=2)
    one, two = state(tmp_path / "one"), state(tmp_path / "two")
    for name in one:
        if not name.startswith("slots/"):
            torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    assert len(two["slots/steps"]) == len(one["slots/steps"]) // 2, "each process keeps its own slots"
    assert [file.name for file in (tmp_path / "two").glob("slots-*")] == ["slots-1-6.safetensors"]


@pytest.mark.slow
def test_a_run_of_two_processes_is_resumed_to_the_bit(tmp_path: Path) -> None:
    moving = [*RUN[:6], "--threads", "1", *TABLE]
    train(*moving, "-o", str(tmp_path / "whole"), world=2)
    train(*moving, "-o", str(tmp_path / "broken"), "--stop-after", "0", "--checkpoint-every", "1", world=2)
    train("--resume", str(tmp_path / "broken"), world=2)
    whole, broken = state(tmp_path / "whole"), state(tmp_path / "broken")
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
