"""`redraft data build`: a folder of stores from your own pairs of grids, or from ARC tasks."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft.commands.arguments import parse, require_options
from redraft.errors import ConfigError, DataError

DESCRIPTION = "Builds a folder with a store to train on and one to test with, from pairs of grids or from ARC tasks."


@dataclass(frozen=True, kw_only=True)
class Arguments:
    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SOURCE")]
    """A CSV with the columns input and output (optionally group and rating), JSONL or JSON with the same, a folder of
    such files; or ARC: arc1, arc2, Kaggle's folder or files, or other files of tasks with --kind arc."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")]
    """The folder to write, which must not exist."""
    kind: Literal["auto", "grids", "arc"] = "auto"
    """Kind of SOURCE: arc for arc1, arc2, Kaggle's files and folders in two halves if not given, grids for all else."""
    seed: int = 0
    """Seed of the split, and of the augmentations of ARC tasks."""

    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Grids: name of the task, by default that of the folder."""
    test: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Grids: pairs for the test, by default a share of SOURCE."""
    test_share: float = 0.1
    """Grids: share of the pairs for the test; groups are never split."""
    symmetries: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME …")] = ()
    """Grids: changes of both grids that keep a right answer right: dihedral, rotate, flip-h, flip-v, transpose,
    symbols:abc (the symbols a, b, c change places)."""
    scopes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME …")] = ()
    """Grids: sets of cells that rules refer to: rows, columns, blocks-2x3, around (neighbours), all, or map:LETTERS
    with a letter per cell. With symbols that change places, the model then treats them alike."""
    checker: Annotated[str | None, tyro.conf.arg(metavar="MODULE:FUNCTION")] = None
    """Grids: a function (question, answer) of lists of rows, in a file of the current folder, that returns whether the
    answer is right."""
    alphabet: Annotated[str | None, tyro.conf.arg(metavar="SYMBOLS")] = None
    """Grids: all symbols, together or separated by commas; by default those found in the pairs."""
    blank: Annotated[str | None, tyro.conf.arg(metavar="SYMBOL")] = None
    """Grids: the symbol of cells to fill in; by default found, if answers never hold it and keep all other cells."""
    shape: Annotated[str | None, tyro.conf.arg(metavar="HxW")] = None
    """Grids: rows and columns that grids written in a single row are folded into, such as 3x3."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Grids: maximum number of pairs of SOURCE, taken from the start."""
    allow_contradictions: bool = False
    """Grids: keeps questions with several different answers."""

    concept: Annotated[str | None, tyro.conf.arg(metavar="PATH")] = None
    """ARC: more tasks for training, ConceptARC in the published recipes."""
    views: int = 1000
    """ARC: augmentations of each task besides itself."""
    canvas: int = 30
    """ARC: rows and columns of the canvas; if all grids are small, a smaller one is faster."""
    skip_larger: bool = False
    """ARC: leaves out tasks with a grid larger than the canvas."""
    allow_leaks: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TASK …")] = ()
    """ARC: evaluation tasks whose test pairs may be in training; all for all of them."""


NAMED = ("arc1", "arc2")

# Options for one kind of source alone.
ONLY = {
    "grids": (
        *("name", "test", "test_share", "symmetries", "scopes", "checker"),
        *("alphabet", "blank", "shape", "limit", "allow_contradictions"),
    ),
    "arc": ("concept", "views", "canvas", "skip_larger", "allow_leaks"),
}


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="data build", description=DESCRIPTION)
    kind = args.kind if args.kind != "auto" else "arc" if _is_arc(args.source) else "grids"
    other = "grids" if kind == "arc" else "arc"
    plain = Arguments(source=args.source, output=args.output)
    if wrong := [option for option in ONLY[other] if getattr(args, option) != getattr(plain, option)]:
        raise ConfigError(
            f"--{wrong[0].replace('_', '-')} is for {other}, but {args.source} is read as {kind} (--kind)"
        )
    require_options(args, "seed", least=0)
    try:
        lines = _arc(args) if kind == "arc" else _grids(args)
    except DataError as error:
        if args.kind == "auto" and kind == "grids" and _holds_tasks(args.source):
            raise DataError(f"{args.source}: holds ARC tasks, not pairs; build them with --kind arc") from error
        raise
    print("\n".join([*lines, f"wrote {args.output}; train on it with: redraft train {_training(args)}"]))
    return 0


def _is_arc(source: str) -> bool:
    from redraft.tasks.arc.folders import looks_like_tasks

    return source.split("/")[0] in NAMED or looks_like_tasks(source)


def _holds_tasks(source: str) -> bool:
    """Whether a source can be read as tasks."""
    from redraft.tasks.arc.files import read_tasks

    try:
        return bool(read_tasks(source))
    except DataError:
        return False


def _training(args: Arguments) -> str:
    """The arguments of `redraft train` for the folder built."""
    from redraft.data.known import KNOWN

    folder, named = shlex.quote(str(args.output)), args.source.split("/")[0]
    recipes = {recipe for known in KNOWN for recipe in known.recipes}
    own = named if args.canvas == Arguments.canvas else f"{named}-{args.canvas}x{args.canvas}"
    if named in NAMED and args.kind != "grids" and own in recipes:
        return f"{own} --data.train {folder} --data.test {folder}"
    return f"./{folder}" if str(args.output) in recipes else folder  # a recipe of that name would come first


def _grids(args: Arguments) -> list[str]:
    from redraft.data.grids import build_grids

    options = {name: getattr(args, name) for name in ONLY["grids"]}
    options["alphabet"] = None if args.alphabet is None else _symbols(args.alphabet)
    options["shape"] = None if args.shape is None else _shape(args.shape)
    source = Path(args.source)
    return build_grids(source, args.output, seed=args.seed, report=_report, **options).lines()


def _report(stage: str) -> None:
    print(f"{stage} …", file=sys.stderr, flush=True)


def _shape(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)[x,]([1-9]\d*)", text.replace(" ", "").replace("×", "x"))
    if found is None:
        raise ConfigError(f"--shape: expected rows and columns such as 3x3, got {text!r}")
    return int(found[1]), int(found[2])


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",")) if "," in text else tuple(text)


def _arc(args: Arguments) -> list[str]:
    from redraft.data.arc import build_arc
    from redraft.data.arc_leaks import OWN_LEAKS
    from redraft.data.build import answered
    from redraft.tasks.arc.folders import CHALLENGES, left_out

    require_options(args, "views", least=0)
    stores = build_arc(
        args.source,
        args.output,
        concept=args.concept,
        count=args.views,
        seed=args.seed,
        allow=(*OWN_LEAKS, *args.allow_leaks),
        side=args.canvas,
        skip_larger=args.skip_larger,
    )
    for unread in left_out(args.source):
        name = shlex.quote(str(unread).removesuffix(CHALLENGES))
        print(
            f"redraft data build: left out {unread}, the competition's test set; for a submission build it alone: "
            f"redraft data build {name} --kind arc --concept {shlex.quote(args.source)} -o FOLDER",
            file=sys.stderr,
        )
    lines = [
        f"{split}: {len(store):,} pairs of {int(store.groups.max(initial=-1)) + 1:,} tasks, "
        f"{store.num_puzzle_ids:,} puzzle ids"
        for split, store in stores.items()
    ]
    if not answered(stores["test"]):
        lines.append("no output of the test is known: training reports no accuracy; vote for a submission")
    return lines
