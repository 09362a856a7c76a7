"""Models, one file each; `MODELS` names their configurations, `build_model` builds one of them."""

from __future__ import annotations

import torch

from redraft.errors import ConfigError
from redraft.models.base import Model, ModelConfig, StepOutput
from redraft.models.direct import Direct, DirectConfig
from redraft.models.equilibrium import Equilibrium, EquilibriumConfig
from redraft.models.equivariant import Equivariant, EquivariantConfig
from redraft.models.hrm import HRM, HRMConfig
from redraft.models.trm import TRM, TRMConfig
from redraft.models.variants import Variant, VariantConfig
from redraft.naming import named

MODELS: dict[str, type[ModelConfig]] = {
    "trm": TRMConfig,
    "trm-variant": VariantConfig,
    "hrm": HRMConfig,
    "direct": DirectConfig,
    "equivariant": EquivariantConfig,
    "equilibrium": EquilibriumConfig,
}

__all__ = [
    "HRM",
    "MODELS",
    "TRM",
    "Direct",
    "DirectConfig",
    "Equilibrium",
    "EquilibriumConfig",
    "Equivariant",
    "EquivariantConfig",
    "HRMConfig",
    "Model",
    "ModelConfig",
    "StepOutput",
    "TRMConfig",
    "Variant",
    "VariantConfig",
    "build_model",
    "model_class",
    "model_kind",
]


def build_model(config: ModelConfig, *, seed: int = 0) -> Model:
    """A freshly initialised model; the same seed gives the same weights and leaves the global generator alone.

    Raises ConfigError where a model of this package would be larger than memory, or than there are numbers.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return config.build()
    except (RuntimeError, TypeError, ArithmeticError, MemoryError) as error:
        if type(config) not in MODELS.values():  # its author wants to see where it went wrong
            raise
        raise ConfigError(f"model: cannot be built in this size ({str(error).partition(chr(10))[0]})") from error


def model_kind(config: ModelConfig) -> str:
    """What `model_class` finds the class of this configuration by."""
    known = next((name for name, kind in MODELS.items() if type(config) is kind), None)
    return known or f"{type(config).__module__}:{type(config).__qualname__}"


def model_class(kind: str) -> type[ModelConfig]:
    """The configuration class of a kind: a name in `MODELS`, or `module:NAME` for a model of your own.

    `module:NAME` is imported, from the current folder too; NAME is a subclass of `ModelConfig`. Raises ConfigError.
    """
    if ":" not in kind:
        if kind not in MODELS:
            raise ConfigError(f"unknown kind of model {kind!r}; known: {', '.join(MODELS)}, or your own as module:NAME")
        return MODELS[kind]
    found = named(kind, what="a model's configuration")
    if not (isinstance(found, type) and issubclass(found, ModelConfig)):
        raise ConfigError(f"{kind}: expected a subclass of redraft.models.ModelConfig, got {type(found).__name__}")
    return found
