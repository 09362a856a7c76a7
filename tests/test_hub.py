"""Weights on the Hugging Face Hub, a folder in these tests: pushed, opened by name, and every failure named."""

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import redraft
from redraft import hub
from redraft.cli import main
from redraft.errors import WeightsError

PUZZLE = "6.......14..........4.1.1....2..3.5."


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of repositories, by owner and name, that a fake huggingface_hub reads and writes."""
    root = tmp_path / "hub"
    fake = ModuleType("huggingface_hub")

    def create_repo(name: str, *, private: bool, exist_ok: bool) -> str:
        (root / name).mkdir(parents=True, exist_ok=exist_ok)
        return f"https://hub.test/{name}"

    def upload_file(*, path_or_fileobj: bytes, path_in_repo: str, repo_id: str) -> None:
        (root / repo_id / path_in_repo).write_bytes(path_or_fileobj)

    def upload_folder(*, folder_path: Path, repo_id: str, allow_patterns: list[str]) -> None:
        for each in allow_patterns:
            shutil.copy(folder_path / each, root / repo_id / each)

    def snapshot_download(name: str, *, allow_patterns: list[str], revision: str = "main") -> str:
        if not (root / name).is_dir() or revision != "main":
            raise OSError(f"404: no repository {name} at {revision}")
        return str(root / name)

    for function in (create_repo, upload_file, upload_folder, snapshot_download):
        setattr(fake, function.__name__, function)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return root


def test_pushed_weights_open_by_their_name(repositories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "sudoku-6x6", "me/small"]) == 0
    assert "https://hub.test/me/small" in capsys.readouterr().out
    assert sorted(each.name for each in (repositories / "me" / "small").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    card = (repositories / "me" / "small" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: redraft\n") and 'redraft.load("hf:me/small")' in card
    assert "sudoku-6x6" in card
    for name in ("hf:me/small", "hf:me/small@main"):
        assert redraft.load(name).solve(PUZZLE).solved
    assert main(["solve", "--weights", "hf:me/small", PUZZLE]) == 0


def test_what_is_not_there(repositories: Path) -> None:
    with pytest.raises(WeightsError, match=r"hf:me/nothing.*404"):
        redraft.load("hf:me/nothing")


@pytest.mark.parametrize("name", ["small", "me/small/more", "me/sm all", "me/small@main"])
def test_names_that_cannot_be(repositories: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "sudoku-6x6", name]) == 2
    assert repr(name) in capsys.readouterr().err
    assert not repositories.exists()


def test_code_that_downloaded_weights_name_needs_consent(repositories: Path) -> None:
    folder = repositories / "me" / "hostile"
    shutil.copytree(Path(redraft.__file__).parent / "weights" / "sudoku-6x6", folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"task": "sudoku-6x6"', '"task": "os:abort"'))
    with pytest.raises(redraft.TrustError, match="os:abort"):
        redraft.load("hf:me/hostile").solve(PUZZLE)


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    calls: list[Any] = [lambda: hub.weights_folder("hf:me/small"), lambda: hub.push(Path(), "me/small", card="")]
    for call in calls:
        with pytest.raises(WeightsError, match=r"redraft\[hub\]"):
            call()
