"""`redraft data`: what data there is, what a folder of it holds, and the published layout in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from redraft.commands.arguments import Trusted, parse, require_options
from redraft.commands.group import Group
from redraft.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.table import Table

    from redraft.data.known import Known
    from redraft.data.store import Store

A = TypeVar("A")

DESCRIPTIONS = {
    "list": "Lists the data that is known: where it comes from, its licence and size, and who trains on it.",
    "build": "Builds a folder of stores from a source, for training and test.",
    "show": "Shows what a folder of stores holds.",
    "import": "Turns a data folder of the published HRM and TRM code into a folder of stores.",
    "export": "Writes a folder of stores as the published HRM and TRM code reads it.",
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
    """Whose examples they are; by default the known task with as many cells and tokens."""


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


def _list(args: ListArguments) -> None:
    from redraft import terminal
    from redraft.data.known import KNOWN

    if args.json:
        print(json.dumps([asdict(known) for known in KNOWN], indent=2))
        return
    console = terminal.console()
    if console.is_terminal:
        terminal.print_table(_table(KNOWN), console)
        return
    for row in (("name", *_COLUMNS, "source", "recipes"), *_rows(KNOWN)):
        print("\t".join(row))


_COLUMNS = ("task", "rows", "size", "licence")


def _rows(known: Sequence[Known]) -> Iterator[tuple[str, ...]]:
    """Name, columns, source and recipes of each."""
    for each in known:
        size = f"{each.megabytes:g} MB" if each.megabytes else ""
        yield each.name, each.task, each.rows, size, each.licence, each.source, ", ".join(each.recipes)


def _table(known: Sequence[Known]) -> Table:
    """A table for a terminal; source and recipes stand below the name, so that it fits 80 columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("data", *_COLUMNS):
        table.add_column(title)
    for name, *columns, source, recipes in _rows(known):
        below = f"\n{source}" + (f"\nrecipes: {recipes}" if recipes else "")
        table.add_row(Text.assemble((name, "bold"), (below, "dim")), *columns)
    return table


def _show(args: ShowArguments) -> None:
    stores = open_stores(args.data)
    facts = {split: describe(store, folder) for split, (folder, store) in stores.items()}
    if args.json:
        print(json.dumps(facts, indent=2))
        return
    for split, values in facts.items():
        print(split)
        for name, text in _in_words(values):
            print(f"  {name:<10}  {text}")


def _import(args: ImportArguments) -> None:
    from redraft.data.published import import_to, open_splits
    from redraft.progress import progress

    rows = sum(map(len, open_splits(args.folder, task=args.task).values()))
    with progress("importing", rows) as report:
        stores = import_to(args.folder, args.output, task=args.task, report=report)
    held = ", ".join(f"{split} {len(store):,} rows" for split, store in stores.items())
    print(f"wrote {args.output}: {_called(next(iter(stores.values())))}, {held}")


def _export(args: ExportArguments) -> None:
    from redraft.contents import read_json
    from redraft.data.export import export_published, exported_rows
    from redraft.data.published import TEST_PUZZLES, read_identifiers
    from redraft.progress import progress

    require_options(args, "views")
    require_options(args, "seed", least=0)
    stores = {split: store for split, (_, store) in open_stores(args.data).items()}
    if args.views is not None and all(store.views is None for store in stores.values()):
        raise ConfigError(f"--views: {args.data} holds no augmentations; the option is for ARC data that redraft built")
    puzzles = args.data / TEST_PUZZLES
    rows = {split: exported_rows(store, args.views) for split, store in stores.items()}
    with progress("exporting", sum(rows.values())) as report:
        export_published(
            stores,
            args.output,
            identifiers=read_identifiers(args.data),
            test_puzzles=read_json(puzzles, DataError) if puzzles.exists() else None,
            views=args.views,
            seed=args.seed,
            report=report,
        )
    held = ", ".join(f"{split} {count:,} rows" for split, count in rows.items())
    print(f"wrote {args.output}: {_called(next(iter(stores.values())))}, {held}")


def run_list(arguments: list[str]) -> int:
    return _run("list", ListArguments, _list, arguments)


def run_show(arguments: list[str]) -> int:
    return _run("show", ShowArguments, _show, arguments)


def run_import(arguments: list[str]) -> int:
    return _run("import", ImportArguments, _import, arguments)


def run_export(arguments: list[str]) -> int:
    return _run("export", ExportArguments, _export, arguments)


def _run(name: str, kind: type[A], action: Callable[[A], None], arguments: list[str]) -> int:
    action(parse(kind, arguments, command=f"data {name}", description=DESCRIPTIONS[name]))
    return 0


run = Group(
    "data",
    {
        name: ("redraft.commands.data_build:run" if name == "build" else f"redraft.commands.data:run_{name}", what)
        for name, what in DESCRIPTIONS.items()
    },
).run


def open_stores(data: Path) -> dict[str, tuple[Path, Store]]:
    """Folder and store of each split of a folder, or of the one store it is; raises DataError."""
    from redraft.data.published import META, SPLITS
    from redraft.data.store import Store, is_store

    if is_store(data):
        folders = {"test" if data.name == "test" else "train": data}
    else:
        folders = {split: data / split for split in SPLITS if is_store(data / split)}
    if not folders:
        if any((data / split / META).exists() for split in SPLITS):
            raise DataError(f"{data}: is in the published layout; first redraft data import {data} -o FOLDER")
        raise DataError(f"{data}: expected a store, or a folder with stores called train and test")
    return {split: (folder, Store.open(folder, mmap=True)) for split, folder in folders.items()}


def describe(store: Store, folder: Path) -> dict[str, Any]:
    """What a store holds, as values for JSON: numbers of what there is, its size in bytes, None for what it has not."""
    import numpy as np

    rated = store.ratings[~np.isnan(store.ratings)]
    return {
        "task": _called(store),
        "rows": len(store),
        "groups": int(store.groups.max(initial=-1)) + 1,
        "puzzles": int(store.puzzles.max(initial=-1)) + 1,
        "cells": store.inputs.shape[1],
        "puzzle_ids": store.num_puzzle_ids,
        "views": None if store.views is None else len(store.views),
        "ratings": {name: float(getattr(rated, name)()) for name in ("min", "mean", "max")} if len(rated) else None,
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "source": store.source,
    }


def _in_words(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each fact for people to read."""
    for name, value in facts.items():
        if name == "ratings" and value is not None:
            yield name, f"{value['min']:g} to {value['max']:g}, mean {value['mean']:.3g}"
        elif name == "bytes":
            yield "on disk", f"{value / 1e6:,.2f} MB"
        elif value is not None:
            yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value


def _called(store: Store) -> str:
    return store.task if isinstance(store.task, str) else str(store.task.get("name", store.task.get("kind")))
