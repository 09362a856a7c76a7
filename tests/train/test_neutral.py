"""What makes training faster on a CPU does not change how it learns, over some hundred steps."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from helpers.rounding import layer_by_layer

from redraft.recipes import get_recipe
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer

pytestmark = [pytest.mark.arithmetic, pytest.mark.slow]

STEPS, WINDOW = 300, 50


@pytest.fixture
def plain_path() -> Iterator[Callable[[], None]]:
    """Has layers computed one after the other, products by torch's own library, weights cast at each use."""
    with pytest.MonkeyPatch.context() as patch:

        def use() -> None:
            layer_by_layer(patch)

        yield use


def losses(run: Trainer) -> torch.Tensor:
    """The answer's loss, a mean over each window of steps."""
    found = []
    step = run.learner.step

    def noted(*args: object) -> object:
        output, loss = step(*args)  # type: ignore[arg-type]
        found.append(loss.answer / run.config.batch_size)
        return output, loss

    run.learner.step = noted  # type: ignore[assignment, method-assign]
    for _ in range(STEPS):
        run.train_step()
    return torch.stack(found).view(-1, WINDOW).mean(1)


@pytest.mark.parametrize("kind", ["mlp", "attention", "equivariant"])
def test_training_learns_as_fast(
    kind: str, tiny: RunConfig, trainer: Callable[..., Trainer], plain_path: Callable[[], None]
) -> None:
    base = get_recipe("sudoku-4x4", tiny=True).model
    model = {
        "mlp": replace(base, hidden_size=32, T=2, n=2),
        "attention": replace(base, hidden_size=32, T=2, n=2, mixer="attention", positions="rope", num_heads=2),
        "equivariant": equivariant(get_task("sudoku-4x4"), hidden_size=8, n=2, T=2),
    }[kind]
    config = replace(tiny, model=model, batch_size=8, steps=STEPS)
    quick = losses(trainer("quick", config=config))
    half = losses(trainer("half", config=replace(config, model=replace(model, dtype="bfloat16"))))
    plain_path()
    plain = losses(trainer("plain", config=config))
    assert plain[-1] < 0.8 * plain[0], "it learns at all"
    torch.testing.assert_close(quick[0], plain[0], rtol=0.01, atol=0)
    torch.testing.assert_close(quick, plain, rtol=0.1, atol=0)
    torch.testing.assert_close(half, plain, rtol=0.1, atol=0)
