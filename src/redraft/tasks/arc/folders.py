"""Where ARC tasks lie in a folder: files of one task or of many, Kaggle's download, and the two halves of a set.

Names alone decide: no file is opened here. Hidden files, and what a Mac puts beside files in an archive, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from redraft.errors import DataError

ENDINGS = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
CHALLENGES, SOLUTIONS, SUBMISSION = "_challenges.json", "_solutions.json", "sample_submission.json"
SUBSETS = ("training", "evaluation")
UNSOLVED = "test"  # the competition's own set, without outputs


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is skipped."""
    return name.startswith(".") or name == "__MACOSX"


def task_files(folder: Path) -> list[Path]:
    """The files in a folder, at any depth, that should hold tasks, by name.

    Of Kaggle's download these are the `_challenges.json` alone, and its test set only where no other set stands beside
    it (see `left_out`).
    """
    files = [file for file in _files(folder) if file.name.lower().endswith(ENDINGS)]
    return [file for file in files if not _is_beside_tasks(file) and not _is_left_out(file)]


def left_out(source: str) -> list[Path]:
    """Parts of a source that hold tasks but are not read: the competition's test set beside sets with answers."""
    path, halves = Path(source), halves_of(source)
    beside = Path(halves[0]).parent / UNSOLVED if halves else None
    folders = [beside] if beside is not None and beside.is_dir() and not _is_prefix(halves[0]) else []
    files = list(_files(path)) if path.is_dir() else [Path(f"{source}_{UNSOLVED}{CHALLENGES}")] if halves else []
    return [file for file in files if file.is_file() and _is_left_out(file)] + folders


def halves_of(source: str) -> list[str]:
    """The sources of training and evaluation tasks that a source is divided into; empty where it is not.

    A folder is divided by its folders `training` and `evaluation`, or by Kaggle's files of these names; either may lie
    deeper, as in the archive of a repository. Raises DataError where it holds several such sets.
    """
    path = Path(source)
    if not path.is_dir():  # PREFIX_training_challenges.json and PREFIX_evaluation_challenges.json
        found = [f"{source}_{subset}" for subset in SUBSETS]
        return found if all(map(_is_prefix, found)) else []
    sets = list(dict.fromkeys((*_sets_of_folders(path), *_sets_of_files(path))))
    if len(sets) > 1:
        raise DataError(f"{source}: holds {len(sets)} divided sets of tasks, {sets[0][0]} and {sets[1][0]}; name one")
    return list(sets[0]) if sets else []


def looks_like_tasks(source: str) -> bool:
    """Whether names alone show that a source holds ARC tasks: Kaggle's files, or a set in two halves."""
    path = Path(source)
    if path.is_dir():
        return any(file.name.endswith(CHALLENGES) for file in _files(path)) or any(_sets_of_folders(path))
    return path.name.endswith((CHALLENGES, SOLUTIONS)) or _is_prefix(source) or bool(halves_of(source))


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if not any(map(is_hidden, file.relative_to(folder).parts)) and file.is_file():
            yield file


def _sets_of_folders(folder: Path) -> Iterator[tuple[str, ...]]:
    for first in (folder / SUBSETS[0], *sorted(folder.rglob(f"*/{SUBSETS[0]}"))):
        halves = [first.parent / subset for subset in SUBSETS]
        if not any(map(is_hidden, first.relative_to(folder).parts)) and all(map(Path.is_dir, halves)):
            yield tuple(map(str, halves))


def _sets_of_files(folder: Path) -> Iterator[tuple[str, ...]]:
    ending = f"_{SUBSETS[0]}{CHALLENGES}"
    for file in _files(folder):
        if file.name.endswith(ending):
            halves = [str(file.with_name(f"{file.name.removesuffix(ending)}_{subset}")) for subset in SUBSETS]
            if all(map(_is_prefix, halves)):
                yield tuple(halves)


def _is_prefix(source: str) -> bool:
    """Whether the source is NAME where there is a file NAME_challenges.json."""
    return Path(source + CHALLENGES).is_file()


def _is_beside_tasks(file: Path) -> bool:
    """Whether the file belongs to Kaggle's files of tasks: their outputs, or the example of a submission."""
    if file.name == SUBMISSION:
        return any(file.parent.glob(f"*{CHALLENGES}"))
    return file.name.endswith(SOLUTIONS) and _is_prefix(str(file).removesuffix(SOLUTIONS))


def _is_left_out(file: Path) -> bool:
    if not file.name.endswith(f"_{UNSOLVED}{CHALLENGES}"):
        return False
    others = (each for each in file.parent.glob(f"*{CHALLENGES}") if not is_hidden(each.name))
    return any(not each.name.endswith(f"_{UNSOLVED}{CHALLENGES}") for each in others)
