"""Imports go one way, every module says what it is for, and none outgrows the head."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "redraft"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 360
BUDGET = 35_460  # lines of Python in the wheel
MOST_FILES = 12  # of a folder, its __init__.py not counted; with more it says why
CROWDED = {
    ".": "foundations, each of which everything may import",
    "commands": "a file per command",
    "train": "each part of a training step, and what surrounds it: the run's folder, signals, processes, timed steps",
}

# What everyone may import, and what these may import of one another.
FOUNDATION: dict[str, tuple[str, ...]] = {
    "errors": (),
    "arrays": ("contents", "errors"),
    "config": ("errors",),
    "contents": ("errors",),
    "files": ("errors",),
    "formats": (),
    "locks": (),
    "streams": ("errors",),
    "terminal": (),
    "jit": (),
    "naming": ("errors",),
    "trust": ("contents", "errors", "files", "naming"),
    "scopes": ("errors",),
    "hardware": (),
    "hub": ("errors",),
    "calling": (),  # and `api`, by its name, once something is called
}
# What each other part may import besides itself and the foundation; "" is the package itself, for its version.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "stats": (),
    "plotting": (),
    "device": (),
    "machine": ("device", ""),
    "kernels": (),
    "core": ("kernels.ops",),
    "tasks": (),
    "draw": ("tasks",),
    "models": ("core", "kernels"),
    "weights": ("core", "models"),
    "data": ("tasks",),
    "backends": ("core.carry", "kernels.threads", "models", "weights.format"),
    "solve": ("tasks", "draw", "kernels.int8", "models", "weights", "backends", "device"),
    "train": ("tasks", "data", "core.carry", "kernels.threads", "models", "weights", "device"),
    "recipes": ("train.config", "train.losses", "models", "tasks", "data"),
    "progress": (),
    "evaluate": (
        *("tasks", "data", "models", "weights", "backends", "solve", "train.config", "stats", "plotting", "progress"),
    ),
    "arc": ("tasks", "data", "models", "backends", "weights", "progress"),
    "run": ("tasks", "data", "weights", "solve", "train", "evaluate", "device", "plotting"),
    "export": ("tasks", "data", "core", "models", "weights", "backends", "solve", ""),
    "inspect": (
        *("tasks", "data", "core", "models", "weights", "draw", "solve", "evaluate.ids", "device", "progress"),
    ),
    "compare": (
        *("tasks", "data", "models", "weights", "backends", "solve", "evaluate", "arc", "device", "stats", "plotting"),
        *("progress",),
    ),
    "ablate": (
        *("tasks", "data", "core", "models", "weights", "solve", "run", "evaluate", "train", "recipes", "device"),
        *("machine", "stats", "plotting"),
    ),
    "bench": (
        *("tasks", "data", "kernels.int8", "models", "weights", "backends", "solve", "export", "train", "recipes"),
        "machine",
    ),
    "serve": ("tasks", "weights", "backends", "solve", "api", ""),
    "commands": (
        *("tasks", "draw", "data", "core", "models", "weights", "backends", "solve", "evaluate", "arc", "inspect"),
        *("compare", "train", "recipes", "ablate", "export", "bench", "device", "machine", "stats", "plotting"),
        *("kernels.cpu", "kernels.ops", "api", "run", "progress", "serve", ""),
    ),
    "api": ("tasks", "weights", "train", "recipes", "run", "evaluate", "compare", "inspect", "export", "progress"),
    "cli": ("commands.group", ""),  # commands only by the names in its table
    "__main__": ("cli",),
    "": ("api",),  # and where its names are, imported on first use
}

# Third-party packages that a part must do without.
NEVER: dict[str, tuple[str, ...]] = {
    "": (),
    "calling": ("torch", "numpy", "tyro", "rich"),
    "tasks": ("torch", "safetensors", "tyro"),
    "data": ("torch", "safetensors", "tyro"),
    "errors": ("torch", "numpy", "tyro", "rich"),
    "config": ("torch", "numpy", "tyro", "rich"),
    "contents": ("torch", "numpy", "tyro", "rich"),
    "files": ("torch", "numpy", "tyro", "rich"),
    "naming": ("torch", "numpy", "tyro", "rich"),
    "trust": ("torch", "numpy", "tyro", "rich"),
    "locks": ("torch", "numpy", "tyro", "rich"),
    "streams": ("torch", "numpy", "tyro", "rich"),
    "terminal": ("torch", "numpy", "tyro"),
    "jit": ("torch", "numpy", "tyro", "rich"),
    "weights": ("tyro", "rich"),
    "backends": ("tyro", "rich"),
    "draw": ("torch", "tyro", "rich", "PIL"),
    "draw.pixels": ("torch", "tyro", "rich"),
    "draw.terminal": ("torch", "tyro", "PIL"),
    "stats": ("torch", "tyro", "rich"),
    "plotting": ("torch", "tyro"),
    "cli": ("torch", "numpy", "tyro", "rich"),
    "core": ("numpy", "numba", "triton", "tyro", "rich", "safetensors"),
    "kernels": ("numpy", "tyro", "rich", "safetensors"),
    **{
        f"kernels.{name}": ("tyro", "rich", "safetensors")  # Numba's numbers are those of NumPy
        for name in ("cpu_numba", "pooling_numba", "amx_numba", "lanes")
    },
    "models": ("numpy", "tyro", "rich"),
    **dict.fromkeys(("models.config", "weights.format", "train.config", "recipes"), ("torch", "tyro", "rich")),
    "solve": ("tyro", "rich"),
    "serve": ("torch", "tyro", "rich"),
    "export": ("tyro", "rich"),
    "compare.llm": ("torch", "tyro"),
    "train": ("tyro",),
}


def module_of(file: Path) -> str:
    """`solve.load` of src/redraft/solve/load.py, `solve` of its __init__.py, and "" of the package's own."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file) for file in FILES}


