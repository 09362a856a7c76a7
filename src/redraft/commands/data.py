"""`redraft data`: known data, the content of a folder, and import and export of the published layout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from redraft.commands.arguments import Trusted, parse, require_options
from redraft.commands.group import Group
from redraft.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.table import Table

    from redraft.data.known import Known

DESCRIPTIONS = {
    "list": "Lists known data: its origin, licence and size, and the recipes that train on it.",
    "build": "Builds a folder of stores from a source, for training and test.",
    "show": "Shows the content of a folder of stores.",
    "import": "Converts a data folder of the published HRM and TRM code to a folder of stores.",
    "export": "Converts a folder of stores to a data folder of the published HRM and TRM code.",
}


@dataclass(frozen=True, kw_only=True)
class ListArguments:
    json: bool = False
    """Prints JSON."""


@dataclass(frozen=True, kw_only=True)
class ShowArguments:
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATA")]
    """A folder with a store for each split, or one store."""
    json: bool = False
    """Prints JSON."""
    trust: Trusted = False


@dataclass(frozen=True, kw_only=True)
class ImportArguments:
    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """A published data folder, with train/dataset.json and arrays beside it."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")]
    """Folder to write."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """Task of the examples; by default the known task with as many cells and tokens."""


@dataclass(frozen=True, kw_only=True)
class ExportArguments:
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATA")]
    """A folder with a store for each split, or one store."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")]
    """Folder to write."""
    views: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Maximum number of augmentations of each ARC task, the task as it is first; by default all."""
    seed: int = 0
    """Seed of the places on the canvas that pairs of ARC tasks are moved to."""
    trust: Trusted = False


def run_list(arguments: list[str]) -> int:
    args = parse(ListArguments, arguments, command="data list", description=DESCRIPTIONS["list"])
    from redraft import terminal
    from redraft.data.known import KNOWN

    console = terminal.console()
    if args.json:
        print(json.dumps([asdict(known) for known in KNOWN], indent=2))
    elif console.is_terminal:
        terminal.print_table(_table(KNOWN), console)
    else:
        for row in (("name", *_COLUMNS, "source", "recipes"), *_rows(KNOWN)):
            print("\t".join(row))
    return 0


_COLUMNS = ("task", "rows", "size", "licence")


def _rows(known: Sequence[Known]) -> Iterator[tuple[str, ...]]:
    """Name, columns, source and recipes of each."""
    for each in known:
        size = f"{each.megabytes:g} MB" if each.megabytes else ""
        yield each.name, each.task, each.rows, size, each.licence, each.source, ", ".join(each.recipes)


def _table(known: Sequence[Known]) -> Table:
    """A table for a terminal of 80 columns, with source and recipes below the name."""
    from rich.table import Table
    from rich.text import Text

    table = Table("data", *_COLUMNS, box=None, header_style="bold", pad_edge=False)
    for name, *columns, source, recipes in _rows(known):
        below = f"\n{source}" + (f"\nrecipes: {recipes}" if recipes else "")
        table.add_row(Text.assemble((name, "bold"), (below, "dim")), *columns)
    return table


def run_show(arguments: list[str]) -> int:
    args = parse(ShowArguments, arguments, command="data show", description=DESCRIPTIONS["show"])
    from redraft.data.build import facts_of, open_stores

    facts = {split: facts_of(store, folder) for split, (folder, store) in open_stores(args.data).items()}
    if args.json:
        print(json.dumps(facts, indent=2))
        return 0
    for split, values in facts.items():
        print(split)
        for name, text in _as_text(values):
            print(f"  {name:<10}  {text}")
    return 0


def _as_text(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each fact for people to read."""
    for name, value in facts.items():
        if name == "ratings" and value is not None:
            yield name, f"{value['min']:g} to {value['max']:g}, mean {value['mean']:.3g}"
        elif name == "bytes":
            yield "on disk", f"{value / 1e6:,.2f} MB"
        elif value is not None:
            yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value


def run_import(arguments: list[str]) -> int:
    args = parse(ImportArguments, arguments, command="data import", description=DESCRIPTIONS["import"])
    from redraft.data.published import import_to, open_splits
    from redraft.data.store import called
    from redraft.progress import progress

    rows = sum(map(len, open_splits(args.folder, task=args.task).values()))
    with progress("importing", rows) as done:
        stores = import_to(args.folder, args.output, task=args.task, report=done)
    counts = ", ".join(f"{split} {len(store):,} rows" for split, store in stores.items())
    print(f"wrote {args.output}: {called(next(iter(stores.values())).task)}, {counts}")
    return 0


def run_export(arguments: list[str]) -> int:
    args = parse(ExportArguments, arguments, command="data export", description=DESCRIPTIONS["export"])
    from redraft.contents import read_json
    from redraft.data.build import open_stores
    from redraft.data.export import export_published, exported_rows
    from redraft.data.published import TEST_PUZZLES, read_identifiers
    from redraft.data.store import called
    from redraft.progress import progress

    require_options(args, "views")
    require_options(args, "seed", least=0)
    stores = {split: store for split, (_, store) in open_stores(args.data).items()}
    if args.views is not None and all(store.views is None for store in stores.values()):
        raise ConfigError(f"--views: {args.data} holds no augmentations; the option is for ARC data that redraft built")
    puzzles = args.data / TEST_PUZZLES
    rows = {split: exported_rows(store, args.views) for split, store in stores.items()}
    with progress("exporting", sum(rows.values())) as done:
        export_published(
            stores,
            args.output,
            identifiers=read_identifiers(args.data),
            test_puzzles=read_json(puzzles, DataError) if puzzles.exists() else None,
            views=args.views,
            seed=args.seed,
            report=done,
        )
    counts = ", ".join(f"{split} {count:,} rows" for split, count in rows.items())
    print(f"wrote {args.output}: {called(next(iter(stores.values())).task)}, {counts}")
    return 0


run = Group(
    "redraft data",
    {
        name: (
            "redraft.commands.data_build:run" if name == "build" else f"redraft.commands.data:run_{name}",
            description,
        )
        for name, description in DESCRIPTIONS.items()
    },
).run
