"""`redraft solve`: answers to people's puzzles, each with a verdict, and how they came about."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console

from redraft.commands.answers import NOT_JUDGED, done, draw, plain, print_results, to_csv
from redraft.commands.arguments import Trusted, parse
from redraft.commands.progress import progress
from redraft.errors import ConfigError, PuzzleError, RedraftError, WeightsError
from redraft.files import require_place, write_text
from redraft.solve.solver import SURE, HaltRule
from redraft.tasks import Puzzle, Task, get_task
from redraft.tasks.maze import Maze, maze_for
from redraft.tasks.sudoku import Sudoku, sudoku_for

if TYPE_CHECKING:
    from redraft.solve.solver import Answer

FAMILIES: dict[str, tuple[type[Task], Callable[[Sequence[str]], Task]]] = {  # the puzzles themselves tell the size
    "sudoku": (Sudoku, sudoku_for),
    "maze": (Maze, maze_for),
}
PICTURES = (".svg", ".png")
UNSEEN = 64  # up to so many puzzles are done before a progress bar is worth looking at

Entry = Puzzle | PuzzleError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[TASK] PUZZLE …")] = ()
    """What to solve: optionally a task (sudoku, maze-10x10, …), then puzzles written out: a Sudoku with blanks as `.`,
    `0` or `_`, a maze of `#`, `.`, `S` and `G`, own grids as in their file."""
    file: Annotated[Path | None, tyro.conf.arg(aliases=["-f"], metavar="FILE")] = None
    """Puzzles from a file (`-` for standard input): a line each, drawn grids, or a CSV with a column `question`."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Writes answers to a CSV file instead of the screen."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="WEIGHTS")] = None
    """Weights that ship, a folder of weights, or a run's folder; by default those that ship for the task."""
    watch: bool = False
    """Shows the board step by step as the answer is redrafted."""
    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws the one puzzle given and the drafts of its answer to a file, .svg or, where cells are colours, .png."""
    delay: float = 0.5
    """Seconds a step is shown by --watch on a terminal."""
    max_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Supervision steps a puzzle gets at most; more may solve harder ones. By default as the card says, or 16."""
    halt: Literal["rules", "head", "never"] = "rules"
    """Stops a puzzle once its answer keeps the rules, once the model's halting head says so, or never."""
    sure: float = SURE
    """How sure the halting head must be to stop a puzzle; the paper's is 0.5."""
    restart: Annotated[int | None, tyro.conf.arg(metavar="STEPS")] = None
    """With --halt rules, begins a puzzle again after so many steps; 0: never. By default as the weights' card says."""
    guess: Annotated[bool | None, tyro.conf.arg(metavar="True|False")] = None
    """Begins it again with a doubtful cell filled by a guess, where the task has cells to fill, rather than from
    another state. By default as the weights' card says."""
    no_halt: bool = False
    """The same as --halt never."""
    batch_size: Annotated[int | Literal["auto"], tyro.conf.arg(metavar="INT|auto")] = "auto"
    """Puzzles worked on at once; auto finds out how many are worth it."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Of the activations: auto takes bfloat16 where the weights were trained in it and the machine is faster with it;
    int8, of weights too, needs a CPU."""
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto"
    """What computes: PyTorch, NumPy (which starts sooner, and is for few puzzles and small models), ONNX Runtime (what
    redraft export wrote), or what fits."""
    json: bool = False
    """Prints one JSON object a puzzle, drafts included."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    description = "Solves puzzles; never shows a wrong answer as right."
    args = parse(Arguments, arguments, command="solve", description=description, gather="inputs")
    _require_sense(args)
    name, texts = _named_task(args)
    lines, source = _read_lines(args.file)
    if not texts and args.file is None:
        raise ConfigError("nothing to solve: write a puzzle out, or name a file with -f")
    if not texts and not any(map(str.strip, lines)):
        raise ConfigError(f"{source}: no puzzles")
    task, weights = _task_and_weights(name, texts, lines, args)
    entries = [_given(task, text) for text in texts] + task.read(lines, source)
    entries = [_validated(task, entry) for entry in entries]
    if not entries:
        raise ConfigError(f"{source}: no puzzles")
    _require_drawable(task, entries, args)
    return _solve(weights, task, entries, args)


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    if args.max_steps is not None and args.max_steps < 1:
        raise ConfigError(f"--max-steps: expected at least 1, got {args.max_steps}")
    if args.batch_size != "auto" and args.batch_size < 1:
        raise ConfigError(f"--batch-size: expected at least 1, or auto, got {args.batch_size}")
    if not 0 < args.sure < 1:
        raise ConfigError(f"--sure: expected a probability between 0 and 1, got {args.sure:g}")
    if args.restart is not None and args.restart < 0:
        raise ConfigError(f"--restart: expected at least 0, got {args.restart}")
    if args.delay < 0:
        raise ConfigError(f"--delay: expected at least 0 seconds, got {args.delay:g}")
    if sum((args.json, args.watch, args.output is not None)) > 1:
        raise ConfigError("--json, --watch and -o exclude each other")
    for file in (args.output, args.picture):
        if file is not None:
            require_place(file)
    if args.picture is not None and args.picture.suffix.lower() not in PICTURES:
        raise ConfigError(f"--picture {args.picture}: expected a name that ends in {' or '.join(PICTURES)}")
    for text in args.inputs:
        if os.path.isfile(text):
            raise ConfigError(f"{text} is a file; have its puzzles read by -f {text}")


def _require_drawable(task: Task, entries: Sequence[Entry], args: Arguments) -> None:
    """Raises ConfigError where --picture has more than one puzzle, or letters that a PNG would lack."""
    if args.picture is None:
        return
    questions = [entry.question for entry in entries if isinstance(entry, Puzzle)]
    if len(entries) != 1:
        raise ConfigError(f"--picture draws one puzzle; got {len(entries)}")
    if args.picture.suffix.lower() == ".png" and not all(any(map(any, task.fills(each))) for each in questions):
        raise ConfigError(f"--picture {args.picture}: a PNG has no letters, which {task.name} needs; name an .svg file")


def _named_task(args: Arguments) -> tuple[str | None, list[str]]:
    """The task's name, if the first of the inputs is one, and the other inputs.

    A puzzle of one's own may begin with a letter too, so what names no task may be one where weights are named.
    """
    from redraft.solve.load import task_of

    texts = list(args.inputs)
    if not texts or not (texts[0][:1].isascii() and texts[0][:1].isalpha()) or set(texts[0]) <= {*"#.· SG\n"}:
        return None, texts
    if texts[0] in FAMILIES:
        return texts[0], texts[1:]
    try:
        get_task(texts[0])
    except RedraftError:
        if args.weights is None:
            raise
        if isinstance(_given(get_task(task_of(args.weights)), texts[0]), PuzzleError):
            raise
        return None, texts
    return texts[0], texts[1:]


def _read_lines(file: Path | None) -> tuple[list[str], str]:
    if file is None:
        return [], ""
    source = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror or error}") from error
    return text.splitlines(), source


def _task_and_weights(name: str | None, texts: list[str], lines: list[str], args: Arguments) -> tuple[Task, str]:
    """The task named, or that of the weights, or what the puzzles look like; and the name of weights for it."""
    import redraft.weights
    from redraft.solve.load import task_of

    task = None if name is None or name in FAMILIES else get_task(name)
    if args.weights is not None:
        spec = task_of(args.weights)
        made_for = get_task(spec)
        if task is not None and task.spec != spec:
            raise WeightsError(f"{args.weights}: made for {made_for.name}, but these puzzles are {task.name}")
        if name in FAMILIES and not isinstance(made_for, FAMILIES[str(name)][0]):
            raise WeightsError(f"{args.weights}: made for {made_for.name}, but these puzzles are {name}")
        return made_for, args.weights
    task = task or _family(name, texts or ["\n".join(lines)])
    shipped = redraft.weights.names()
    if task.name not in shipped:
        raise WeightsError(
            f"no weights for {task.name} ship with redraft (those that do: {', '.join(shipped) or 'none'}); "
            "train some with redraft train, and name them by --weights"
        )
    return task, task.name


def _family(name: str | None, texts: Sequence[str]) -> Task:
    """The Sudoku or maze of the size that the texts have; Sudoku is meant unless named or unmistakable."""
    if name is None:
        try:
            return maze_for(texts)
        except PuzzleError:
            name = "sudoku"
    return FAMILIES[name][1](texts)


def _given(task: Task, text: str) -> Entry:
    try:
        return Puzzle(question=task.parse(text))
    except PuzzleError as error:
        return PuzzleError(error.message, error.place or repr(text))


def _validated(task: Task, entry: Entry) -> Entry:
    if isinstance(entry, PuzzleError):
        return entry
    try:
        task.validate(entry.question)
    except PuzzleError as error:
        return PuzzleError(error.message, entry.place or repr(task.format(entry.question)))
    return entry


def _solve(weights: str, task: Task, entries: Sequence[Entry], args: Arguments) -> int:
    from redraft.solve.load import open_stepper
    from redraft.solve.solver import Solver

    sound = [entry.question for entry in entries if isinstance(entry, Puzzle)]
    opened = open_stepper(weights, device=args.device, dtype=args.dtype, backend=args.backend, puzzles=len(sound))
    halt: HaltRule = "never" if args.no_halt else args.halt
    habits = opened.habits(halt).but(max_steps=args.max_steps, restart=args.restart, guess=args.guess)
    if args.guess and not (halt == "rules" and habits["restart"]):
        raise ConfigError("--guess True: a guess begins a puzzle again, which takes --halt rules and --restart STEPS")
    solver = Solver(
        opened.stepper,
        task,
        **habits,
        halt=halt,
        sure=args.sure,
        batch_size=args.batch_size,
        trace=args.watch or args.json or args.picture is not None,
    )
    started = time.monotonic()
    with progress("solving", len(sound), shown=len(sound) > UNSEEN) as tell:
        found: dict[int, Answer] = {}
        for number, answer in solver.stream(sound):
            found[number] = answer
            tell(len(found))
    seconds = time.monotonic() - started
    solved = [found[number] for number in range(len(sound))]
    answers = iter(solved)
    results = [(entry.place, entry if isinstance(entry, PuzzleError) else next(answers)) for entry in entries]

    if args.picture is not None:
        for answer in solved:
            draw(task, answer, args.picture)
    if args.output is not None:
        write_text(args.output, to_csv(task, results))
    elif args.json:
        for result in results:
            print(json.dumps(plain(task, result), allow_nan=False))
    elif args.watch:
        from redraft.commands.watch import watch

        for answer in solved:
            watch(task, answer, Console(), delay=args.delay, max_steps=solver.max_steps)
    else:
        print_results(task, results)
    for entry in entries:
        if isinstance(entry, PuzzleError):
            print(f"redraft solve: {entry}", file=sys.stderr)
    right = sum(done(task, answer) for answer in solved)
    if len(entries) > 1 or args.output is not None:
        where = f", answers in {args.output}" if args.output is not None else ""
        bad = f", {len(entries) - len(sound)} cannot be solved" if len(sound) < len(entries) else ""
        word, unjudged = ("solved", "") if task.judges else ("halted", f", {NOT_JUDGED}")
        print(f"{right} of {len(entries)} {word} in {seconds:.2f} s{bad}{unjudged}{where}", file=sys.stderr)
    return 2 if len(sound) < len(entries) else 0 if right == len(sound) else 1
