"""Names: those of tasks, and code named as `module:NAME`, imported and checked before it is called.

Before a name from a file is used, `trust.py` requires consent; a command line or a caller consents by naming.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any, TypeVar

from redraft.errors import ConfigError, RedraftError

VERSION = re.compile(r"-v(\d+)$")  # of the generator, at the end of a task's id
_USUAL = ("sudoku-9x9", "maze-8x8", "futoshiki-4x4", "sokoban-6x6", "roster-5x7")
USUAL = {name.partition("-")[0]: name for name in _USUAL}  # the task that a kind of puzzle means without a size
NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
T = TypeVar("T")


def known(table: Mapping[str, T], name: str, *, what: str) -> T:
    """The entry of that name in a table that a user may extend by `module:NAME`; raises ConfigError."""
    if name not in table:
        raise ConfigError(f"unknown {what} {name!r}; known: {', '.join(table)}, or your own as module:NAME")
    return table[name]


def unversioned(task: Any) -> Any:
    """The `Task.spec` of a task, which an id may name: all versions have the same rules and tokens."""
    return VERSION.sub("", task) if isinstance(task, str) else task


def named(path: str, *, what: str) -> Any:
    """The object that `module:NAME` names; its module is imported, if need be from the current folder.

    Raises ConfigError, with `what` was expected, if there is none or the module raises an exception, and for modules
    of Python itself, which are not even imported.
    """
    module, _, name = path.partition(":")
    if not NAME.fullmatch(path):
        raise ConfigError(f"{path}: expected {what} as module:NAME")
    if (top := module.partition(".")[0]) in sys.stdlib_module_names:
        raise ConfigError(
            f"{path}: expected {what} as module:NAME; {top} is a module of Python itself, which has none "
            "(rename a file of yours of that name)"
        )
    try:
        with _current_folder():
            found = importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{path}: expected {what} as module:NAME ({error})") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}: its module cannot be imported: it raised {_raised(error)}") from error
    try:
        return getattr(found, name)
    except AttributeError:
        where = getattr(found, "__file__", None) or "of no file"
        raise ConfigError(f"{path}: expected {what} as module:NAME (module {module}, {where}, has no {name})") from None


def made(path: str, kind: type, *, what: str, expected: str, functions: bool = True, **arguments: Any) -> Any:
    """The instance of `kind` that `module:NAME` names, or that the class or function there makes of the arguments.

    Only two kinds of objects are called: a subclass of `kind` and, with `functions`, a function written in Python that
    takes these arguments and does not declare another return type. Raises ConfigError, with what was `expected`.
    """
    found = named(path, what=what)
    if isinstance(found, kind):
        return found
    if not ((functions or isinstance(found, type)) and _makes(found, kind, arguments)):
        raise ConfigError(f"{path}: expected {expected}, got {_described(found)}")
    try:
        with _current_folder():
            result = found(**arguments)
    except RedraftError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}: expected {expected}; called, it raised {_raised(error)}") from error
    if not isinstance(result, kind):
        raise ConfigError(f"{path}: expected {expected}; called, it returned {_described(result)}")
    return result


def function(path: str, *parameters: str, what: str) -> Callable[..., Any]:
    """The function of these parameters, in their order, that `module:NAME` names, or an object called like one.

    Raises ConfigError for classes, code not written in Python, and other parameters.
    """
    found = named(path, what=what)
    called = getattr(type(found), "__call__", None)  # noqa: B004 (not whether it is there, but what it is)
    if not (_written_in_python(found) or _written_in_python(called)):
        raise ConfigError(f"{path}: expected {what}, got {_described(found)}")
    if not _takes(found, *parameters):
        raise ConfigError(f"{path}: expected {what} as a function of {', '.join(parameters)}")
    callable_: Callable[..., Any] = found
    return callable_


def origin(path: str) -> str | None:
    """The file or folders that the module of `module:NAME` would be imported from, if any. Runs nothing."""
    top = path.partition(":")[0].partition(".")[0]
    places: list[str] = []
    with _current_folder(), suppress(ImportError, ValueError, AttributeError):
        if found := importlib.util.find_spec(top):  # of a namespace package all folders, which it looks up anew here
            places = [found.origin] if found.origin else list(found.submodule_search_locations or ())
    return os.pathsep.join(map(os.path.realpath, places)) or None


@contextmanager
def _current_folder() -> Iterator[None]:
    """Within it modules are also found in the current folder: last, so that its files hide no installed module."""
    try:
        here = os.getcwd()
    except OSError:  # it was deleted
        here = ""
    if not here or here in sys.path:
        yield
        return
    sys.path.append(here)
    importlib.invalidate_caches()  # of files that were written just now
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(here)


def _makes(found: Any, kind: type, arguments: dict[str, Any]) -> bool:
    """Whether an object makes an instance of `kind` of the arguments, as far as is known without calling it."""
    if isinstance(found, type):
        return issubclass(found, kind) and _takes(found, **arguments)
    if not _written_in_python(found) or not _takes(found, **arguments):
        return False
    try:
        declared = typing.get_type_hints(inspect.unwrap(found)).get("return")
    except Exception:  # none, or one that only a type checker can resolve
        return True
    return not isinstance(declared, type) or issubclass(declared, kind)


def _written_in_python(found: Any) -> bool:
    """Whether it is a function written in Python (unlike `os.abort`), maybe wrapped or with arguments filled in."""
    if isinstance(found, partial):
        return _written_in_python(found.func)
    with suppress(ValueError):  # wrapped in a circle
        return isinstance(inspect.unwrap(found), FunctionType | MethodType)
    return False


def _takes(found: Any, *positional: Any, **by_name: Any) -> bool:
    """Whether it takes these arguments; True if its signature is not known."""
    try:
        inspect.signature(found).bind(*positional, **by_name)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _described(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__


def _raised(error: BaseException) -> str:
    """An exception of a user's code, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    own = [frame for frame in last if not frame.filename.startswith("<")]  # a SyntaxError names its place itself
    return f"{type(error).__name__}: {error}" + "".join(f" ({frame.filename}, line {frame.lineno})" for frame in own)
