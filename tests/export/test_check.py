"""The comparison of graph and model: what it counts, in words and numbers, and that nothing passes on NaN."""

from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions

from redraft.backends.protocol import Draft
from redraft.backends.torch import TorchStepper
from redraft.export.check import Agreement, Drafts, Trial, _Beside, count_for, most_for
from redraft.models import build_model
from redraft.models.config import TRMConfig
from redraft.models.execution import work
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
SMALL = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=2, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip


def drafts(solved: float | None, *, tokens: int = 0) -> Drafts:
    return Drafts(tokens=np.full((2, 3), tokens, np.int16), solved=solved)


def agreement(graph: Drafts, model: Drafts, apart: float | None = None) -> Agreement:
    return Agreement.of(graph, model, source="new puzzles", apart=apart)


def test_agreements_in_words_and_numbers() -> None:
    judged = agreement(drafts(0.5), drafts(0.75))
    assert judged.loss == 0.25 and not judged.holds
    mentions(judged, "50.0%", 2, "75.0%", "100.00%")
    assert agreement(drafts(0.0, tokens=1), drafts(0.0)).loss == 1, "two that solve nothing need not be alike"
    random = agreement(drafts(None), drafts(None), apart=1e-6)
    assert random.loss == 0 and random.holds
    mentions(random, "1.0e-06", 2)


def test_no_check_passes_on_what_is_not_a_number() -> None:
    nan = float("nan")
    assert not agreement(drafts(1.0), drafts(1.0), apart=nan).holds
    assert not agreement(drafts(nan), drafts(1.0)).holds
    assert not agreement(drafts(nan), drafts(nan)).holds
    assert not agreement(drafts(1.0), drafts(1.0), apart=float("inf")).holds


class Beside:
    """A graph that does what the model does, but for one of its numbers in one of its parts."""

    def __init__(self, model: TorchStepper, what: str, value: float) -> None:
        self.model, self.recursions = model, model.recursions
        self.what, self.value, self.runs = what, value, 0

    def step(self, state: Any, recursions: int | None = None) -> tuple[Any, Draft]:
        import torch

        from redraft.backends.torch import TorchState
        from redraft.core.carry import Carry

        carry = Carry(*(torch.tensor(each) for each in (state.y, state.z)))
        before = TorchState(torch.tensor(state.tokens), torch.tensor(state.puzzle_ids), carry)
        after, draft = self.model.step(before, recursions)
        found = {
            "y": after.carry.y.numpy().copy(),
            "z": after.carry.z.numpy().copy(),
            "logits": self.model.logits(after).copy(),
            "halt": draft.halt_logit.copy(),
        }
        self.runs += 1
        if self.runs == 3:
            found[self.what].flat[-1] += self.value
        return state._replace(y=found["y"], z=found["z"], logits=found["logits"]), draft._replace(
            halt_logit=found["halt"]
        )


@pytest.mark.parametrize("what", ["y", "z", "logits", "halt"])
@pytest.mark.parametrize("value", [0.0, 1e-6, 1.0, float("nan"), float("inf")])
def test_one_number_in_one_part_is_enough(what: str, value: float) -> None:
    model = TorchStepper(build_model(SMALL, seed=1).eval())
    trial = Trial.of(TASK, vocab_size=6, count=3, seed=0)
    _, found = trial.follow(model, Beside(model, what, value))  # type: ignore[arg-type]
    assert found.holds == (value < 1e-3) and found.apart is not None
    assert (found.apart == 0) == (value == 0)


class Oracle:
    """Solves puzzle number i in step i + 1; a state is the numbers of its puzzles and the steps taken."""

    def __init__(self, answers: Any) -> None:
        self.answers = TASK.encode(answers)
        self.batches: list[int] = []

    def start(self, inputs: Any, puzzle_ids: Any, tries: Any = None) -> Any:
        return np.arange(len(inputs)), 0

    def step(self, state: Any) -> tuple[Any, Draft]:
        rows, steps = state
        self.batches.append(len(rows))
        tokens = np.where((rows <= steps)[:, None], self.answers[rows], 0)
        return (rows, steps + 1), Draft(tokens.astype(np.int16), np.zeros(len(rows), np.float32))

    def select(self, state: Any, rows: Any) -> Any:
        return state[0][rows], state[1]


def test_puzzles_leave_once_they_are_solved() -> None:
    made = TASK.make(5, 0)
    trial = Trial.of(TASK, vocab_size=6, count=5, seed=0)
    oracle = Oracle(made.answers)
    found = trial.run(oracle)  # type: ignore[arg-type]
    assert found.solved == 1 and oracle.batches == [5, 4, 3, 2, 1]
    np.testing.assert_array_equal(found.tokens, TASK.encode(made.answers))


def test_labels_tell_where_there_are_no_rules() -> None:
    made = TASK.make(5, 0)
    labels = TASK.encode(made.answers).copy()
    labels[4] = 1
    labels[:, 0] = -100
    task = get_task("sudoku-4x4")
    task.judges = False
    trial = Trial(
        task=task, inputs=TASK.encode(made.questions), puzzle_ids=np.zeros(5, np.int64), labels=labels, source="rows",
        judged=True,
    )  # fmt: skip
    assert trial.run(Oracle(made.answers)).solved == 0.8  # type: ignore[arg-type]


def test_what_takes_long_is_cut_short() -> None:
    trial = Trial.of(TASK, vocab_size=6, count=5, seed=0, most=10)
    oracle = Oracle(TASK.make(5, 0).answers)
    assert trial.run(oracle).solved == 0.4 and oracle.batches == [5, 4]  # type: ignore[arg-type]
    model = build_model(SMALL)
    assert count_for(model) == 64 and most_for(model, 64) > 64 * 16
    large = build_model(TRMConfig(vocab_size=11, seq_len=81, hidden_size=512, mixer="mlp", positions="none"))
    assert count_for(large) < 64 and most_for(large, count_for(large)) * work(large) < 1e12


def test_the_shares_alike_are_those_of_all_steps() -> None:
    model = TorchStepper(build_model(SMALL, seed=1).eval())
    beside = _Beside(model, Beside(model, "y", 0.0))  # type: ignore[arg-type]
    beside.compared += [1.0, 0.5]
    assert beside.alike == 0.75
