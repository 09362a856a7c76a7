"""Own pairs of grids as stores: splits that tear nothing apart, duplicates, contradictions, rules, and bad sources."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises, warns

import redraft.data.grids
from redraft.data.build import open_source
from redraft.data.grids import Built, build_grids
from redraft.data.store import Store
from redraft.errors import ConfigError, DataError, DataWarning, RedraftError
from redraft.tasks import get_task
from redraft.tasks.grids.task import Grids, GridSpec

Write = Callable[..., Path]
RULES = """
def same_bits(question, answer):
    return question[0][::-1] == answer[0] or "not turned around"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes rows as a CSV in the current folder; the rules of turning around stand in `turned_around.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "turned_around.py").write_text(RULES)

    def written(rows: Sequence[Sequence[str]], name: str = "pairs.csv", columns: str = "input,output") -> Path:
        Path(name).write_text("\n".join([columns, *map(",".join, rows)]) + "\n")
        return Path(name)

    return written


def turned(count: int, seed: int = 0, width: int = 6) -> list[tuple[str, str]]:
    """Different questions of a's and b's, and the answers that read them backwards."""
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(2**width)[:count]
    questions = [f"{number:0{width}b}".translate({48: "a", 49: "b"}) for number in numbers.tolist()]
    return [(question, question[::-1]) for question in questions]


def stores(folder: Path) -> tuple[Grids, Store, Store]:
    train, test = Store.open(folder / "train"), Store.open(folder / "test")
    task = get_task(train.task)
    assert isinstance(task, Grids) and train.task == test.task == task.spec
    return task, train, test


def questions(task: Grids, store: Store) -> list[str]:
    return [task.format(grid) for grid in task.decode(store.inputs)]


def test_a_store_for_training_and_one_for_the_test(write: Write) -> None:
    rows = turned(50)
    built = build_grids(write(rows), Path("out"), name="turn", symmetries=["flip-h"], checker="turned_around:same_bits")
    task, train, test = stores(Path("out"))
    assert (task.name, task.about.alphabet, task.height, task.width) == ("turn", ("a", "b"), 1, 6)
    assert (built.rows, built.train, built.test) == (50, len(train), len(test)) and 5 <= len(test) <= 6
    pairs = {
        (task.format(question), task.format(answer))
        for store in (train, test)
        for question, answer in zip(task.decode(store.inputs), task.decode(store.labels), strict=True)
    }
    assert pairs == set(rows)
    assert len(open_source(task, "out", split="train")) == len(train), "as training opens it"
    assert not list(Path().glob("*.tmp"))


def test_no_test_question_is_a_symmetry_of_one_learnt(write: Write) -> None:
    build_grids(write(turned(64)), Path("out"), symmetries=["flip-h", "symbols:ab"], test_share=0.3)
    task, train, test = stores(Path("out"))
    assert 18 <= len(test) <= 22

    def views(text: str) -> set[str]:
        other = text.translate({97: "b", 98: "a"})
        return {text, text[::-1], other, other[::-1]}

    learnt = set(questions(task, train))
    assert not any(views(question) & learnt for question in questions(task, test))
    assert len(np.unique(train.groups)) < len(train), "questions that are symmetries of one another are a group"


def test_groups_are_never_torn_apart(write: Write) -> None:
    rows = [(*pair, f"g{i % 7}") for i, pair in enumerate(turned(40))]
    built = build_grids(write(rows, columns="input,output,group"), Path("out"), test_share=0.2)
    task, train, test = stores(Path("out"))
    group = {question: name for question, _, name in rows}
    learnt, tested = ({group[question] for question in questions(task, store)} for store in (train, test))
    assert built.groups == 7 and learnt and tested and not learnt & tested
    for store in (train, test):
        assert len(np.unique(store.groups)) == len({group[question] for question in questions(task, store)})


def test_groups_with_a_question_in_common_stay_together(write: Write) -> None:
    first = turned(12)
    rows = [(*pair, f"g{i // 2}") for i, pair in enumerate(first)]
    rows += [(first[i][0], "a" * 6, f"g{i // 2 + 1}") for i in (0, 2, 4)]  # g0-g1-g2-g3 are linked
    built = build_grids(write(rows, columns="input,output,group"), Path("out"), allow_contradictions=True)
    assert built.groups == 3 and built.contradictions == 3


def test_the_seed_draws_the_test(write: Write) -> None:
    file = write(turned(40))
    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        build_grids(file, Path(folder), name="same", seed=seed)
    a, b, c = (stores(Path(folder))[2].inputs.tolist() for folder in "abc")
    assert a == b != c


def test_duplicates_are_dropped_and_told(write: Write) -> None:
    rows = turned(20)
    built = build_grids(write([*rows, *rows[:5]]), Path("out"))
    assert (built.rows, built.duplicates, built.train + built.test) == (25, 5, 20)
    mentions(built.lines(), "5 pairs")


def test_contradictions(write: Write) -> None:
    rows = turned(20)
    file = write([*rows, (rows[3][0], "aaaaaa"), (rows[4][0], "aaaaaa")])
    with raises(DataError, "2 questions") as error:
        build_grids(file, Path("out"))
    assert re.search(r"pairs\.csv, line (5\b.*line 22|6\b.*line 23)\b", str(error.value))
    assert not Path("out").exists()
    built = build_grids(file, Path("out"), allow_contradictions=True)
    assert built.contradictions == 2 and built.train + built.test == 22
    task, train, test = stores(Path("out"))
    assert not set(questions(task, train)) & set(questions(task, test))


def test_a_test_file_of_its_own(write: Write) -> None:
    rows = turned(30)
    train, test = write(rows[:25], "train.csv"), write(rows[20:], "test.csv")
    built = build_grids(train, Path("out"), test=test, symmetries=["flip-h"])
    task, learnt, tested = stores(Path("out"))
    assert questions(task, tested) == [question for question, _ in rows[20:]]
    seen = {view for question, _ in rows[20:] for view in (question, question[::-1])}
    assert sorted(questions(task, learnt)) == sorted(question for question, _ in rows[:20] if question not in seen)
    assert built.withheld == 25 - len(learnt) and built.withheld >= 5
    with raises(DataError, "train"):
        build_grids(train, Path("again"), test=train)


def test_a_folder_with_files_for_training_and_test(write: Write) -> None:
    Path("data").mkdir()
    write(turned(30)[:25], "data/train.csv")
    Path("data/test.jsonl").write_text('{"input": [["b", "c"]], "output": [["c", "b"]]}\n')
    built = build_grids(Path("data"), Path("out"))
    assert (built.train, built.test) == (25, 1) and built.spec.alphabet == ("a", "b", "c") and built.spec.varies
    mentions(built.lines()[0], "out", "26 pairs", "1 x 6")


def test_groups_of_train_and_test_files(write: Write) -> None:
    rows = turned(6)
    train = write([(*pair, "g") for pair in rows[:3]], "train.csv", "input,output,group")
    test = write([(*pair, "g") for pair in rows[3:]], "test.csv", "input,output,group")
    with raises(DataError, "'g'", "train.csv", "test.csv"):
        build_grids(train, Path("out"), test=test)
    with raises(DataError, "groups"):
        build_grids(train, Path("out"), test=write(rows[3:], "test.csv"))
    test = write([(*pair, "h") for pair in rows[3:]], "test.csv", "input,output,group")
    assert build_grids(train, Path("out"), test=test).groups == 2


def test_tasks_as_arc_has_them(write: Write) -> None:
    Path("tasks").mkdir()
    for i in range(4):
        pairs = [{"input": [[i, k]], "output": [[k, i], [k, i]]} for k in range(3)]
        Path(f"tasks/{i}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    built = build_grids(Path("tasks"), Path("out"), test_share=0.25)
    task, train, test = stores(Path("out"))
    assert (built.groups, len(train), len(test)) == (4, 9, 3) and task.about.varies
    assert len({question[0] for question in questions(task, test)}) == 1, "one whole task"


def test_wrong_answers(write: Write) -> None:
    rows = turned(20)
    file = write([*rows[:7], (rows[7][0], "aaaaaa"), *rows[8:]])
    with raises(DataError, "pairs.csv, line 9", "output", "not turned around"):
        build_grids(file, Path("out"), checker="turned_around:same_bits")
    test = write([*rows[:2], (rows[2][0], "aaaaaa")], "test.csv")
    with raises(DataError, "test.csv, line 4", "output", "not turned around"):
        build_grids(write(rows), Path("out"), test=test, checker="turned_around:same_bits")
    with raises(RedraftError, "turned_around:other"):
        build_grids(write(rows), Path("out"), checker="turned_around:other")


def test_symmetries_that_make_right_answers_wrong(write: Write) -> None:
    Path("first_is_kept.py").write_text("def check(question, answer):\n    return question[0][0] == answer[0][0]\n")
    file = write([(question, question[0] + "a" * 5) for question, _ in turned(20)])
    with raises(DataError, "flip-h", "first_is_kept:check"):
        build_grids(file, Path("out"), checker="first_is_kept:check", symmetries=["symbols:ab", "flip-h"])
    assert build_grids(file, Path("out"), checker="first_is_kept:check", symmetries=["symbols:ab"]).train == 18


def test_sources_that_cannot_be_split(write: Write) -> None:
    one = write([("ab", "ba")])
    with raises(DataError, "pair"):
        build_grids(one, Path("out"))
    grouped = write([("ab", "ba", "g"), ("aa", "aa", "g")], columns="input,output,group")
    with raises(DataError, "2 pairs"):
        build_grids(grouped, Path("out"))
    two = write([("ab", "ba"), ("aa", "aa")])
    built = build_grids(two, Path("out"), test_share=0.9)
    assert (built.train, built.test) == (1, 1), "something is left to learn from"


def test_options_out_of_range(write: Write) -> None:
    file = write(turned(20))
    for share in (0, 1, -0.5):
        with raises(DataError, "test share", 0, 1):
            build_grids(file, Path("out"), test_share=share)
    with raises(DataError, "limit", 1, 0):
        build_grids(file, Path("out"), limit=0)
    with raises(ConfigError, "'mirror'"):
        build_grids(file, Path("out"), symmetries=["mirror"])
    with raises(ConfigError, "transpose", "1 x 6"):
        build_grids(file, Path("out"), symmetries=["transpose"])
    with raises(DataError, "line 2", "input", "row 1, column", "'b'", "a x"):
        build_grids(file, Path("out"), alphabet="ax")
    Path("there").mkdir()
    with raises(DataError, "there"):
        build_grids(file, Path("there"))
    assert build_grids(file, Path("out"), limit=10, alphabet="bca").spec.alphabet == ("b", "c", "a")


def test_nothing_is_left_when_writing_fails(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Store, folder: Path) -> None:
        folder.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        build_grids(write(turned(20)), Path("out"))
    assert sorted(each.name for each in Path().iterdir()) == ["pairs.csv", "turned_around.py"]


def test_more_than_memory_holds(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    free = redraft.data.grids.free_memory()
    assert free is None or free > 1 << 20
    monkeypatch.setattr(redraft.data.grids, "free_memory", lambda: 3200)
    with raises(DataError, "20 pairs", "6 cells", "10 pairs"):
        build_grids(write(turned(20)), Path("out"))


def test_a_summary_in_lines() -> None:
    spec = GridSpec(name="mine", alphabet=("a", "b"), height=3, width=3, symmetries=("rotate",), checker="rules:check")
    built = Built(spec=spec, rows=2000, duplicates=0, contradictions=2, withheld=3, groups=9, train=1800, test=197)
    found = (
        ("mine", "2,000 pairs", "3 x 3"),
        ("a b", "2 symbols"),
        ("rotate", "rules:check"),
        ("1,800 pairs", 197, 9),
        ("3 pairs",),
        ("2 questions",),
    )
    for line, parts in zip(built.lines(), found, strict=True):
        mentions(line, parts)


PARITY = [("1.0/.0./011", "110/001/011"), ("..0/10./.11", "110/101/011"), ("0../.0./0.1", "010/101/011")]


def test_the_cells_to_fill_in_are_found_where_answers_keep_all_others(write: Write) -> None:
    assert build_grids(write(PARITY * 9), Path("out")).spec.blank == "."
    task, _, _ = stores(Path("out"))
    assert task.open_token == task.encode(task.parse("." * 9)).max()
    assert task.symbols(task.parse(PARITY[0][0]))[0] == ["1", "·", "0"]
    assert build_grids(write(PARITY * 9), Path("named"), blank=".").spec.blank == "."
    for blank in ("0", "x"):
        with raises(DataError, "blank", f"'{blank}'", "'.'"):
            build_grids(write(PARITY * 9), Path("other"), blank=blank)


def test_no_cells_to_fill_in_where_questions_and_answers_are_other_things(write: Write) -> None:
    sources = [turned(50), [("a.", "ba"), ("b.", "ab")], [("._/a.", "ba/ab"), ("__/..", "ab/ba"), ("../..", "aa/bb")]]
    for number, rows in enumerate(sources):
        assert build_grids(write(rows), Path(f"out{number}")).spec.blank is None


def test_grids_in_a_single_row_that_seem_to_be_squares_need_a_shape(write: Write) -> None:
    rows = [(question.replace("/", ""), answer.replace("/", "")) for question, answer in PARITY * 9]
    with raises(DataError, "9 cells", "3 x 3", "--shape 3x3"):
        build_grids(write(rows), Path("out"))
    built = build_grids(write(rows), Path("out"), shape=(3, 3))
    assert (built.spec.height, built.spec.width, built.spec.blank) == (3, 3, ".")
    assert build_grids(write(rows), Path("rows"), shape=(1, 9)).spec.height == 1


def test_numbers_that_may_have_lost_their_zeros_are_warned_of(write: Write) -> None:
    rows = [("120", "210"), ("21", "12"), ("1020", "2010"), ("2010", "1020")]
    with warns(DataWarning, 2, 4, "zeros"):
        build_grids(write(rows), Path("out"))


@pytest.mark.parametrize("odd", ["{a b}", "`a b`", "a; b", "x=1 y=2"])
def test_what_is_left_over_from_lists_and_code_is_no_symbol(write: Write, odd: str) -> None:
    rows = [("a b", "b a"), (f'"{odd}"', "b a")]
    with raises(DataError, "pairs.csv, line 3", "input"):
        build_grids(write(rows), Path("out"))
    assert not Path("out").exists()


def test_brackets_are_symbols_where_the_alphabet_says_so(write: Write) -> None:
    rows = [("()(", "())"), ("(((", ")))"), (")()", "(()")]
    assert build_grids(write(rows), Path("out"), alphabet="()").spec.alphabet == ("(", ")")


@pytest.mark.parametrize("form", [str, repr, lambda rows: str(np.array(rows)), lambda rows: repr(np.array(rows))])
def test_lists_as_python_and_numpy_write_them(write: Write, form: Callable[[list[list[str]]], str]) -> None:
    grids = [[["R", "G"], ["B", "B"]], [["G", "R"], ["B", "B"]], [["G", "G"], ["B", "R"]], [["R", "R"], ["B", "B"]]]
    pairs = [(grids[0], grids[1]), (grids[2], grids[3])]
    rows = [tuple('"' + form(grid).replace('"', '""') + '"' for grid in pair) for pair in pairs]
    spec = build_grids(write(rows), Path("out")).spec
    assert (spec.alphabet, spec.height, spec.width) == (("B", "G", "R"), 2, 2)
