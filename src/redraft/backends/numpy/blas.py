"""Keeps NumPy's matrix products on one thread, for those of a tiny model are too small to share.

OpenBLAS shares them nevertheless, and its threads wait for one another by spinning: on a machine with other work to do
that made a step hundreds of times slower.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, the OpenBLAS that comes in NumPy's wheels uses one thread; any other library is left as it is."""
    found = _threads_of_openblas()
    if found is None:
        yield
        return
    get, put = found
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)


@cache
def _threads_of_openblas() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """What tells and what sets its number of threads, None where NumPy was built with something else."""
    package = Path(np.__file__).parent
    for folder in (package.with_name("numpy.libs"), package / ".dylibs"):
        for file in folder.glob("*openblas*"):
            try:
                library = ctypes.CDLL(str(file))  # loaded already: the same one
            except OSError:
                continue
            for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
                get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
                if get is not None and put is not None:
                    return get, put
    return None
