"""Builds the model of a configuration: the one place where the package's models meet their configurations."""

from __future__ import annotations

import torch

from redraft.errors import ConfigError
from redraft.models.base import Model
from redraft.models.config import (
    DirectConfig,
    EquivariantConfig,
    HRMConfig,
    ModelConfig,
    TRMConfig,
    VariantConfig,
)
from redraft.models.direct import Direct
from redraft.models.equivariant import Equivariant
from redraft.models.hrm import HRM
from redraft.models.trm import TRM
from redraft.models.variants import Variant


def build_model(config: ModelConfig, *, seed: int = 0) -> Model:
    """A freshly initialised model; the same seed gives the same weights and leaves the global generator alone.

    Raises ConfigError where a model of this package would be larger than memory, or than there are numbers.
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
    """By `build`, where the configuration is of a model of one's own; else by its class, a subclass before its base."""
    if type(config).build is not ModelConfig.build:
        return config.build()
    match config:
        case VariantConfig():
            return Variant(config)
        case TRMConfig():
            return TRM(config)
        case HRMConfig():
            return HRM(config)
        case DirectConfig():
            return Direct(config)
        case EquivariantConfig():
            return Equivariant(config)
    raise NotImplementedError(f"{type(config).__qualname__}.build")
