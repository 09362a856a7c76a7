"""Fixed points against closed forms, rows that do not know of one another, and gradients against differences."""

from collections.abc import Callable

import pytest
import torch
from fixed_point import Map, Solver, implicit, one_step
from torch import Tensor

SOLVERS = {"picard": 0, "anderson": 5}


def symmetric(*eigenvalues: float, seed: int = 0) -> Tensor:
    """A symmetric matrix with these eigenvalues, in float64."""
    random = torch.randn(len(eigenvalues), len(eigenvalues), dtype=torch.float64, generator=generator(seed))
    basis = torch.linalg.qr(random)[0]
    return basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def affine(matrix: Tensor, offset: Tensor) -> Map:
    """Rows s to `A s + b`, with a `b` for each row."""
    return lambda state: state @ matrix.T + offset


@pytest.fixture
def offset() -> Tensor:
    return torch.randn(4, 6, dtype=torch.float64, generator=generator(1))


CONTRACTION = symmetric(0.6, 0.5, 0.3, -0.2, -0.5, 0.1)
SLOW = symmetric(0.99, 0.95, 0.9, 0.5, -0.5, 0.1)


@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("mixing", [1.0, 0.7])
def test_finds_the_fixed_point_of_a_linear_contraction(history: int, mixing: float, offset: Tensor) -> None:
    solver = Solver(iterations=200, tolerance=1e-12, history=history, mixing=mixing)
    found = solver.solve(affine(CONTRACTION, offset), torch.zeros_like(offset))
    exact = torch.linalg.solve(torch.eye(6, dtype=torch.float64) - CONTRACTION, offset.T).T
    torch.testing.assert_close(found.point, exact, rtol=0, atol=1e-9)
    assert (found.residual <= 1e-12).all()
    assert (found.iterations < 200).all()


def test_anderson_is_faster_where_picard_is_slow(offset: Tensor) -> None:
    f, start = affine(SLOW, offset), torch.zeros_like(offset)
    picard, anderson = (Solver(iterations=2000, tolerance=1e-8, history=h).solve(f, start) for h in (0, 6))
    assert (picard.iterations > 500).all()
    assert (anderson.iterations < 50).all()
    torch.testing.assert_close(anderson.point, picard.point, rtol=1e-4, atol=1e-4)


def test_anderson_is_there_at_once_when_it_has_seen_every_direction() -> None:
    """In exact arithmetic N + 1 differences span the space of an affine map in N dimensions (Walker and Ni)."""
    offset = torch.ones(1, 2, dtype=torch.float64)
    solver = Solver(iterations=20, tolerance=1e-10, history=2, regularisation=1e-14)
    found = solver.solve(affine(symmetric(0.9, 3.0), offset), torch.zeros_like(offset))
    assert found.iterations.item() <= 6
    assert found.residual.item() <= 1e-10


@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_the_residual_is_how_far_the_map_moves_the_point(history: int, offset: Tensor) -> None:
    f = affine(SLOW, offset)
    found = Solver(iterations=7, tolerance=1e-8, history=history).solve(f, torch.zeros_like(offset))
    image = f(found.point)
    torch.testing.assert_close(found.residual, ((image - found.point).norm(dim=-1) / image.norm(dim=-1)).float())
    assert (found.iterations == 7).all()


@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_a_map_that_grows_is_bounded_and_reported(history: int) -> None:
    start = torch.randn(3, 5, generator=generator(2))
    found = Solver(iterations=100, tolerance=1e-6, history=history).solve(lambda s: 3 * s + s**3, start)
    assert torch.isfinite(found.point).all()
    assert found.point.norm() <= start.norm(), "the least move is the nearest to the fixed point 0"
    converged = found.residual <= 1e-6
    assert (found.iterations[~converged] == 100).all()


