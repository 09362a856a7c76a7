"""Training on hints: what counts when, puzzles that go on while all is well, and runs that resume to the bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from redraft.core.carry import Carry
from redraft.data.build import open_source
from redraft.errors import ConfigError, DataError
from redraft.models import LocalConfig, Model
from redraft.models.base import Course, StepOutput
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.tasks.base import NEVER
from redraft.train.config import RunConfig
from redraft.train.folder import STATE
from redraft.train.halting import BINARY
from redraft.train.hints import FEW, hinted_loss, span_chances, spans
from redraft.train.loop import Trainer
from redraft.train.losses import StepLoss, softmax
from redraft.train.slots import Slots

MAZE = get_task("maze-5x5")
LOCAL = LocalConfig(vocab_size=6, seq_len=25, grid_width=5, hidden_size=8, n=4, notes=9)


@pytest.fixture
def hinted(tiny: RunConfig) -> RunConfig:
    """A run of twelve steps on mazes of 5x5, two checkpoints in."""
    run = replace(tiny, task=MAZE.name, model=LOCAL, hints="groups", loss="softmax", exploration=0.0, max_steps=8)
    return replace(run, steps=12, checkpoint_every=6, eval_every=12, log_every=4)


def trainer_of(config: RunConfig, folder: Path, *, resume: bool = False) -> Trainer:
    data = open_source(MAZE, "make:20@1")
    return Trainer(config, folder, task=MAZE, data=data, device=torch.device("cpu"), resume=resume)


class Losses:
    """A reporter that keeps the loss of every report."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def tick(self, step: int) -> None:
        pass

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        if kind == "train":
            self.losses.append(metrics["answer_loss"])

    def close(self) -> None:
        pass


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}


def judged(
    wanted: torch.Tensor, notes: torch.Tensor, steps: int, *, iterations: int = 4, by_groups: bool = True
) -> StepLoss:
    """The loss of a model that is sure of the same answer and notes (B, L) at every iteration."""
    made = MAZE.make(1, 3)
    tokens = torch.from_numpy(MAZE.encode(made.questions)).long()
    labels = torch.from_numpy(MAZE.encode(made.answers)).long()
    hints = torch.from_numpy(np.stack(MAZE.hints(MAZE.encode(made.questions)), 1)).long()
    logits = 50.0 * torch.nn.functional.one_hot(wanted, 6).float()
    course = Course(
        logits.expand(iterations, -1, -1, -1),
        50.0 * torch.nn.functional.one_hot(notes, 9).float()[None].expand(iterations, -1, -1, -1),
    )
    output = StepOutput(Carry(logits, logits), logits, torch.zeros(1), course=course)
    done = torch.full((1,), steps)
    return hinted_loss(output, tokens, labels, hints, done, by_groups=by_groups, cell_loss=softmax, halting=BINARY)


