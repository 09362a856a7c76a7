"""Models, one file each: `MODELS` names their configurations, `build_model` builds one.

Configurations need no PyTorch; models, and `build_model`, are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redraft.config import from_dict
from redraft.errors import ConfigError, RedraftError
from redraft.models.config import (
    DirectConfig,
    EquivariantConfig,
    HRMConfig,
    LocalConfig,
    ModelConfig,
    TRMConfig,
    VariantConfig,
)
from redraft.naming import known, named

if TYPE_CHECKING:
    from redraft.models.base import Model, StepOutput
    from redraft.models.build import build_model
    from redraft.models.direct import Direct
    from redraft.models.equivariant import Equivariant
    from redraft.models.hrm import HRM
    from redraft.models.local import Local
    from redraft.models.trm import TRM
    from redraft.models.variants import Variant

MODELS: dict[str, type[ModelConfig]] = {
    "trm": TRMConfig,
    "trm-variant": VariantConfig,
    "hrm": HRMConfig,
    "direct": DirectConfig,
    "equivariant": EquivariantConfig,
    "local": LocalConfig,
}

__all__ = [
    "HRM",
    "MODELS",
    "TRM",
    "Direct",
    "DirectConfig",
    "Equivariant",
    "EquivariantConfig",
    "HRMConfig",
    "Local",
    "LocalConfig",
    "Model",
    "ModelConfig",
    "StepOutput",
    "TRMConfig",
    "Variant",
    "VariantConfig",
    "build_model",
    "model_class",
    "model_config",
    "model_kind",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from redraft.models import base, build

    return getattr(base if name in ("Model", "StepOutput") else build, name)


def model_kind(config: ModelConfig) -> str:
    """The kind of a configuration: `model_class` returns its class."""
    own = f"{type(config).__module__}:{type(config).__qualname__}"
    return next((name for name, kind in MODELS.items() if type(config) is kind), own)


def model_class(kind: str) -> type[ModelConfig]:
    """The configuration class of a kind: a name in `MODELS`, or `module:NAME` for a model of your own.

    `module:NAME` is imported, from the current folder too; NAME is a subclass of `ModelConfig`. Raises ConfigError.
    """
    if ":" not in kind:
        return known(MODELS, kind, what="kind of model")
    found = named(kind, what="a model's configuration")
    if not (isinstance(found, type) and issubclass(found, ModelConfig)):
        raise ConfigError(f"{kind}: expected a subclass of redraft.models.ModelConfig, got {type(found).__name__}")
    return found


def model_config(values: Any, *, where: str) -> ModelConfig:
    """A model's configuration from plain values, of which `kind` names the model; raises ConfigError."""
    kind = values.get("kind") if isinstance(values, dict) else values
    if not isinstance(values, dict) or not isinstance(kind, str):
        raise ConfigError(f"{where}: expected an object whose `kind` names the model, got {values!r}")
    try:
        found = model_class(kind)
    except RedraftError as error:
        raise ConfigError(f"{where}: {error}") from error
    return from_dict(found, {key: value for key, value in values.items() if key != "kind"}, where=where)
