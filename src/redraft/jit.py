"""Functions compiled by Numba, whose cache on disk may be damaged, full, absent, or written by other processes."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any


def jit(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function, compiled by Numba when it is called and cached on disk where that is possible.

    `options` are those of `numba.njit`. Raises ImportError where Numba is not installed.
    """
    compiled = import_module("numba").njit(**options)(function)
    # RuntimeError: there is no place to write; the others: another version of Numba caches kernels otherwise
    with suppress(RuntimeError, OSError, ImportError, AttributeError, TypeError):
        compiled._cache = _Cache(function)
    return compiled


@cache
def compile_kernel(kernel: Callable[..., Any], *calls: Callable[..., Any]) -> Callable[..., Any] | None:
    """The kernel compiled by `jit`; None without Numba, where the same lines run interpreted.

    `calls`: kernels of the same module that it calls, which are compiled too.
    """
    if calls:
        compiled = {called.__name__: compile_kernel(called) for called in calls}
        kernel = FunctionType(kernel.__code__, {**kernel.__globals__, **compiled}, kernel.__name__)
    try:
        return jit(kernel, nogil=True)
    except ImportError:
        return None


class _Cache:
    """Stands for Numba's own cache: where that fails, a kernel is compiled as if it had not been cached."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._numba = import_module("numba.core.caching").FunctionCache(function)
        impl = self._numba._impl
        stamp = impl.locator.get_source_stamp()
        self._numba._cache_file = _checked_file()(self._numba.cache_path, impl.filename_base, stamp)
        self.cache_path = self._numba.cache_path

    def flush(self) -> None:
        with suppress(OSError):
            self._numba.flush()

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            return self._numba.load_overload(signature, target)
        except Exception:  # a damaged file can raise anything
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with suppress(Exception):
            try:
                self._numba.save_overload(signature, compiled)
            except Exception:  # for instance a damaged index: start a new one
                self._numba.flush()
                self._numba.save_overload(signature, compiled)


@cache
def _checked_file() -> type[Any]:
    caching = import_module("numba.core.caching")

    class CheckedFile(caching.IndexDataCacheFile):  # type: ignore[misc, name-defined]
        """A cache whose files name their code and arguments, and carry a checksum.

        Numba writes its index and the files named there one after the other, so two processes may mix theirs up.
        """

        def save(self, key: Any, data: Any) -> None:
            super().save(key, (self._source_stamp, key, data))

        def load(self, key: Any) -> Any:
            stamp, kept, data = super().load(key) or (None, None, None)
            return data if (stamp, kept) == (self._source_stamp, key) else None

        def _save_data(self, name: str, data: Any) -> None:
            content = self._dump(data)
            with self._open_for_write(self._data_path(name)) as file:
                file.write(hashlib.sha256(content).digest() + content)

        def _load_data(self, name: str) -> Any:
            content = Path(self._data_path(name)).read_bytes()
            if hashlib.sha256(content[32:]).digest() != content[:32]:
                raise ValueError(f"{name}: damaged")
            return pickle.loads(content[32:])

    return CheckedFile
