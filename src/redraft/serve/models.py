"""The weights that are served, and which of them, or which task, a request means: by names alone, never by a path."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redraft.weights
from redraft.errors import ConfigError, PuzzleError, RedraftError
from redraft.naming import USUAL, unversioned
from redraft.serve.limits import Limits, Refused
from redraft.serve.shared import SharedSolver
from redraft.serve.types import Board, ModelCard, Named
from redraft.solve.load import find_weights, load
from redraft.solve.sizes import fits_any_size
from redraft.tasks import TASKS, Grid, Task, get_task
from redraft.tasks.families import FAMILIES, of_texts
from redraft.weights.format import describe

_SIZED = re.compile(rf"({'|'.join(USUAL)})-\d{{1,2}}x\d{{1,2}}(-v\d{{1,3}})?")


@dataclass(frozen=True, kw_only=True)
class Served:
    """Weights under the name they are served by; `steps` is how many a request gets at most, and `sizes` are there if
    they fit boards of any size."""

    name: str
    folder: Path
    task: Task
    shared: SharedSolver
    steps: int
    sizes: Sizes | None = None

    @classmethod
    def open(cls, weights: str, limits: Limits, **options: Any) -> Served:
        """Opens weights with the options of `load`; raises RedraftError where they cannot be opened.

        With a `task` among them, for boards of its size alone.
        """
        folder = find_weights(weights)
        solver = load(weights, trace=False, **options)
        solver.max_steps = min(solver.max_steps, limits.steps)
        name = weights if weights in redraft.weights.names() else Path(weights).resolve().name
        shared = SharedSolver(solver, queue=limits.queue)
        sizes = None
        if "task" not in options and _family(solver.task.name) in FAMILIES and fits_any_size(describe(folder)):
            sizes = Sizes(lambda task: cls.open(weights, limits, task=task, **options), limits.cells)
        return cls(name=name, folder=folder, task=solver.task, shared=shared, steps=limits.steps, sizes=sizes)

    def of(self, name: str) -> Served:
        """These weights for the task of that name, if they fit boards of any size."""
        return self if self.sizes is None or name == self.task.name else self.sizes.get(name)

    def close(self) -> None:
        """Answers all puzzles in the queue, then ends."""
        self.shared.close()
        if self.sizes is not None:
            self.sizes.close()

    def card(self) -> ModelCard:
        """The description that clients see; it holds no path."""
        values: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        card = values.get("card")
        summary = card.get("summary", "") if isinstance(card, dict) else ""
        return ModelCard(
            name=self.name,
            task=self.task.name,
            summary=str(summary),
            height=self.task.height,
            width=self.task.width,
            judges=self.task.judges,
            max_steps=self.shared.solver.max_steps,
            hints=self.task.open_token is not None,
            any_size=self.sizes is not None,
        )


class Sizes:
    """Weights opened for boards of the sizes that clients ask for: the few that were asked for last."""

    MOST = 8

    def __init__(self, open: Callable[[Task], Served], cells: int) -> None:
        """`open` opens them for a task; `cells`: of a board, at most."""
        self._open, self._cells = open, cells
        self._lock, self._opened = threading.Lock(), dict[str, Served]()  # in the order they were asked for

    def get(self, name: str) -> Served:
        """The weights for the task of that name; raises Refused for one that is too large, and if all are at work."""
        task = any_task(name, ())
        if task.seq_len > self._cells:
            raise Refused(f"{task.name}: expected at most {self._cells:,} cells", where="task", status=413)
        with self._lock:
            found = self._opened.pop(task.name, None)
            if found is None:
                self._make_room()
                found = self._open(task)
            self._opened[task.name] = found
        return found

    def close(self) -> None:
        for each in self._opened.values():
            each.close()

    def _make_room(self) -> None:
        if len(self._opened) < self.MOST:
            return
        idle = [name for name, each in self._opened.items() if not each.shared.waiting + each.shared.running]
        if not idle:
            raise Refused(f"{self.MOST} other sizes are being solved; try again soon", status=429, retry_after=1)
        self._opened.pop(idle[0]).close()


def open_all(weights: Sequence[str], limits: Limits, **options: Any) -> list[Served]:
    """Opens weights, by default all that are bundled, with the options of `load`.

    Raises RedraftError where they cannot be opened, or two have the same name.
    """
    opened: list[Served] = []
    for each in weights or redraft.weights.names():
        served = Served.open(each, limits, **options)
        if any(other.name == served.name for other in opened):
            raise ConfigError(f"--weights {each}: {served.name} is served already; rename the folder")
        opened.append(served)
    return opened


def chosen(models: Sequence[Served], request: Named, boards: Sequence[Board]) -> Served:
    """The weights that a request means, for the size of its puzzles."""
    served, name = _meant(models, request, boards)
    return served.of(name)


def chosen_task(models: Sequence[Served], request: Named, boards: Sequence[Board]) -> Task:
    """The task of the weights that a request means, which are not opened for another size."""
    served, name = _meant(models, request, boards)
    return any_task(name, [served])


def _meant(models: Sequence[Served], request: Named, boards: Sequence[Board]) -> tuple[Served, str]:
    """The weights and the name of the task: by their name, by a task, or by a family and what the puzzles look like."""
    if request.weights is not None:
        named = next((each for each in models if each.name == request.weights), None)
        if named is None:
            raise Refused(f"unknown weights; expected one of {_names(models)}", where="weights", status=404)
        family = _family(named.task.name)
        asked = None if request.task is None else unversioned(request.task)
        if asked not in (None, named.task.name, family) and not (named.sizes and _family(asked) == family):
            raise Refused(f"the weights {named.name} are for {named.task.name}", where="task")
        return named, named.task.name if named.sizes is None else _task_named(asked or family, boards)
    name = _task_named(request.task, boards)
    fitting = [each for each in models if each.task.name == name]
    fitting = fitting or [each for each in models if each.sizes and _family(each.task.name) == _family(name)]
    if not fitting:
        known = sorted({each.task.name for each in models})
        raise Refused(f"no weights for this task; expected one of {', '.join(known)}", where="task", status=404)
    return next((each for each in fitting if each.name == name), fitting[0]), name


def _task_named(name: str | None, boards: Sequence[Board]) -> str:
    """The name of the task; for a family, or without a name, from the size of the first puzzle that shows it."""
    if name is not None and name not in FAMILIES:
        return unversioned(USUAL.get(name, name))
    texts = [board for board in boards if isinstance(board, str)]
    if not texts:
        if name is None:
            raise Refused("puzzles as rows of cells need a task or weights", where="task")
        return f"{name}-{len(boards[0])}x{len(boards[0][0])}"
    try:
        return of_texts(texts, name).name
    except RedraftError as error:
        raise Refused(getattr(error, "message", str(error)), where="puzzle") from error


def any_task(name: str, models: Sequence[Served]) -> Task:
    """The task of a name: of weights that are served, or one of redraft's own; never code of somebody else's."""
    name = USUAL.get(name, name)
    for each in models:
        if each.task.name == name:
            return each.task
    if unversioned(name) in TASKS or _SIZED.fullmatch(name):
        try:
            return get_task(name)
        except RedraftError as error:
            raise Refused(str(error), where="task", status=404) from error
    raise Refused(f"unknown task; expected one of {', '.join(TASKS)}, or of another size", where="task", status=404)


def grid_of(task: Task, board: Board) -> Grid:
    """The grid (H, W) of a sound puzzle; raises PuzzleError."""
    grid = answer_of(task, board)
    task.validate(grid)
    return grid


def answer_of(task: Task, board: Board) -> Grid:
    """The grid (H, W) of an answer, be it right or wrong; raises PuzzleError."""
    if not isinstance(board, str) and all(isinstance(cell, str) and len(cell) == 1 for row in board for cell in row):
        board = "\n".join("".join(map(str, row)) for row in board)
    grid = task.board(board)
    if grid.shape != (task.height, task.width):
        shape = " x ".join(map(str, grid.shape))
        raise PuzzleError(f"expected {task.height} rows of {task.width} cells, got {shape}")
    return grid


def _family(name: str) -> str:
    return name.partition("-")[0]


def _names(models: Sequence[Served]) -> str:
    return ", ".join(each.name for each in models)
