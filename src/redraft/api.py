"""The commands as functions: `redraft.train`, `redraft.evaluate` and so on.

Names of weights, data and tasks have the meaning they have on the command line. All functions raise RedraftError or one
of its kinds for a caller's mistake. tests/test_api.py runs the examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from redraft.naming import USUAL

if TYPE_CHECKING:
    from redraft.compare.contest import Comparison
    from redraft.evaluate.measure import Report
    from redraft.inspect.inspection import Inspection
    from redraft.run import Run
    from redraft.tasks.base import Examples, Puzzle, Task
    from redraft.train.config import RunConfig

Precision = Literal["float32", "bfloat16"]


def train(
    recipe: str | Path | RunConfig,
    *,
    out: str | Path | None = None,
    tiny: bool = False,
    size: Literal["nano", "tiny", "paper"] | None = None,
    device: str = "auto",
    stop_after: float | None = None,
    track: Literal["tensorboard", "wandb", "trackio"] | None = None,
    prefetch: int | None = None,
    quiet: bool = False,
    trust: bool = False,
    **changes: Any,
) -> Run:
    """Trains a model, as `redraft train` does.

    Args:
        recipe: a name in `list_recipes()`, `module:NAME`, a folder that `redraft data build` made, or a whole run.
        out: folder of the run; by default `runs/RECIPE`, with a number if that is taken.
        tiny: shrinks the recipe to seconds, to see whether everything works.
        size: of the model, for a folder of data.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        stop_after, track: seconds after which it stops with a checkpoint; also reports there.
        prefetch: batches sampled ahead by a thread; chosen by the machine if not given.
        quiet: prints nothing; by default progress goes to standard error, or to the notebook.
        trust: runs code (`module:NAME`) that data or initial weights name (docs/trust.md).
        changes: values of the run in place of the recipe's, nested as in `RunConfig`.

    Returns:
        The run. Ctrl-C stops it after the current step with a checkpoint: it is not `finished`, and `resume` continues.

    Raises ConfigError for a key that does not exist, a value out of range or a folder in use; DataError or WeightsError
    for data or initial weights that cannot be opened.

    >>> run = redraft.train("sudoku-4x4", tiny=True, steps=4, model={"n": 1}, out="runs/first", quiet=True)
    >>> run.finished, run.config.model.n, run.metrics()[-1]["step"]
    (True, 1, 4)
    """
    from redraft.recipes import recipe_of
    from redraft.recipes.change import apply, dotted
    from redraft.run import Run, carry_out, free_folder
    from redraft.train.config import RunConfig, run_to_dict
    from redraft.trust import names_in, trusting

    with trusting(trust):
        config = recipe if isinstance(recipe, RunConfig) else recipe_of(str(recipe), size=size, tiny=tiny)
        config = apply(config, dotted(changes), where="train") if changes else config
        folder = free_folder(Path("runs") / config.recipe) if out is None else Path(out)
        with trusting(names_in(run_to_dict(config))):  # the caller has named them
            options: dict[str, Any] = {"stop_after": stop_after, "track": track, "prefetch": prefetch, "quiet": quiet}
            carry_out(config, folder, resume=False, device=device, threads=config.threads, **options)
            return Run(folder)


def resume(
    run: str | Path | Run,
    *,
    steps: int | None = None,
    device: str = "auto",
    stop_after: float | None = None,
    track: Literal["tensorboard", "wandb", "trackio"] | None = None,
    quiet: bool = False,
) -> Run:
    """Resumes a run as if it had never stopped: equal to the bit on the same kind of machine.

    `steps`: their number in all, more or fewer than planned, but no fewer than are done. Raises ConfigError where
    another process trains it, WeightsError where there is no run or its checkpoint is damaged.

    >>> run = redraft.resume("runs/first", steps=6, quiet=True)
    >>> run.finished, run.progress.step
    (True, 6)
    """
    from redraft.run import Run, carry_out, resumed_config
    from redraft.train.folder import CONFIG, find_run
    from redraft.trust import remembered_names, trusting

    folder = run.folder if isinstance(run, Run) else find_run(Path(run))
    with trusting(remembered_names(folder / CONFIG)):
        config = resumed_config(folder, steps=steps)
        carry_out(config, folder, resume=True, device=device, stop_after=stop_after, track=track, quiet=quiet)
        return Run(folder)


def evaluate(
    weights: str | Path | Run,
    data: str | Path,
    *,
    split: str = "test",
    limit: int | None = None,
    steps: int = 16,
    scale: bool = False,
    batch_size: int = 256,
    device: str = "auto",
    dtype: Literal["float32", "bfloat16", "int8"] = "float32",
    task: str | None = None,
    quiet: bool = False,
    trust: bool = False,
) -> Report:
    """Accuracy of weights on puzzles with known answers, after each supervision step.

    Args:
        weights: a name in `list_weights()`, a folder of weights or of an exported model, or a run.
        data: a file or folder of puzzles with answers, or `make:COUNT@SEED` for new ones.
        split, limit: file of a folder of data, and maximum number of puzzles, taken from the start.
        steps, batch_size: supervision steps of each puzzle, more than in training if you like; puzzles run at once.
        scale: adds accuracy against compute: `figures["scale"]` (`redraft.evaluate.scale`).
        device, dtype: as in `train`, and the type of the activations; `int8`, of weights too, needs a CPU.
        task: for boards of another size than those of training (`maze-40x40`), which a local network's weights fit.
        quiet, trust: as in `train`.

    Warns (DataWarning) where the weights were trained on this data. Raises RedraftError.

    >>> report = redraft.evaluate("sudoku-6x6", "make:20@7", quiet=True)
    >>> report.exact > 0.9, len(report.figures["by_step"])
    (True, 16)
    """
    from redraft.evaluate.measure import measure
    from redraft.trust import trusting

    options: dict[str, Any] = {"split": split, "limit": limit, "steps": steps, "scale": scale, "task": task}
    options |= {"batch_size": batch_size, "device": device, "dtype": dtype, "quiet": quiet}
    with trusting(trust):
        return measure(_named(weights), data, **options)


def compare(
    contenders: Sequence[str | Path | Run],
    data: str | Path,
    *,
    task: str | None = None,
    split: str = "test",
    limit: int | None = None,
    steps: int = 16,
    at: Literal["last", "halt"] = "last",
    measure: Literal["solved", "exact"] = "solved",
    batch_size: int = 256,
    device: str = "auto",
    dtype: Precision = "float32",
    save: str | Path | None = None,
    quiet: bool = False,
    trust: bool = False,
) -> Comparison:
    """Several weights on the same unseen rows, with tests of the differences (paired bootstrap, McNemar, Holm).

    Args:
        contenders: weights or runs, optionally with their own steps (`sudoku-6x6@32`); of ARC also files of votes.
        data, split, limit, batch_size, device, dtype: as in `evaluate`; rows that a contender was trained on are left
            out.
        task: the task, where neither weights nor data name one.
        steps: supervision steps of all contenders without their own.
        at: compares the answers after the last step or where each would halt.
        measure: counts answers solved by the rules, or equal to the known answer.
        save: folder for the outcomes, so that none is evaluated again.

    Raises RedraftError.

    >>> found = redraft.compare(["sudoku-6x6", "sudoku-6x6@2"], "make:30@7", quiet=True)
    >>> [each["name"] for each in found.figures["entrants"]]
    ['sudoku-6x6', 'sudoku-6x6@2']
    """
    from redraft.compare.contest import Terms, contest
    from redraft.trust import trusting

    names = [_named(each) for each in contenders]
    options: dict[str, Any] = {"task": task, "split": split, "limit": limit, "steps": steps, "at": at, "save": save}
    options |= {"measure": measure, "batch_size": batch_size, "device": device, "dtype": dtype}
    with trusting(trust):
        return contest(names, Terms(data=str(data), **options), quiet=quiet)


def inspect(
    weights: str | Path | Run,
    puzzle: str | Path,
    *,
    number: int = 1,
    split: str = "test",
    answer: str | None = None,
    steps: int = 16,
    recursions: bool = False,
    influence: Literal["auto", "always", "never"] = "auto",
    puzzles: str | None = None,
    device: str = "auto",
    dtype: Precision = "float32",
    quiet: bool = False,
    trust: bool = False,
) -> Inspection:
    """Looks inside a model that solves a puzzle; `.save("report.html")` writes the report.

    Args:
        weights: as in `evaluate`, but not exported.
        puzzle: written out, a file or folder of puzzles, or `make:COUNT@SEED` for a new one.
        number: of the puzzle among several, from 1; `split`: file of a folder of data.
        answer: the answer written out, where the data has none.
        steps: supervision steps.
        recursions: also looks at every evaluation of the network within the steps.
        influence: blanks each given in turn; `auto` does less of it, or leaves it out, where that takes long.
        puzzles: a source of puzzles whose trajectories are shown, or `none`; up to 100 new ones if not given.

    Raises RedraftError.

    >>> found = redraft.inspect("sudoku-6x6", "make:1@4", puzzles="none", influence="never", quiet=True)
    >>> found.save("report.html").stat().st_size > 1000, len(found.drafts)
    (True, 16)
    """
    from redraft.inspect.inspect import look
    from redraft.trust import trusting

    options: dict[str, Any] = {"number": number, "split": split, "answer": answer, "steps": steps, "puzzles": puzzles}
    options |= {"recursions": recursions, "influence": influence, "device": device, "dtype": dtype}
    with trusting(trust):
        return look(_named(weights), str(puzzle), **options, quiet=quiet)


def export(
    weights: str | Path | Run,
    out: str | Path | None = None,
    *,
    to: Literal["onnx", "executorch"] = "onnx",
    int8: bool = False,
    check: int | None = None,
    data: str | Path | None = None,
    quiet: bool = False,
    trust: bool = False,
) -> Path:
    """Writes weights as a graph that solves without PyTorch, after comparing it with its model; returns the folder.

    Args:
        weights: as in `evaluate`, but not exported.
        out: folder to write; by default the name of the weights with `-onnx` or `-executorch` appended.
        to: an ONNX graph, which `redraft.load` opens, or an ExecuTorch program, for one puzzle at a time in float32.
        int8: matmuls in 8-bit integers, unless fewer puzzles were solved so.
        check: puzzles to compare on; up to 64, fewer where that takes long, if not given.
        data: a source of them; by default a run's own test data, or new puzzles.

    Raises:
        ConfigError: a package of the extra `export` or `executorch` is missing, or the folder is in use.
        RedraftError: the graph differs from the model.

    >>> redraft.export("sudoku-6x6", "onnx", check=1, quiet=True).name
    'onnx'
    """
    from redraft.export.export import export_folder
    from redraft.progress import stages
    from redraft.trust import trusting

    source = None if data is None else str(data)
    with trusting(trust), nullcontext(lambda what: None) if quiet else stages("export") as report:
        return export_folder(_named(weights), out, to=to, int8=int8, check=check, data=source, report=report)[0]


def make(task: str | Task, count: int = 1, *, seed: int = 0, **options: Any) -> list[Puzzle]:
    """New puzzles with their answers (H, W) int8; the same seed gives the same puzzles.

    `options` are the task's own, see its `make`: `clues`, `guesses` and `near` of a Sudoku; `least`, the minimum number
    of cells of a maze's shortest path. Raises ConfigError for one that the task does not have.

    >>> [puzzle] = redraft.make("sudoku-4x4", seed=1)
    >>> puzzle.question.shape, redraft.make_task("sudoku-4x4").check(puzzle.question, puzzle.answer).solved
    ((4, 4), True)
    """
    from redraft.tasks import Puzzle

    made = make_examples(make_task(task) if isinstance(task, str) else task, count, seed, **options)
    rows = zip(made.questions, made.answers, made.ratings.tolist(), strict=True)
    return [
        Puzzle(question=question, answer=answer, rating=None if math.isnan(rating) else rating)
        for question, answer, rating in rows
    ]


def make_examples(task: Task, count: int, seed: int, **options: Any) -> Examples:
    """New puzzles as arrays; options that are None are ignored."""
    from redraft.errors import ConfigError, require_at_least

    require_at_least(1, {"count": count})
    require_at_least(0, {"seed": seed})
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if unknown := [name for name in given if name not in signature(task.make).parameters]:
        raise ConfigError(f"{unknown[0]}: {task.name} has no such option")
    return task.make(count, seed, **given)


def make_task(name: str) -> Task:
    """The task of a name: one of `list_tasks()`, of another size (`maze-12x12`), or your own as `module:NAME`.

    Raises RedraftError naming the known ones.

    >>> task = redraft.make_task("sudoku-6x6")
    >>> task.encode(task.parse("6.......14..........4.1.1....2..3.5.")).shape
    (36,)
    """
    from redraft.tasks import get_task

    return get_task(USUAL.get(name, name))


def list_tasks() -> list[str]:
    """Names of tasks; other sizes have names too, such as `maze-12x20`.

    >>> "sudoku-9x9" in redraft.list_tasks()
    True
    """
    from redraft.tasks import TASKS

    return list(TASKS)


def list_recipes() -> dict[str, str]:
    """Recipes by name, each with a one-line description.

    >>> "sudoku-4x4" in redraft.list_recipes()
    True
    """
    from redraft.recipes import RECIPES

    return {name: (recipe.__doc__ or "").strip().partition("\n")[0] for name, recipe in RECIPES.items()}


def list_weights() -> dict[str, str]:
    """Bundled weights by name, each with a one-line description.

    >>> "sudoku-6x6" in redraft.list_weights()
    True
    """
    from redraft.weights import names, summary

    return {name: summary(name).strip().partition("\n")[0] for name in names()}


def _named(weights: str | Path | Run) -> str:
    """The name of weights, or the folder of a run."""
    return str(getattr(weights, "folder", weights))