def question_and_answer() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens and labels (1, L) of the maze of `judged`, its first notes and its last."""
    made = MAZE.make(1, 3)
    tokens, labels = (torch.from_numpy(MAZE.encode(grids)).long() for grids in (made.questions, made.answers))
    hints = MAZE.hints(MAZE.encode(made.questions))
    return tokens, labels, torch.from_numpy(hints.note).long(), torch.from_numpy(hints.last_note).long()


def test_before_anything_is_due_the_question_is_the_right_answer() -> None:
    tokens, labels, notes, _ = question_and_answer()
    nothing = torch.zeros_like(notes)
    waiting = judged(tokens, nothing, 0, iterations=1)
    assert not waiting.exact
    early = judged(labels, nothing, 0, iterations=1)
    assert early.answer > waiting.answer, "a path before its time"
    known = judged(tokens, notes, 0, iterations=1)
    assert known.right_cells < 1, "a note before its time"


def test_once_all_is_due_only_the_whole_answer_with_its_notes_is_right() -> None:
    tokens, labels, first, last = question_and_answer()
    done = judged(labels, last, 1000)
    assert done.exact and done.right_cells == 1 and done.answer < 1e-6
    assert done.halt == pytest.approx(np.log(2), rel=1e-5), "the halting head is asked about the whole answer"
    unmarked = judged(labels, first, 1000)
    assert unmarked.right_cells == 1 and unmarked.answer > 1, "a first note costs, but does not lose the puzzle"
    assert judged(labels, last, 0, iterations=1).right_cells < 1, "a last note before its time"
    without = judged(tokens, last, 1000)
    assert not without.exact and without.right_cells == 1 and without.answer > 1


def test_a_wrong_answer_loses_the_puzzle_where_all_cells_count_alike() -> None:
    """As a wrong path does not at first, when there would be nothing else to learn the path from."""
    tokens, labels, _, last = question_and_answer()
    for answer, steps in ((tokens, 1000), (labels, 0)):  # a path that is missing, and one before its time
        notes = last if steps else torch.zeros_like(last)
        lost, kept = (judged(answer, notes, steps, iterations=1, by_groups=by_groups) for by_groups in (False, True))
        assert lost.right_cells == 0 and kept.right_cells > 0
    assert judged(labels, last, 1000, by_groups=False).right_cells == 1
    assert judged(tokens, torch.zeros_like(last), 0, iterations=1, by_groups=False).right_cells > 0


def test_a_group_of_few_cells_counts_for_less() -> None:
    """One wrong path cell at one iteration of 25 costs its loss over FEW, not over the one cell that is due."""
    tokens, labels, _, last = question_and_answer()
    cells = int((tokens != labels).sum())
    assert cells < FEW
    found = judged(tokens, last, 1000, iterations=1).answer
    assert found == pytest.approx(50 * cells / FEW, rel=1e-4)


def test_a_puzzle_ends_within_twice_the_time_of_its_last_date() -> None:
    hints = torch.full((3, 5, 6), NEVER)
    hints[0, 2, 0], hints[1, 2:, 0] = 5, torch.tensor([3, 9, 80])
    assert spans(hints, torch.zeros(3), iterations=10).tolist() == [1, 8, 1]
    assert spans(hints, torch.full((3,), 0.999), iterations=10).tolist() == [1, 16, 1]
    chances = [span_chances(0, step, 0, batch=4) for step in (3, 3, 4)]
    assert torch.equal(chances[0], chances[1]) and not torch.equal(chances[0], chances[2])


def test_a_puzzle_goes_on_while_all_is_well(hinted: RunConfig, tmp_path: Path) -> None:
    """One that has gone wrong takes another puzzle after one step, others go on to their end."""
    run = trainer_of(hinted, tmp_path / "run")
    run.train_step()
    assert run.slots.halted.all(), "random weights get everything wrong"
    plain = run.learner.step

    def right(slots: Slots, step: int) -> tuple[StepOutput, StepLoss]:
        output, loss = plain(slots, step)
        return output, loss._replace(right_cells=torch.arange(len(slots.steps)) % 2 * 1.0)

    run.learner.step = right  # type: ignore[method-assign]
    for step in range(2, 6):
        run.train_step()
        assert run.slots.halted[::2].all()
        assert torch.equal(run.slots.halted[1::2], (run.slots.steps >= run.slots.spans)[1::2])
        assert run.slots.steps[1::2].max() == step - 1 or run.slots.spans.min() < step
    assert run.slots.steps[1::2].max() > 1


def test_a_run_resumes_to_the_bit(hinted: RunConfig, tmp_path: Path) -> None:
    hinted = replace(hinted, noise=0.1)
    trainer_of(hinted, tmp_path / "whole").run(no_figures, [])
    assert not trainer_of(hinted, tmp_path / "half").run(no_figures, [], stop_after=0).finished
    assert trainer_of(hinted, tmp_path / "half", resume=True).run(no_figures, []).finished
    whole, resumed = (load_file(tmp_path / name / STATE) for name in ("whole", "half"))
    assert "slots/hints" in whole and whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_a_model_learns_the_first_notes(hinted: RunConfig, tmp_path: Path) -> None:
    optim = replace(hinted.optim, kind="adamw", lr=0.02, warmup=5, beta2=0.99, clip=1.0, weight_decay=0.0)
    run = trainer_of(replace(hinted, steps=150, batch_size=16, optim=optim, eval_every=150), tmp_path / "run")
    kept = Losses()
    run.run(no_figures, [kept])
    assert kept.losses[-1] < 0.5 * kept.losses[0]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": get_recipe("maze-8x8").model}, ConfigError, "hints: expected a model that shows its iterations"),
        ({"model": replace(LOCAL, notes=3)}, ConfigError, "model.notes: expected 9 .nothing yet, down"),
        ({"task": "sudoku-4x4", "model": replace(LOCAL, seq_len=16, grid_width=4)}, DataError, "has no hints"),
    ],
)
def test_what_does_not_fit_together_is_said_at_the_start(
    hinted: RunConfig, tmp_path: Path, changes: dict[str, object], error: type[Exception], words: str
) -> None:
    run = replace(hinted, **changes)  # type: ignore[arg-type]
    task = get_task(run.task)
    run = replace(
        run, model=replace(run.model, vocab_size=task.vocab_size, seq_len=task.seq_len, grid_width=task.width)
    )
    with pytest.raises(error, match=words):
        Trainer(run, tmp_path / "run", task=task, data=open_source(task, "make:4@1"), device=torch.device("cpu"))


def test_all_notes_may_be_left_out(hinted: RunConfig, tmp_path: Path, trainer: Callable[..., Trainer]) -> None:
    run = trainer_of(replace(hinted, model=replace(LOCAL, notes=0), steps=2), tmp_path / "run")
    assert run.run(no_figures, []).finished
