"""A trace tells of any kind of model what its own steps do, and leaves it as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from redraft.backends.torch import TorchStepper
from redraft.inspect.attention import attention_layers, attention_probabilities
from redraft.inspect.trace import probabilities, trace, walk
from redraft.models import MODELS, LocalConfig, ModelConfig, TRMConfig, build_model, model_kind
from redraft.solve.solver import Solver
from redraft.tasks import get_task

pytestmark = pytest.mark.arithmetic

TASK = get_task("sudoku-4x4")
MADE = TASK.make(3, 0)
TOKENS = TASK.encode(MADE.questions)
TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, n=2, T=2, mixer="mlp", positions="none",
    puzzle_positions=0, num_puzzles=2, puzzle_dim=16,
)  # fmt: skip


def like_tiny(kind: str, **more: object) -> ModelConfig:
    """The configuration of another kind of the same shape, as far as it has the same fields."""
    fields = MODELS[kind].__dataclass_fields__
    return MODELS[kind](**{name: getattr(TINY, name) for name in TINY.__dataclass_fields__ if name in fields}, **more)


CONFIGS = {
    "mlp": TINY,
    "local": LocalConfig(vocab_size=6, seq_len=16, grid_width=4, hidden_size=8, n=2, notes=5),
    "attention": replace(TINY, mixer="attention", positions="rope", puzzle_positions=2),
    "conv": replace(TINY, mixer="conv", grid_width=4),
    "hrm": like_tiny("hrm"),
    "direct": like_tiny("direct"),
    "variant": like_tiny("trm-variant"),
    "variant-single-state": like_tiny("trm-variant", latents=0),
    "variant-two-latents": like_tiny("trm-variant", latents=2, separate=True),
    "equivariant": MODELS["equivariant"](
        vocab_size=6, seq_len=16, first_symbol=2, symbols=4, grid_width=4, mixer="attention", hidden_size=8, n=2, T=2
    ),  # type: ignore[call-arg]
}


def test_every_kind_of_model_is_here() -> None:
    assert {model_kind(config) for config in CONFIGS.values()} == set(MODELS), "a new model: add it to CONFIGS"


@pytest.mark.parametrize("name", CONFIGS)
def test_a_trace_is_what_the_steps_of_the_model_are(name: str) -> None:
    model = build_model(CONFIGS[name], seed=1).eval()
    found = trace(model, TOKENS[0], steps=3, recursions=True, attention=True)
    question, ids = torch.from_numpy(TOKENS[:1]).long(), torch.zeros(1, dtype=torch.long)
    carries, outputs = [model.initial_carry(1)], []
    with torch.no_grad():
        for _ in range(4):
            outputs.append(model(question, ids, carries[-1]))
            carries.append(outputs[-1].carry)
    for i, step in enumerate(found.steps):
        logits = outputs[i].logits[0]
        assert np.array_equal(step.y.tokens, logits.argmax(-1).numpy())
        share = probabilities(logits, "stablemax").numpy()
        np.testing.assert_allclose(step.y.probabilities, share, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(step.y.confidence, share.max(-1), rtol=1e-4)
        assert step.halt_logit == pytest.approx(float(outputs[i].halt_logit[0]), abs=1e-5)
        assert step.halts == bool(outputs[i].halts[0])
        for name_, moved in (("y", step.y_moved), ("z", step.z_moved)):
            old, new = (getattr(carries[k], name_) for k in (i, i + 1))
            if old.norm() > 0:
                assert moved == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-3, abs=1e-6)
            else:
                assert np.isnan(moved), "an empty state, or one that begins at zero, has no relative change"
        here, there = (torch.cat([part.flatten() for part in carries[k]]) for k in (i + 1, i + 2))
        residual = float((there - here).norm() / here.norm())
        assert step.residual == pytest.approx(residual, rel=1e-3, abs=1e-6), "one step more from here"
        readable = carries[i + 1].z.shape == carries[i + 1].y.shape
        assert (step.z is not None) == readable
        if step.z is not None:
            assert np.array_equal(step.z.tokens, model.read(carries[i + 1].z)[0].argmax(-1).numpy())
        renewed = tuple(each.renews for each in step.evaluations)
        assert renewed and renewed == model.schedule()[: len(renewed)]
        last = step.evaluations[-1].reading
        assert last is not None and np.array_equal(last.tokens, step.y.tokens), "a step ends with its answer"
        assert (step.attention is not None) == bool(attention_layers(model))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_model_is_left_as_it_was(name: str) -> None:
    model = build_model(CONFIGS[name], seed=1).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trace(model, TOKENS[0], steps=2, recursions=True, attention=True)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())


def test_drafts_are_those_of_the_solver() -> None:
    model = build_model(TINY, seed=1)
    answer = Solver(TorchStepper(model), TASK, max_steps=4, halt="never").solve_many([MADE.questions[1]])[0]
    found = trace(model, TOKENS[1], steps=4)
    for step, shown in zip(found.steps, answer.trace, strict=True):
        assert np.array_equal(TASK.decode(step.y.tokens), shown.grid)
        assert step.halt_probability == pytest.approx(shown.halt_probability)
        assert step.evaluations == () and step.attention is None, "not asked for"


def test_how_far_evaluations_move() -> None:
    """Of a TRM: each renews what the one before of its kind has made."""
    model = build_model(TINY, seed=1).eval()
    step = trace(model, TOKENS[0], steps=1, recursions=True).steps[0]
    with torch.no_grad():
        x = model.embed(torch.from_numpy(TOKENS[:1]).long(), torch.zeros(1, dtype=torch.long), torch.float32)
        y, z = model.initial_carry(1)
        moved = []
        for renews in model.schedule():
            old = z if renews == "z" else y
            new = model.net(x + y + z if renews == "z" else y + z)
            moved.append(float((new - old).norm() / old.norm()))
            y, z = (y, new) if renews == "z" else (new, z)
    assert [each.moved for each in step.evaluations] == pytest.approx(moved, rel=1e-3)


def test_attention_is_what_the_layers_compute() -> None:
    model = build_model(CONFIGS["attention"], seed=1).eval()
    layer = attention_layers(model)[0]
    torch.manual_seed(0)
    x, rotary = torch.randn(2, 18, 16), (model.net.cos, model.net.sin)
    shares = attention_probabilities(layer, x, rotary)
    assert shares.shape == (2, 2, 18, 18)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 2, 18))
    value = layer.qkv(x).view(2, 18, 3, 2, 8)[:, :, 2].transpose(1, 2)
    mixed = layer.out((shares @ value).transpose(1, 2).reshape(2, 18, 16))
    torch.testing.assert_close(mixed, layer(x, rotary), rtol=1e-4, atol=1e-5)
    kept = trace(model, TOKENS[0], steps=2, attention=True).steps[0].attention
    assert kept is not None and kept.shape == (2, 2, 16, 16), "layers, heads, cells: no reserved positions"
    assert (kept.sum(-1) < 1).all(), "some goes to the reserved positions"


def test_probabilities() -> None:
    logits = torch.tensor([[3.0, 0.0, -1.0]])
    assert probabilities(logits, "stablemax")[0].tolist() == pytest.approx([4 / 5.5, 1 / 5.5, 0.5 / 5.5])
    torch.testing.assert_close(probabilities(logits, "softmax"), logits.softmax(-1))


@pytest.mark.usefixtures("float64")
def test_walk_gives_rows_the_same_alone_and_together() -> None:
    model = build_model(TINY, seed=1)
    together = list(walk(model, TOKENS, np.zeros(3, int), 2))
    alone = list(walk(model, TOKENS[2:], np.zeros(1, int), 2))
    torch.testing.assert_close(together[-1].logits[2:], alone[-1].logits, rtol=1e-9, atol=1e-9)
