"""Principal components against what they must be, and the states they are taken of."""

import numpy as np
import pytest

from redraft.inspect.pca import components, projection, trajectories
from redraft.models import MODELS, TRMConfig, build_model
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
TOKENS = TASK.encode(TASK.make(5, 0).questions)
TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip


@pytest.mark.parametrize("features", [3, 50])
def test_points_along_two_known_axes(features: int) -> None:
    """3 along one axis and 1 along another: nine tenths of the variance and one."""
    points = np.full((4, features), 7.0)
    points[:, 0] += [3, -3, 0, 0]
    points[:, 2] -= [0, 0, 1, -1]
    found = components(points)
    np.testing.assert_allclose(found.explained, [0.9, 0.1])
    np.testing.assert_allclose(found.axes, np.eye(features)[[0, 2]], atol=1e-9)
    np.testing.assert_allclose(found.project(points), [[3, 0], [-3, 0], [0, -1], [0, 1]], atol=1e-9)


def test_the_same_as_a_singular_value_decomposition() -> None:
    rng = np.random.default_rng(0)
    for shape in ((30, 8), (8, 30)):
        points = rng.normal(size=shape)
        found = components(points, 3)
        _, values, axes = np.linalg.svd(points - points.mean(0), full_matrices=False)
        np.testing.assert_allclose(found.explained, values[:3] ** 2 / (values**2).sum())
        np.testing.assert_allclose(np.abs((found.axes * axes[:3]).sum(1)), 1)
        assert (found.axes[range(3), np.abs(found.axes).argmax(1)] > 0).all(), "signs are fixed"


def test_too_few_points_have_axes_of_no_variance() -> None:
    for points in (np.ones((1, 4)), np.ones((3, 4)), np.array([[0.0, 1], [0, 3]])):
        found = components(points)
        assert found.axes.shape == (2, points.shape[1]) and found.explained.shape == (2,)
        assert np.isfinite(found.project(points)).all() and found.explained[1] == 0


def test_trajectories_are_states_averaged_over_positions() -> None:
    model, told = build_model(TINY, seed=1), list[int]()
    found = trajectories(model, TOKENS, np.zeros(5, int), steps=3, progress=told.append)
    assert found.y.shape == (5, 3, 16) and found.tokens.shape == (5, 16) and told == [1, 3, 5]
    assert found.z is not None and found.z.shape == (5, 3, 16)
    alone = trajectories(model, TOKENS[2:3], np.zeros(1, int), steps=3)
    np.testing.assert_allclose(alone.y[0], found.y[2], atol=1e-4)
    seen = projection(found.y, found.y[2])
    np.testing.assert_allclose(seen.own, seen.points[2])
    assert seen.points.shape == (5, 3, 2)


def test_a_model_without_a_latent() -> None:
    config = MODELS["direct"](
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, mixer="mlp", positions="none", puzzle_positions=0
    )  # type: ignore[call-arg]
    found = trajectories(build_model(config), TOKENS, np.zeros(5, int), steps=2)
    assert found.z is None and found.y.shape == (5, 2, 16)