def begins(module: str, part: str) -> bool:
    return module == part or (bool(part) and module.startswith(part + "."))


def entry_of(module: str) -> str:
    return next(part for part in (*FOUNDATION, *MAY_IMPORT) if begins(module, part))


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Full names of modules that a file imports, inside functions too, but not under `if TYPE_CHECKING`."""
    tree = ast.parse(file.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}, line {node.lineno}: relative import; write redraft.…"
            for alias in node.names:  # `from redraft.solve import load` may name a module
                full = f"{node.module}.{alias.name}"
                is_module = full.startswith("redraft.") and full.removeprefix("redraft.") in MODULES
                yield full if is_module else str(node.module), node.lineno


def test_every_part_has_an_entry() -> None:
    parts = {module_of(file).split(".")[0] for file in FILES}
    without = sorted(parts - set(FOUNDATION) - set(MAY_IMPORT))
    assert not without, f"say in MAY_IMPORT what these may import: {', '.join(without)}"


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(SOURCE)) for file in FILES])
def test_imports_go_one_way(file: Path) -> None:
    module = module_of(file)
    entry = entry_of(module)
    allowed = FOUNDATION[entry] if entry in FOUNDATION else (*MAY_IMPORT[entry], *FOUNDATION)
    where = f"src/redraft/{file.relative_to(SOURCE)}"
    for name, line in imports(file):
        if name != "redraft" and not name.startswith("redraft."):
            top = name.split(".")[0]
            never = NEVER[max((part for part in NEVER if begins(module, part)), key=len, default="")]
            assert top not in never, f"{where}, line {line} imports {top}: {entry} does without it"
            continue
        target = name.removeprefix("redraft").removeprefix(".")
        fine = entry_of(target) == entry or any(begins(target, part) for part in allowed)
        names = ", ".join(part or "redraft" for part in allowed) or "nothing else of ours"
        assert fine, f"{where}, line {line} imports {name}: not allowed; {entry or 'redraft'} may import {names}"


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(SOURCE)) for file in FILES])
def test_files_say_what_they_are_for_and_fit_in_the_head(file: Path) -> None:
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{file.relative_to(SOURCE)}: has no docstring"
    assert len(text.splitlines()) <= MOST_LINES, f"{file.relative_to(SOURCE)}: more than {MOST_LINES} lines"


def test_no_file_is_imported_by_what_it_imports() -> None:
    """Files import one another in no circle, also within a folder."""
    imported = {
        module_of(file): {name[8:] for name, _ in imports(file) if name.startswith("redraft.")}
        & MODULES - {module_of(file)}
        for file in FILES
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle of imports: {' -> '.join((*way[way.index(module) :], module))}"
        if module not in done:
            for other in sorted(imported[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in imported:
        visit(module, ())


def test_a_class_name_means_one_thing() -> None:
    """Only the arguments of commands share a name, one for each file."""
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Arguments":
                places.setdefault(node.name, []).append(module_of(file))
    shared = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert not shared


def test_every_command_in_the_table_is_there() -> None:
    from redraft.cli import COMMANDS

    modules = {f"redraft.{module_of(file)}" for file in FILES}
    for module, _ in COMMANDS.values():
        assert module in modules


def test_the_package_stays_within_its_budget() -> None:
    """Lines of Python in the wheel, and files in a folder; the table by folder is printed where it fails."""
    folders: dict[str, list[int]] = {}
    for file in FILES:
        lines = len(file.read_text().splitlines())
        folders.setdefault(str(file.parent.relative_to(SOURCE)), []).append(lines)
    for folder, sizes in sorted(folders.items(), key=lambda pair: -sum(pair[1])):
        print(f"{sum(sizes):>6,} lines in {len(sizes):>2} files  {folder}")
    total = sum(map(sum, folders.values()))
    assert total <= BUDGET, f"{total:,} lines; delete some, or say in docs/decisions.md why the budget grows"
    crowded = {folder for folder, sizes in folders.items() if len(sizes) - 1 > MOST_FILES}
    assert crowded <= set(CROWDED), f"more than {MOST_FILES} files in {', '.join(sorted(crowded - set(CROWDED)))}"
