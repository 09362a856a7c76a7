"""Made puzzles are kept on disk, and read only where they are surely the same."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from redraft.data import kept
from redraft.tasks import Examples, Task, get_task
from redraft.tasks.sudoku.task import Sudoku


class Counted(Sudoku):
    """A Sudoku that counts how often puzzles are made."""

    __module__ = Sudoku.__module__
    made = 0

    def make(self, count: int, seed: int, clues: int | None = None) -> Examples:
        Counted.made += 1
        return super().make(count, seed, clues)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setenv("REDRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "LEAST", 5)
    Counted.made = 0
    return Counted(4)


def same(a: Examples, b: Examples) -> bool:
    pairs = ((a.questions, b.questions), (a.answers, b.answers))
    return all(np.array_equal(*pair) for pair in pairs) and np.array_equal(a.ratings, b.ratings, equal_nan=True)


def test_the_second_time_nothing_is_made(task: Task) -> None:
    first = kept.make(task, 6, 1)
    assert same(first, kept.make(task, 6, 1))
    assert Counted.made == 1
    assert same(first, get_task("sudoku-4x4").make(6, 1))


def test_count_and_seed_tell_puzzles_apart(task: Task) -> None:
    kept.make(task, 6, 1)
    assert not same(kept.make(task, 6, 2), kept.make(task, 6, 1))
    assert len(kept.make(task, 7, 1)) == 7


def test_few_are_made_anew(task: Task, tmp_path: Path) -> None:
    kept.make(task, 4, 1)
    assert not (tmp_path / "cache").exists()


def test_a_damaged_file_is_made_anew(task: Task, tmp_path: Path) -> None:
    first = kept.make(task, 6, 1)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert same(first, kept.make(task, 6, 1))
    assert Counted.made == 2
    kept.make(task, 6, 1)
    assert Counted.made == 2, "the damaged file was not replaced"


def test_whatever_is_damaged_is_made_anew(task: Task, tmp_path: Path) -> None:
    first = kept.make(task, 6, 1)
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    damages = [b"", b"x" * 500, whole[:-1], whole[1:], whole[:500] + whole[600:]]
    damages += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 31)]
    for damaged in damages:
        file.write_bytes(damaged)
        assert same(first, kept.make(task, 6, 1))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [file.name]
    file.unlink()
    file.mkdir()
    assert same(first, kept.make(task, 6, 1))


def test_another_version_makes_other_puzzles(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.make(task, 6, 1)
    monkeypatch.setattr(Counted, "version", task.version + 1)
    kept.make(task, 6, 1)
    assert Counted.made == 2


# of questions and answers; where one changes on purpose, raise `version` of that task
GENERATED = {
    "sudoku-4x4": "020015775b4c9e6c",
    "sudoku-6x6": "3ebc5a0a4341deca",
    "sudoku-9x9": "f9d68efe4306a75a",
    "sudoku-12x12": "eb7a8336b6581aca",
    "sudoku-16x16": "b8728528c5e2fca9",
    "maze-8x8": "a6fb69643a50023a",
    "futoshiki-4x4": "5f5aeeccd4a5328b",
    "futoshiki-5x5": "d605dbd3d70291f3",
    "sokoban-6x6": "e50c0182454cdd24",
    "roster-5x7": "c15c32da6524a9cd",
    "arc": "96fd77ca173cccd1",
}


@pytest.mark.parametrize("name", GENERATED)
def test_a_seed_makes_the_same_puzzles_as_long_as_the_version_stays(name: str) -> None:
    task = get_task(name)
    made = task.make(3, 5)
    digest = sha256(made.questions.astype(np.int16).tobytes() + made.answers.astype(np.int16).tobytes())
    assert (task.version, digest.hexdigest()[:16]) == (1, GENERATED[name])


def test_nothing_is_kept_where_that_is_not_wanted_or_not_possible(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDRAFT_CACHE", "")
    kept.make(task, 6, 1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("REDRAFT_CACHE", str(tmp_path / "file" / "cache"))
    assert len(kept.make(task, 6, 1)) == 6


def test_a_task_of_ones_own_is_made_anew(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counted, "__module__", "my_puzzles")
    kept.make(task, 6, 1)
    kept.make(task, 6, 1)
    assert Counted.made == 2
