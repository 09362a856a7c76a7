"""Builds the model of a configuration: the one place where the package's models meet their configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from redraft.errors import ConfigError
from redraft.models.base import Model
from redraft.models.config import (
    DirectConfig,
    EquivariantConfig,
    HRMConfig,
    LocalConfig,
    ModelConfig,
    TRMConfig,
    VariantConfig,
)
from redraft.models.direct import Direct
from redraft.models.equivariant import Equivariant
from redraft.models.hrm import HRM
from redraft.models.local import Local
from redraft.models.trm import TRM
from redraft.models.variants import Variant

# the model of each configuration, a subclass before its base
_MODELS: dict[type[ModelConfig], Callable[[Any], Model]] = {
    VariantConfig: Variant,
    TRMConfig: TRM,
    HRMConfig: HRM,
    DirectConfig: Direct,
    EquivariantConfig: Equivariant,
    LocalConfig: Local,
}


def build_model(config: ModelConfig, *, seed: int = 0) -> Model:
    """A freshly initialised model; the same seed gives the same weights and leaves the global generator alone.

    Raises ConfigError where a model of this package does not fit into memory.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _built(config)
    except (RuntimeError, TypeError, ArithmeticError, MemoryError) as error:
        if type(config).build is not ModelConfig.build:  # its author wants to see where it went wrong
            raise
        raise ConfigError(f"model: cannot be built in this size ({str(error).partition(chr(10))[0]})") from error


def _built(config: ModelConfig) -> Model:
    """By its `build`, where the configuration is of a model of your own; else by its class."""
    kinds = [model for kind, model in _MODELS.items() if isinstance(config, kind)]
    own = not kinds or type(config).build is not ModelConfig.build
    return config.build() if own else kinds[0](config)
