"""The Hugging Face Hub, by the package huggingface_hub: downloads data and weights, pushes weights.

`hf:owner/name` names a repository, and `hf:owner/name@revision` a branch, tag or commit of it. Downloads are files like
any other: code that they name runs only with consent (`trust.py`).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from redraft.errors import DataError, RedraftError, WeightsError

PREFIX = "hf:"
WEIGHTS = ("config.json", "model.safetensors", "model.onnx", "README.md")  # the files of a folder of weights


def data_file(name: str, split: str) -> Path:
    """`{split}.csv` of a data set; raises DataError."""
    instead = f"; give the path of a CSV file or of a folder with {split}.csv instead"
    repository, revision = _parts(name)
    options = {"repo_type": "dataset", **revision}
    return Path(_call(name, "hf_hub_download", repository, f"{split}.csv", error=DataError, instead=instead, **options))


def weights_folder(name: str) -> Path:
    """A local copy of a repository's weights, in the cache of the Hub; raises WeightsError."""
    repository, revision = _parts(name)
    options = {"allow_patterns": list(WEIGHTS), **revision}
    return Path(_call(name, "snapshot_download", repository, error=WeightsError, **options))


def push(folder: Path, name: str, *, card: str, private: bool = False) -> str:
    """Uploads a folder of weights with a model card, creating the repository if needed; returns its address.

    Raises WeightsError, also if no token of the user gives access (`hf auth login`).
    """
    repository, revision = _parts(name)
    if revision:
        raise WeightsError(f"{name}: expected owner/name without a revision")
    files = [each for each in WEIGHTS if (folder / each).is_file() and each != "README.md"]
    address = _call(name, "create_repo", repository, error=WeightsError, private=private, exist_ok=True)
    text = card.encode()
    _call(name, "upload_file", error=WeightsError, path_or_fileobj=text, path_in_repo="README.md", repo_id=repository)
    _call(name, "upload_folder", error=WeightsError, folder_path=folder, repo_id=repository, allow_patterns=files)
    return str(address)


def _parts(name: str) -> tuple[str, dict[str, Any]]:
    """The repository, and its revision, if any, as an option of the Hub's functions."""
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    return repository, {"revision": revision} if revision else {}


def _call(name: str, function: str, *args: Any, error: type[RedraftError], instead: str = "", **options: Any) -> Any:
    """Calls a function of huggingface_hub; raises `error` if the package is missing or the function fails."""
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        install = "pip install 'redraft[hub]'"
        raise error(f"{name}: needs the package huggingface_hub, which is not installed: {install}{instead}") from None
    try:
        return getattr(hub, function)(*args, **options)
    except Exception as problem:  # the hub raises its own, httpx's, requests' and the system's errors
        first = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise error(f"{name}: {function} of huggingface_hub failed ({first}){instead}") from None
