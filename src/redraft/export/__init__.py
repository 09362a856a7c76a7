"""A model's step for use without PyTorch: an ONNX graph, in float32 or 8-bit integers, or an ExecuTorch program."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

from redraft.calling import make_callable
from redraft.errors import ConfigError

make_callable(__name__)

Format = Literal["onnx", "executorch"]
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OF_EXTRA: dict[Format, tuple[str, tuple[str, ...]]] = {  # packages by format, with the extra that installs them
    "onnx": ("export", PACKAGES),
    "executorch": ("executorch", ("executorch",)),
}


def require_export(to: Format = "onnx") -> None:
    """Raises ConfigError for an unknown format, or where a package is missing."""
    if to not in OF_EXTRA:
        raise ConfigError(f"to: expected one of {', '.join(get_args(Format))}, got {to!r}")
    extra, packages = OF_EXTRA[to]
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(f"export needs {' and '.join(missing)}: pip install 'redraft[{extra}]'")
