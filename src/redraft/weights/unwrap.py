"""Finds the state dict of the published TRM or HRM in a file, however it is wrapped; only tensors are unpickled.

Training loops put the weights under keys of their own beside an optimiser, keep an average of them, and leave the names
of their wrappers (`module.`, `_orig_mod.`) in those of the tensors. A dictionary with a tensor of a published name is a
candidate; anything before that name is removed.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import torch
from torch import Tensor

from redraft.errors import WeightsError
from redraft.formats import HEAD, SAFETENSORS, TORCH, describe_format, what_else
from redraft.weights.io import read_safetensors
from redraft.weights.published import PUBLISHED

WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
AVERAGED = re.compile(r"(^|[._])(ema|ewa|average|averaged|avg|swa|shadow)([._]|$)", re.IGNORECASE)
# Not weights: caches of rotary positions, masks, counters, and a batch's rows of a puzzle table.
BUFFERS = re.compile(
    r"(.*\.)?((rotary|rope)\w*(\..+)?|(cos|sin)(_cached)?|inv_freq|freqs(_cis)?|\w*mask|position_ids"
    r"|n_averaged|num_updates|num_batches_tracked|local_(weights|ids)|_extra_state)"
)
HARMLESS: list[Any] = [Namespace, PosixPath]  # settings beside weights; making them runs nothing
DEPTH = 8  # of wrapping


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A state dict found in a file.

    Attributes:
        tensors: by their published names.
        place: the keys that lead to it, such as `model`; empty where it is the whole file.
        others: places of the other state dicts.
    """

    tensors: dict[str, Tensor]
    place: str = ""
    others: tuple[str, ...] = ()


def read_checkpoint(file: Path, key: str | None = None) -> Checkpoint:
    """The published state dict in a file of torch.save or safetensors.

    `key` names one of several, in full or by a part (`ema` of `ema_model`); without it, the weights themselves are
    preferred to averages of them. Raises WeightsError.
    """
    try:
        found = candidates(_read(file))
    except OSError as error:
        raise WeightsError(f"{file}: {error.strerror or error}") from None
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error
    chosen = [place for place in found if key is None or key in (place, *place.split("."), *re.split("[._]", place))]
    if len(chosen) > 1:
        exact = [place for place in chosen if place == key]
        chosen = exact or [place for place in chosen if not AVERAGED.search(place)] or chosen
    if len(chosen) != 1:
        known = ", ".join(place or "(the file itself)" for place in found)
        wrong = "holds several state dicts" if key is None else f"{len(chosen) or 'no'} state dicts under --key {key}"
        raise WeightsError(f"{file}: {wrong}; expected one of --key {known}")
    [place] = chosen
    return Checkpoint(tensors=found[place], place=place, others=tuple(other for other in found if other != place))


def candidates(values: Any) -> dict[str, dict[str, Tensor]]:
    """Every state dict in the content of a file, by the keys that lead to it; raises WeightsError without any."""
    if not isinstance(values, Mapping):
        raise WeightsError(f"expected a state dict (names to tensors), got {type(values).__name__}")
    names: list[str] = []
    found = dict(_groups(values, (), names))
    if found:
        return found
    if any(name.startswith(("net.blocks.", "model/net.blocks.")) for name in names):
        raise WeightsError("holds weights of redraft itself: use their folder as it is")
    named = f"its tensors are called {', '.join(names[:3])}{', …' if len(names) > 3 else ''}" if names else "no tensors"
    raise WeightsError(f"holds no state dict of a published TRM or HRM: {named}")


def _groups(
    values: Mapping[Any, Any], path: tuple[str, ...], names: list[str]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """State dicts with their places; `names` gathers those of all tensors."""
    own = {str(name): value for name, value in values.items() if isinstance(value, Tensor)}
    names += [".".join((*path, name)) for name in own]
    bare = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in own}
    prefixes = {match[1] or "" for name in bare.values() if (match := PUBLISHED.fullmatch(name))}
    for prefix in sorted(prefixes):
        inside = {
            short.removeprefix(prefix): own[name]
            for name, short in bare.items()
            if max((each for each in prefixes if short.startswith(each)), key=len, default=None) == prefix
        }
        place = (*path, prefix.rstrip(".")) if len(prefixes) > 1 else path
        yield ".".join(place), {name: value for name, value in inside.items() if not BUFFERS.fullmatch(name)}
    if len(path) < DEPTH:
        for key, value in values.items():
            if isinstance(value, Sequence) and not isinstance(value, str | bytes):
                value = dict(enumerate(value))
            if isinstance(value, Mapping):
                yield from _groups(value, (*path, str(key)), names)


def _read(file: Path) -> Any:
    """The content of a file; raises OSError, or WeightsError with the reason alone."""
    if file.is_dir():
        inside = sorted(each.name for each in file.iterdir() if each.suffix in (".safetensors", ".pt", ".pth", ".bin"))
        raise WeightsError(f"is a folder; expected a file{f', such as {inside[0]} in it' if inside else ''}")
    with file.open("rb") as opened:
        kind = describe_format(opened.read(HEAD))
    if kind == SAFETENSORS:
        return read_safetensors(file, where="")
    if kind == TORCH:
        return _unpickle(file)
    raise WeightsError(what_else(file, "a file of torch.save or safetensors"))


def _unpickle(file: Path) -> Any:
    try:
        # warnings are about formats; a file of none of them is an error below
        with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals(HARMLESS), file.open("rb") as f:
            return torch.load(f, map_location="cpu", weights_only=True)
    except Exception as error:  # of a dozen kinds: a damaged file drives the unpickler into any of them
        # torch's own message is left out: it explains how to run the code that a file of unknown origin may hold
        raise WeightsError(_why_not(file)) from error


def _why_not(file: Path) -> str:
    """The reason that torch.load refuses a file of torch.save."""
    remedy = "save the state dict alone, where it was made: torch.save(model.state_dict(), FILE)"
    with file.open("rb") as opened:
        start = opened.read(2)
    if start != b"PK":
        return f"is cut off or damaged, or holds more than tensors; {remedy}"
    if not zipfile.is_zipfile(file):
        return "is cut off: the end of a PyTorch file is missing; fetch it again"
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            return f"is a TorchScript program (torch.jit.save), not weights alone; {remedy}"
    try:
        unsafe = set(torch.serialization.get_unsafe_globals_in_checkpoint(file))
    except Exception:  # of as many kinds
        unsafe = set()
    wanted = sorted(unsafe - {f"{each.__module__}.{each.__qualname__}" for each in HARMLESS})
    if not wanted:
        return "is a damaged PyTorch file; fetch it again"
    named = f"{', '.join(wanted[:3])}{', …' if len(wanted) > 3 else ''}"
    return f"holds more than tensors: opening it would call {named}, which redraft does not do; {remedy}"
