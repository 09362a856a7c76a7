"""Packages that can be called: `redraft.train(…)` is a function, and `redraft.train.loop` a module.

Functions of the public API share the names of packages, and Python makes a package an attribute of `redraft` as soon as
any of it is imported. So these packages forward a call to the function of their name in `redraft.api`, and show its
signature and help.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Signature, getdoc, signature
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    def _function(self) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(import_module("redraft.api"), self.__name__.rpartition(".")[2])
        return function

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> Signature:
        return signature(self._function())

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return getdoc(self._function())


def make_callable(package: str) -> None:
    """Makes an imported package callable."""
    sys.modules[package].__class__ = CallablePackage
