"""`module:NAME`: what is imported, from where, and what is called."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redraft.errors import ConfigError, DataError
from redraft.naming import function, made, named, origin

SOURCE = """
from __future__ import annotations
import sys
from functools import cache, partial, wraps
from redraft.errors import DataError
{imports}

class Kind: ...
class Sub(Kind): ...
class Needs(Kind):
    def __init__(self, what): ...
class Other: ...

instance = Sub()
other = Other()
number = 3

def plain(): return Sub()
def declared() -> Sub: return Sub()
def unresolved() -> Missing: return Sub()
@cache
def cached(): return Sub()
filled = partial(lambda what: Sub(), 1)
def wrong(): return 3
def of_another_kind() -> int: raise AssertionError("was called")
def needs(what): raise AssertionError("was called")
def ends(): raise SystemExit(0)
def fails(): return 1 / 0
def refuses(): raise DataError("no such file")
def late(): import beside; return Sub()
native = "".upper

def check(question, answer): return True
def loose(*anything): return True
def keyword(question, *, answer): return True
class Called:
    def __call__(self, question, answer): return True
called = Called()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Writes a module of the current folder; gives its name."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(source: str = SOURCE.format(imports=""), name: str = "own_module") -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def kind(module: str) -> Any:
    return named(f"{module}:Kind", what="a kind")


@pytest.mark.parametrize(
    "name", ["instance", "Sub", "Kind", "plain", "declared", "unresolved", "cached", "filled", "late"]
)
def test_what_makes_one(module: Callable[..., str], name: str) -> None:
    module("", name="beside")
    own = module()
    found = made(f"{own}:{name}", kind(own), what="a kind", expected="a Kind")
    assert isinstance(found, kind(own))


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("other", "Other"),
        ("Other", "class Other"),
        ("Needs", "class Needs"),
        ("number", "int"),
        ("native", "builtin_function_or_method"),
        ("of_another_kind", "function"),
        ("needs", "function"),
        ("wrong", "int"),
        ("ends", r"SystemExit: 0 \(.*own_module\.py, line \d+\)"),
        ("fails", r"ZeroDivisionError: division by zero \(.*own_module\.py, line \d+\)"),
    ],
)
def test_what_makes_none(module: Callable[..., str], name: str, got: str) -> None:
    own = module()
    with pytest.raises(ConfigError, match=rf"^own_module:{name}: .*a Kind.* {got}$"):
        made(f"{own}:{name}", kind(own), what="a kind", expected="a Kind")


def test_where_functions_make_none(module: Callable[..., str]) -> None:
    own = module()
    with pytest.raises(ConfigError, match=r"a subclass of Kind.* function"):
        made(f"{own}:declared", kind(own), what="a kind", expected="a subclass of Kind", functions=False)
    made(f"{own}:Sub", kind(own), what="a kind", expected="a subclass of Kind", functions=False)


def test_an_error_of_ours_is_passed_on(module: Callable[..., str]) -> None:
    own = module()
    with pytest.raises(DataError, match=r"^no such file$"):
        made(f"{own}:refuses", kind(own), what="a kind", expected="a Kind")


@pytest.mark.parametrize("name", ["check", "loose", "called"])
def test_functions(module: Callable[..., str], name: str) -> None:
    assert function(f"{module()}:{name}", "question", "answer", what="a judge")(1, 2) is True


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("keyword", "question, answer"),
        ("plain", "question, answer"),
        ("Needs", "class Needs"),
        ("native", "builtin_function_or_method"),
        ("number", "int"),
    ],
)
def test_no_functions(module: Callable[..., str], name: str, got: str) -> None:
    with pytest.raises(ConfigError, match=rf"^own_module:{name}: .*a judge.* {got}$"):
        function(f"{module()}:{name}", "question", "answer", what="a judge")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise SystemExit(0)", r"SystemExit: 0 \(.*own_module\.py, line 1\)"),
        ("x = [\n", r"SyntaxError: .*\(own_module\.py, line 1\)"),
        ("import nothing_of_that_name", "a kind .*module:NAME.*'nothing_of_that_name'"),
        ("\0", ""),
        ("", r"a kind .*module:NAME.*own_module, .*own_module\.py, .*Kind"),
    ],
)
def test_modules_that_are_none(module: Callable[..., str], source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^own_module:Kind: .*{message}"):
        kind(module(source))


@pytest.mark.parametrize("name", ["os:abort", "os.path:join", "sys:exit", "builtins:exec", "this:s", "antigravity:x"])
def test_nothing_of_python_itself(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(
        ConfigError, match=rf"^{name}: .*a task.*module:NAME.* {name.split('.')[0].split(':')[0]} .*Python"
    ):
        named(name, what="a task")
    assert set(sys.modules) == before, "it is not even imported"


@pytest.mark.parametrize("name", [":", "a", "a:", ":b", "a:b:c", "a b:c", "a:b c", "a..b:c", "../a:b", "1a:b", "a:b\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"a task .*module:NAME[^']*$"):
        named(name, what="a task")


def test_the_path_is_left_as_it_was(module: Callable[..., str]) -> None:
    before = list(sys.path)
    own = module()
    made(f"{own}:plain", kind(own), what="a kind", expected="a Kind")
    with pytest.raises(ConfigError):
        named("nowhere_at_all:x", what="a kind")
    assert sys.path == before


def test_files_of_the_current_folder_hide_nothing(module: Callable[..., str], tmp_path: Path) -> None:
    """The module named is found there, but not what it or redraft import that is installed."""
    module("raise SystemExit('hidden')", name="numpy")
    module("raise SystemExit('hidden')", name="colorsys")
    sys.modules.pop("colorsys", None)
    own = module(SOURCE.format(imports="import colorsys"))
    assert kind(own).__name__ == "Kind"
    assert sys.modules["colorsys"].__file__ != str(tmp_path / "colorsys.py")
    assert origin("numpy:x") != str(tmp_path / "numpy.py")


def test_origin(module: Callable[..., str], tmp_path: Path) -> None:
    module("raise SystemExit", name="never_imported")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("raise SystemExit")
    assert origin("never_imported:x") == str(tmp_path / "never_imported.py")
    assert origin("package.deep.inside:x") == str(tmp_path / "package/__init__.py")
    assert origin("nowhere_at_all:x") is None and origin("") is None
