"""From a task, puzzles written out, a file and weights, as a user names them, to the puzzles to solve with weights.

given                     task                             weights
--weights W               the one W was trained for*       W
a task's name             that one                         bundled under its name
a family (sudoku, maze)   of the size the puzzles have     bundled for it
futoshiki, sokoban, …     of the usual size, or W's        bundled for it, or W
nothing but puzzles       of the family they look like     bundled for it*

* Weights that fit boards of any size are for all of their family, and of the size that the puzzles have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import redraft.weights
from redraft.errors import ConfigError, PuzzleError, RedraftError, WeightsError
from redraft.naming import USUAL, unversioned
from redraft.solve.load import find_weights
from redraft.solve.sizes import fits_any_size, of_size
from redraft.solve.supply import Entry
from redraft.tasks import TASKS, Puzzle, Task, get_task
from redraft.tasks.families import FAMILIES, of_lines, of_records, of_texts
from redraft.tasks.reading.puzzles import puzzle_of, records_of
from redraft.tasks.reading.records import is_parquet
from redraft.tasks.reading.source import STDIN, lines_of, name_of
from redraft.weights.format import describe

_SIZED = re.compile(r"\w+-\d+x\d+(-v\d+)?")
_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(-v\d+)?")
_FILE = re.compile(r"[^\n]*\.[A-Za-z][A-Za-z0-9]{1,10}")
_WORD = re.compile(r"[A-Za-z][A-Za-z_ -]{2,}")


@dataclass(frozen=True)
class Meant:
    """The puzzles to solve, their task and the weights to solve them with; `entries` are read as they are needed."""

    task: Task
    weights: str
    entries: Iterator[Entry]


def resolve(inputs: Sequence[str], file: str | None, weights: str | None) -> Meant:
    """The task, the weights and the puzzles; see the table above.

    Args:
        inputs: a task's name, if any, and puzzles written out.
        file: of puzzles, `-` for standard input.
        weights: a name or folder of weights; None for bundled ones.

    Raises RedraftError where there is nothing to solve, or the arguments do not fit together.
    """
    described = None if weights is None else describe(find_weights(weights))
    made_for = None if described is None else get_task(described.task)
    if described is not None and made_for is not None and fits_any_size(described):
        named = bool(inputs) and (inputs[0] in USUAL or _SIZED.fullmatch(inputs[0]) is not None)
        inputs, made_for = inputs if named else [_family(made_for), *inputs], None
    name, texts = _named(inputs, made_for)
    if not texts and file is None:
        raise ConfigError("nothing to solve: write a puzzle out, or name a file with -f")
    if name in USUAL and name not in FAMILIES:  # whose size the puzzles do not decide
        name = made_for.name if made_for is not None and made_for.name.startswith(f"{name}-") else USUAL[name]
    task = None if name is None or name in FAMILIES else get_task(name)
    if made_for is not None:
        of_family = name is None or (name in FAMILIES and isinstance(made_for, FAMILIES[name].kind))
        if not (of_family if task is None else task.spec == made_for.spec):
            raise WeightsError(f"{weights}: trained for {made_for.name}, but these puzzles are {name}")
        task = made_for
    if task is None:
        task, read = _by_size(name, texts, file)
    else:
        read = iter(()) if file is None else entries_of(task, file)
    if described is not None:
        of_size(described, task, name=str(weights))  # raises WeightsError where they do not fit
    written = (_parsed(task, text) for text in texts)
    entries = (_validated(task, entry) for entry in chain(written, read))
    return Meant(task, _bundled(task) if weights is None else weights, entries)


def entries_of(task: Task, file: str) -> Iterator[Entry]:
    """The puzzles of a file (`-`: standard input), in order, each as soon as its last line has come."""
    if file != STDIN and task.notation is not None and is_parquet(Path(file)):
        yield from (puzzle_of(task, record) for record in records_of(file, task.notation))
    else:
        yield from task.read(lines_of(file), name_of(file))


def _named(inputs: Sequence[str], made_for: Task | None) -> tuple[str | None, list[str]]:
    """The task or family that the first of the inputs names, if any, and the puzzles among them."""
    texts = list(inputs)
    if not texts:
        return None, texts
    first, name = texts[0], None
    own = _OWN.fullmatch(first) and (made_for is None or isinstance(_parsed(made_for, first), PuzzleError))
    if first in USUAL or unversioned(first) in TASKS or _SIZED.fullmatch(first) or own:
        name = texts.pop(0)
    for text in texts:
        if _FILE.fullmatch(text) and _why_no_puzzle(text, made_for):
            raise ConfigError(f"{text}: is a folder" if Path(text).is_dir() else f"{text}: no such file")
    if name is None and _WORD.fullmatch(first) and (why := _why_no_puzzle(first, made_for)):
        known = f"known tasks: {', '.join(TASKS)}, or your own as module:NAME"
        raise ConfigError(f"unknown task {first!r}; {known}{f'; {why}' if made_for is not None else ''}")
    return name, texts


def _why_no_puzzle(text: str, made_for: Task | None) -> str:
    """The reason why a text is no puzzle of a task, None for one of any family; empty where it is one."""
    if made_for is not None:
        entry = _parsed(made_for, text)
        return f"not a puzzle of {made_for.name}: {entry.message}" if isinstance(entry, PuzzleError) else ""
    try:
        of_texts([text], None)
    except RedraftError as error:
        return str(error)
    return ""


def _by_size(name: str | None, texts: Sequence[str], file: str | None) -> tuple[Task, Iterator[Entry]]:
    """The task of a family by the size of the puzzles, and the puzzles of the file."""
    if texts:
        task = of_texts(texts, name)
        return task, iter(()) if file is None else entries_of(task, file)
    assert file is not None
    if file != STDIN and is_parquet(Path(file)):
        family = name or "sudoku"
        task, records = of_records(records_of(file, FAMILIES[family].notation), file, family)
    else:
        task, records = of_lines(lines_of(file), name_of(file), name)
    return task, (puzzle_of(task, record) for record in records)


def _bundled(task: Task) -> str:
    """The name of the bundled weights of a task; raises WeightsError with the command that trains some."""
    bundled = redraft.weights.names()
    if task.name in bundled:
        return task.name
    for name in bundled:
        if name.partition("-")[0] == _family(task) and fits_any_size(describe(find_weights(name))):
            return name
    raise WeightsError(
        f"no bundled weights for {task.name} (there are: {', '.join(bundled) or 'none'}); "
        f"train some: {_training(task)}, then name the run by --weights"
    )


def _family(task: Task) -> str:
    """The name of a task without its size."""
    return task.name.partition("-")[0]


def _training(task: Task) -> str:
    """The command that trains weights for a task: by its own recipe, or that of another size."""
    recipe = (USUAL | {"sudoku": "sudoku-6x6", "futoshiki": "futoshiki-5x5"}).get(_family(task), "RECIPE")
    return (
        f"redraft train {recipe}" if recipe in ("RECIPE", task.name) else f"redraft train {recipe} --task {task.name}"
    )


def _parsed(task: Task, text: str) -> Entry:
    try:
        return Puzzle(question=task.parse(text), drawn="\n" in text.strip("\n"))
    except PuzzleError as error:
        return PuzzleError(error.message, error.place or repr(text))


def _validated(task: Task, entry: Entry) -> Entry:
    if isinstance(entry, Puzzle):
        try:
            task.validate(entry.question)
        except PuzzleError as error:
            return PuzzleError(error.message, entry.place or repr(task.format(entry.question)))
    return entry
