"""The check that weights are finite numbers, for every format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from redraft.errors import WeightsError


def require_finite(tensors: Mapping[str, Any], where: str) -> None:
    """Raises WeightsError naming the tensors, PyTorch's or NumPy's, that hold NaN or an infinite number.

    A minimum and a maximum are enough: NaN goes through both. `where` begins the message.
    """
    bad = [name for name, tensor in tensors.items() if not _finite(tensor)]
    if bad:
        named = f"tensor{'s' if len(bad) > 1 else ''} {', '.join(bad[:5])}{', …' if len(bad) > 5 else ''}"
        raise WeightsError(
            f"{where}: NaN or infinite numbers in {named}: the training diverged, or the file is damaged; "
            "use weights from before"
        )


def _finite(tensor: Any) -> bool:
    if not math.prod(tensor.shape):
        return True
    return math.isfinite(float(tensor.min())) and math.isfinite(float(tensor.max()))