def test_growth_is_not_taken_for_convergence() -> None:
    """Of `1.01 s + 1` the move becomes a hundredth of the image while both grow without end."""
    start = torch.zeros(2, 5)
    found = Solver(iterations=1000, tolerance=1e-3).solve(lambda s: 1.01 * s + 1, start)
    assert torch.equal(found.point, start)
    assert (found.residual > 1e-3).all()


def test_a_picard_iteration_without_a_limit_takes_all_its_iterations() -> None:
    start = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    found = Solver(iterations=9, tolerance=1e-3).solve(lambda s: s @ quarter_turn.T, start)
    assert torch.equal(found.iterations, torch.tensor([9, 9]))
    assert torch.equal(found.point, start), "no point of a cycle is clearly better than the first"
    torch.testing.assert_close(found.residual, torch.full((2,), 2**0.5))


@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_a_row_that_is_not_finite_stays_alone(history: int, offset: Tensor) -> None:
    f = affine(CONTRACTION, offset)
    start = torch.zeros_like(offset)
    start[2] = torch.inf
    solver = Solver(iterations=100, tolerance=1e-8, history=history)
    found, alone = solver.solve(f, start), solver.solve(f, torch.zeros_like(offset))
    others = torch.tensor([0, 1, 3])
    assert torch.equal(found.point[others], alone.point[others])
    assert found.residual[2] == torch.inf
    assert found.iterations[2] == 100


RATES = (0.1, 0.999, 0.5, 1.5, 0.9)  # of rows that stop soon, late and never


def rows_of(dtype: torch.dtype, history: int) -> Callable[[Tensor, Tensor], tuple[Tensor, ...]]:
    """Solves rows of their own rates (B,) from their own starts (B, 3, 7)."""
    solver = Solver(iterations=20, tolerance=1e-3, history=history)
    return lambda rates, start: solver.solve(lambda s: rates.to(dtype).view(-1, 1, 1) * s.cos(), start.to(dtype))


@pytest.mark.arithmetic
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_a_row_does_not_depend_on_the_other_rows(history: int, dtype: torch.dtype) -> None:
    """To the bit, whoever is beside it: rows of as many others, which stop sooner or later, at the same place.

    In a batch of another size a library may round a row differently, see below.
    """
    solve, rates = rows_of(dtype, history), torch.tensor(RATES)
    start, others = torch.randn(2, 5, 3, 7, generator=generator(3))
    together = solve(rates, start)
    assert together[2].unique().numel() > 1, "rows that all stop at once would show nothing"
    others[0] = torch.nan
    for row in range(5):
        here = torch.arange(5) == row
        changed = solve(torch.where(here, rates, rates.roll(1)), torch.where(here.view(-1, 1, 1), start, others))
        for got, want in zip(changed, together, strict=True):
            assert torch.equal(got[row], want[row])


