"""Models, one file each; `MODELS` names them, `build_model` builds one from its configuration."""

from __future__ import annotations

import torch

from redraft.models.base import Model, StepOutput
from redraft.models.trm import TRM, TRMConfig

ModelConfig = TRMConfig  # a union once there are more

MODELS: dict[str, tuple[type[ModelConfig], type[Model]]] = {"trm": (TRMConfig, TRM)}

__all__ = ["MODELS", "Model", "ModelConfig", "StepOutput", "TRM", "TRMConfig", "build_model", "model_kind"]


def build_model(config: ModelConfig, *, seed: int = 0) -> Model:
    """A freshly initialised model; the same seed gives the same weights and leaves the global generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[model_kind(config)][1](config)


def model_kind(config: ModelConfig) -> str:
    """The name under which the class of this configuration is registered."""
    return next(name for name, (kind, _) in MODELS.items() if type(config) is kind)
