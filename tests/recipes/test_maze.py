"""Maze-Hard's recipe keeps the paper's figures."""

from redraft.recipes import get_recipe
from redraft.tasks import get_task


def test_paper_figures() -> None:
    run = get_recipe("maze-hard")
    model, optim = run.model, run.optim
    assert (model.hidden_size, model.num_layers, model.T, model.n, model.num_heads) == (512, 2, 3, 4, 8)
    assert (model.expansion, model.width_multiple, model.puzzle_positions, model.puzzle_dim) == (4.0, 256, 16, 512)
    assert (model.mixer, model.positions) == ("attention", "rope")
    assert (optim.kind, optim.lr, optim.weight_decay, optim.beta1, optim.beta2) == ("adam_atan2", 1e-4, 1.0, 0.9, 0.95)
    assert (optim.warmup, optim.min_ratio, optim.ema) == (2000, 1.0, 0.999)
    assert (run.batch_size, run.steps, run.max_steps, run.loss) == (768, 78_000, 16, "stablemax")
    assert run.data.augment and run.data.train_limit is None


def test_the_model_fits_the_task() -> None:
    for tiny in (False, True):
        run = get_recipe("maze-hard", tiny=tiny)
        task = get_task(run.task)
        assert (run.model.vocab_size, run.model.seq_len) == (task.vocab_size, task.seq_len)
