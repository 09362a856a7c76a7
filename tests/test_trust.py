"""Consent: how long it lasts, what it is for, and what a note on one's own file is worth."""

import json
import re
import sys
import threading
from pathlib import Path

import pytest

from redraft.errors import TrustError
from redraft.naming import named
from redraft.trust import asked_for, code_named, given, names_in, remember, remembered_names, require_consent, trusting

VALUES = {"task": "rules:Task", "model": {"kind": "rules:Config"}, "loss": "stablemax", "halting": "rules:Halt"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module `rules`; notes are kept beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rules.py").write_text("Task = 1")
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.delitem(sys.modules, "rules", raising=False)
    return tmp_path / "mine"


def refused(file: Path, values: object = VALUES) -> str:
    with pytest.raises(TrustError) as caught:
        require_consent(file, values)
    return str(caught.value)


def test_what_a_file_names() -> None:
    assert code_named(VALUES) == [("task", "rules:Task"), ("model", "rules:Config"), ("halting rule", "rules:Halt")]
    assert code_named({"task": {"kind": "grids", "checker": "a:b"}}) == [("checker", "a:b")]
    assert names_in(VALUES) == {"rules:Task", "rules:Config", "rules:Halt"}
    odd: list[object] = [None, [], "a:b", {"task": ["a:b"]}, {"model": "a:b"}, {"loss": {"a": "b:c"}}, {"card": "a:b"}]
    assert not any(map(code_named, odd))


def test_a_file_that_names_nothing_is_open_to_all(here: Path) -> None:
    require_consent(here / "config.json", {"task": "sudoku-4x4", "model": {"kind": "trm"}, "loss": "stablemax"})


def test_refusal(here: Path) -> None:
    message = refused(here / "config.json")
    assert message.startswith(str(here / "config.json")) and "\n" not in message
    assert all(word in message for word in ("rules:Task", "rules:Config", "rules:Halt", "--trust", "trust=True"))


def test_consent_ends_with_the_call(here: Path) -> None:
    file = here / "config.json"
    with trusting(True):
        require_consent(file, VALUES)
        with trusting(False), trusting(["a:b"]):
            assert given() is True, "consent within is added to that without"
    refused(file)
    with trusting(["rules:Task", "rules:Config"]):
        message = refused(file)
        assert "rules:Halt" in message and "rules:Task" not in message and "rules:Config" not in message
        with trusting({"rules:Halt"}):
            require_consent(file, VALUES)
        refused(file)
    require_consent(file, VALUES, trust=True)
    assert given() == frozenset()


def test_a_new_thread_begins_without_consent() -> None:
    found: list[object] = []
    with trusting(True):
        thread = threading.Thread(target=lambda: found.append(given()))
        thread.start()
        thread.join()
    assert found == [frozenset()]


@pytest.mark.parametrize(
    ("arguments", "consent"),
    [
        ("x --trust", True),
        (
            "my:recipe --loss my:loss --task=their.part:Task --size nano",
            {"my:recipe", "my:loss", "their.part:Task"},
        ),
        ("ablate --set model.kind=my:Config data.train=make:80@1", {"my:Config"}),
        ("--data make:4@1 --device cuda:1 --untrust -f C:\\x:y :NAME module: a:b:c", set()),
    ],
)
def test_consent_of_a_command_line(arguments: str, consent: object) -> None:
    assert asked_for(arguments.split()) == consent


def test_ones_own_file_is_remembered(here: Path) -> None:
    file = here / "run/config.json"
    remember(file, VALUES)
    require_consent(file, VALUES)
    require_consent(Path("run/config.json"), VALUES)
    assert sorted(remembered_names(file)) == ["rules:Config", "rules:Halt", "rules:Task"]
    assert "rules" not in sys.modules, "nothing is imported to tell where it would come from"


def test_a_note_is_for_one_file_and_its_names(here: Path) -> None:
    remember(here / "run/config.json", VALUES)
    refused(here / "run/best/config.json")
    refused(here / "config.json")
    more = refused(here / "run/config.json", {**VALUES, "loss": "rules:loss"})
    assert "rules:loss" in more and "rules:Task" not in more


def test_a_note_is_for_the_module_that_was_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a stranger, with a module of the same name in it, is no place to open one's own run in."""
    file = here / "run/config.json"
    remember(file, VALUES)
    monkeypatch.chdir(here.parent / "theirs")
    message = refused(file)
    assert re.search(rf"rules:Task .*{here / 'rules.py'}.*{here.parent / 'theirs/rules.py'}", message)
    monkeypatch.chdir(here.parent)
    require_consent(file, VALUES)  # there is nothing to run, which the import will say
    with pytest.raises(Exception, match="'rules'"):
        named("rules:Task", what="a task")


def test_a_namespace_is_all_its_folders(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (here.parent / "installed", here, here.parent / "theirs"):
        (folder / "space").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(here.parent / "installed"))
    remember(here / "config.json", {"task": "space.rules:Task"})
    require_consent(here / "config.json", {"task": "space.rules:Task"})
    monkeypatch.chdir(here.parent / "theirs")
    refused(here / "config.json", {"task": "space.rules:Task"})


def test_no_note_where_no_code_is_named(here: Path) -> None:
    remember(here / "config.json", {"task": "sudoku-4x4"})
    assert not (here.parent / "state").exists()


def notes(state: Path) -> list[Path]:
    return list(state.rglob("*.json"))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"file": 1}', '{"code": {"rules:Task": 1}}', "[" * 10**6])
def test_a_damaged_note_is_none(here: Path, content: str) -> None:
    remember(here / "config.json", VALUES)
    (note,) = notes(here.parent / "state")
    note.write_text(content)
    refused(here / "config.json")


def test_a_note_on_another_file_is_none(here: Path) -> None:
    remember(here / "config.json", VALUES)
    (note,) = notes(here.parent / "state")
    note.write_text(json.dumps({**json.loads(note.read_text()), "file": str(here / "other.json")}))
    refused(here / "config.json")


def test_a_relative_folder_for_notes_does_not_count(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be found in the folder of a stranger."""
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(here.parent / "home"))
    remember(here / "config.json", VALUES)
    assert not notes(here) and len(notes(here.parent / "home/.local/state/redraft")) == 1


def test_no_place_for_notes(here: Path) -> None:
    (here.parent / "state").write_text("a file is in its place")
    remember(here / "config.json", VALUES)
    refused(here / "config.json")
