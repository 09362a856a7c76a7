"""A model's step as an ONNX graph that runs without PyTorch, in float32 or 8-bit integers."""

from __future__ import annotations

from importlib.util import find_spec

from redraft.calling import make_callable
from redraft.errors import ConfigError

make_callable(__name__)

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_export() -> None:
    """Raises ConfigError where a package is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"export needs {' and '.join(missing)}: pip install 'redraft[export]'")