@pytest.mark.arithmetic
@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_a_row_comes_to_the_same_point_alone_and_elsewhere(history: int) -> None:
    """In float64, where what a library rounds differently, some 1e-16, stays small though 20 iterations amplify it."""
    solve, rates = rows_of(torch.float64, history), torch.tensor(RATES)
    start = torch.randn(5, 3, 7, generator=generator(3))
    together = solve(rates, start)
    for rows in (torch.tensor([4, 2, 0, 1, 3]), *torch.arange(5).split(1)):
        point, residual, iterations = solve(rates[rows], start[rows])
        torch.testing.assert_close(point, together[0][rows], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(residual, together[1][rows], rtol=1e-6, atol=0)
        assert torch.equal(iterations, together[2][rows])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("history", SOLVERS.values(), ids=SOLVERS)
def test_keeps_the_dtype_of_its_start(history: int, dtype: torch.dtype, offset: Tensor) -> None:
    f = affine(CONTRACTION.to(dtype), offset.to(dtype))
    found = Solver(iterations=40, tolerance=1e-2, history=history).solve(f, torch.zeros_like(offset, dtype=dtype))
    exact = torch.linalg.solve(torch.eye(6, dtype=torch.float64) - CONTRACTION, offset.T).T
    assert found.point.dtype == dtype
    assert found.residual.dtype == torch.float32
    assert (found.residual <= 1e-2).all()
    torch.testing.assert_close(found.point.double(), exact, rtol=0.05, atol=0.05)


# gradients: of a function of the fixed point of `tanh(W s + U x)`


@pytest.fixture
def weights() -> Callable[[], tuple[Tensor, Tensor, Tensor]]:
    """W (a contraction), U and x, in float64, with gradients."""

    def make() -> tuple[Tensor, Tensor, Tensor]:
        random = generator(4)
        w, u, x = (torch.randn(*shape, dtype=torch.float64, generator=random) for shape in ((5, 5), (5, 3), (2, 3)))
        return tuple(t.requires_grad_() for t in (0.2 * w, u, x))  # type: ignore[return-value]

    return make


EXACT = {name: Solver(iterations=300, tolerance=1e-13, history=history) for name, history in SOLVERS.items()}


def equilibrium(w: Tensor, u: Tensor, x: Tensor, solver: Solver) -> Tensor:
    def f(state: Tensor) -> Tensor:
        return torch.tanh(state @ w.T + x @ u.T)

    point = solver.solve(f, x.new_zeros(len(x), len(w))).point
    return implicit(f, point, solver)


@pytest.mark.parametrize("solver", EXACT.values(), ids=EXACT)
def test_implicit_gradients_are_those_of_finite_differences(
    solver: Solver, weights: Callable[[], tuple[Tensor, Tensor, Tensor]]
) -> None:
    assert torch.autograd.gradcheck(lambda *args: equilibrium(*args, solver), weights(), atol=1e-6, rtol=1e-5)


def test_the_implicit_gradient_of_a_linear_map_in_closed_form(offset: Tensor) -> None:
    b = offset.clone().requires_grad_()
    solver = EXACT["picard"]
    f = affine(CONTRACTION, b)
    result = implicit(f, solver.solve(f, torch.zeros_like(offset)).point, solver)
    (gradient,) = torch.autograd.grad(result.square().sum() / 2, b)
    inverse = torch.linalg.inv(torch.eye(6, dtype=torch.float64) - CONTRACTION)
    torch.testing.assert_close(gradient, result.detach() @ inverse, rtol=0, atol=1e-9)


def test_one_step_is_the_gradient_of_the_last_application(
    weights: Callable[[], tuple[Tensor, Tensor, Tensor]],
) -> None:
    w, u, x = weights()
    point = torch.full((2, 5), 0.3, dtype=torch.float64, requires_grad=True)
    result = one_step(lambda state: torch.tanh(state @ w.T + x @ u.T), point)
    found = torch.autograd.grad(result.sum(), (w, u, x))
    slope = 1 - result.detach().square()
    torch.testing.assert_close(found[0], slope.T @ point.detach())
    torch.testing.assert_close(found[1], slope.T @ x.detach())
    torch.testing.assert_close(found[2], slope @ u.detach())
    assert not torch.autograd.grad(result.sum(), point, allow_unused=True, materialize_grads=True)[0].any()


def test_implicit_without_an_iteration_to_spare_is_one_step(
    weights: Callable[[], tuple[Tensor, Tensor, Tensor]],
) -> None:
    w, u, x = weights()
    point = torch.full((2, 5), 0.3, dtype=torch.float64)

    def f(state: Tensor) -> Tensor:
        return torch.tanh(state @ w.T + x @ u.T)

    solver = Solver(iterations=1, tolerance=1e-9)
    want = torch.autograd.grad(one_step(f, point).sum(), (w, u, x))
    got = torch.autograd.grad(implicit(f, point, solver).sum(), (w, u, x))
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other)


def test_implicit_gives_a_plain_result_where_no_gradient_is_wanted(
    weights: Callable[[], tuple[Tensor, Tensor, Tensor]],
) -> None:
    with torch.inference_mode():
        result = equilibrium(*weights(), EXACT["picard"])
    assert not result.requires_grad
