"""What is meant by a task, puzzles, a file and weights: a table of cases."""

import json
import re
from pathlib import Path
from shutil import copytree

import pytest
from helpers.sudokus import EASY as NINE

import redraft.weights
from redraft.cli import main
from redraft.errors import ConfigError, PuzzleError, RedraftError, WeightsError
from redraft.models import TRMConfig, build_model
from redraft.recipes.alike import small_mixer
from redraft.solve.load import open_weights, task_of
from redraft.solve.resolve import resolve
from redraft.tasks import Puzzle, get_task
from redraft.tasks.grids.task import Grids, GridSpec
from redraft.tasks.maze.task import Maze
from redraft.weights.io import save_weights

SIX = "6.......14..........4.1.1....2..3.5."
MAZE = Maze(8, 8).format(Maze(8, 8).make(1, 0).questions[0])
DRAWN = "\n".join(MAZE[i : i + 8] for i in range(0, 64, 8))
OWN = Grids(GridSpec(name="mine", alphabet=("R", "G", "B"), height=3, width=3))


@pytest.fixture
def own(tmp_path: Path) -> str:
    config = TRMConfig(
        vocab_size=4, seq_len=9, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )  # fmt: skip
    save_weights(tmp_path / "own", build_model(config), task=OWN.spec, card={})
    return str(tmp_path / "own")


@pytest.mark.parametrize("written", ["sudoku-6x6", "sudoku-6x6-v1"])
def test_weights_of_a_task_with_or_without_a_version(written: str, tmp_path: Path) -> None:
    bundled = redraft.weights.folder("sudoku-6x6")
    assert bundled is not None
    own = Path(copytree(bundled, tmp_path / "own"))
    meta = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**meta, "task": written}))
    assert task_of(own) == open_weights(own).task == "sudoku-6x6"
    for name in ([], ["sudoku-6x6"], ["sudoku-6x6-v1"], ["sudoku"]):
        assert resolve([*name, SIX], None, str(own)).task.id == "sudoku-6x6-v1"


@pytest.mark.parametrize(
    ("inputs", "task"),
    [
        ([SIX], "sudoku-6x6"),
        ([NINE.replace(".", "x")], "sudoku-9x9"),
        (["sudoku", NINE], "sudoku-9x9"),
        (["sudoku-6x6", SIX], "sudoku-6x6"),
        (["sudoku-6x6-v1", SIX], "sudoku-6x6"),
        (["123", SIX], "sudoku-6x6"),
        ([MAZE], "maze-8x8"),
        (["maze", DRAWN], "maze-8x8"),
        ([DRAWN.replace("#", "█")], "maze-8x8"),
        (["roster", "." * 35], "roster-5x7"),
    ],
)
def test_puzzles_written_out(inputs: list[str], task: str) -> None:
    meant = resolve(inputs, None, None)
    assert (meant.task.name, meant.weights) == (task, task)
    assert isinstance(list(meant.entries)[-1], Puzzle)


@pytest.mark.parametrize(
    ("content", "task", "count"),
    [
        (f"{SIX}\n{SIX}\n", "sudoku-6x6", 2),
        (f"Title\n\n{NINE}\n", "sudoku-9x9", 1),
        (f"question,answer\n{SIX},\n", "sudoku-6x6", 1),
        (f'{{"puzzle": "{NINE}"}}\n', "sudoku-9x9", 1),
        (f"; mine\n{DRAWN}\n\n{DRAWN}\n", "maze-8x8", 2),
        (f"{MAZE}\n", "maze-8x8", 1),
    ],
)
def test_a_file_alone(tmp_path: Path, content: str, task: str, count: int) -> None:
    (tmp_path / "f").write_text(content)
    meant = resolve([], str(tmp_path / "f"), None)
    assert meant.task.name == task and len(list(meant.entries)) == count


def test_own_weights_read_by_their_own_alphabet(own: str, tmp_path: Path) -> None:
    for inputs in (["RGB/RRR/GGG"], ["RGBRRRGGG"], ["[['R','G','B'],['R','R','R'],['G','G','G']]"]):
        (found,) = resolve(inputs, None, own).entries
        assert isinstance(found, Puzzle) and OWN.format(found.question) == "RGB/RRR/GGG"
    (found,) = resolve(["xxx/RRR/GGG"], None, own).entries
    assert isinstance(found, PuzzleError) and re.search("'x' .* R G B", found.message)
    (tmp_path / "f").write_text("RGB\nRRR\nGGG\n\nRRRRRRRRR\n")
    assert len(list(resolve([], str(tmp_path / "f"), own).entries)) == 2


@pytest.mark.parametrize(
    ("inputs", "weights", "error", "message"),
    [
        ([], None, ConfigError, "puzzle.* -f"),
        (["sudoku"], None, ConfigError, "puzzle.* -f"),
        (["chess"], None, ConfigError, "task 'chess'.* sudoku-4x4"),
        (["chess"], "own", ConfigError, "task 'chess'"),
        (["nofile.txt"], None, ConfigError, r"nofile\.txt: .*file"),
        (["sudoku", "nofile.csv"], None, ConfigError, r"nofile\.csv: .*file"),
        (["sudoku", SIX], "own", WeightsError, r"\bmine\b.* sudoku"),
        (["sudoku-7x7", SIX], None, RedraftError, "4, 6, 8, 9.* 7"),
        (["sudoku-8x8", "." * 64], None, WeightsError, " sudoku-8x8 .*redraft train.*--weights"),
        (["12345"], None, PuzzleError, "16, 36, 64, 81.* 256 "),
    ],
)
def test_what_makes_no_sense(
    own: str, inputs: list[str], weights: str | None, error: type[RedraftError], message: str
) -> None:
    with pytest.raises(error, match=message):
        resolve(inputs, None, own if weights else None)


def test_a_kind_of_puzzle_means_the_size_of_the_weights(tmp_path: Path) -> None:
    task = get_task("roster-4x5")
    model = small_mixer(task, hidden_size=16, expansion=1.0)
    save_weights(tmp_path / "mine", build_model(model), task=task.name, card={})
    for name in ("roster", "roster-4x5"):
        assert resolve([name, "." * 20], None, str(tmp_path / "mine")).task.name == "roster-4x5"
    for name in ("roster-5x7", "sokoban"):
        with pytest.raises(WeightsError, match=f"trained for roster-4x5.* {name}"):
            resolve([name, "." * 20], None, str(tmp_path / "mine"))


@pytest.mark.parametrize("name", ["sudoku-8x8", "futoshiki-5x5", "sokoban-5x5", "roster-4x3"])
def test_without_bundled_weights_it_names_a_command_that_trains_some(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puzzle = get_task(name).format(get_task(name).make(1, 0).questions[0])
    with pytest.raises(WeightsError) as error:
        resolve([name, puzzle], None, None)
    command = re.search(r"redraft (train [^,]*),", str(error.value))
    assert command is not None
    monkeypatch.chdir(tmp_path)
    assert main([*command[1].split(), "--tiny", "--steps", "1"]) == 0
