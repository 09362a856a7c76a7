"""`redraft compare` of weights, ARC votes and language models."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions, refused

from redraft.arc.votes import Votes, data_fingerprint
from redraft.commands.compare_llm import FOLDER, REPLIES
from redraft.compare.llm.prompts import script_for
from redraft.data.arc import build_arc
from redraft.models import TRMConfig, build_model
from redraft.tasks import get_task
from redraft.tasks.arc.files import read_tasks
from redraft.weights.io import save_weights

Run = Callable[..., tuple[int, str, str]]
TASK = get_task("sudoku-4x4")
MADE = TASK.make(6, 0)
SCRIPT = script_for(TASK)


def knows(prompt: str) -> str:
    """What a language model says that knows the answers to make:6@0, the last one too."""
    pairs = zip(MADE.questions, MADE.answers, strict=True)
    return next(f"So:\n{SCRIPT.write(answer)}" for question, answer in pairs if SCRIPT.write(question) in prompt)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Weights whose card says what they were trained on."""
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )  # fmt: skip
    learnt = {"run": {"init": None, "data": {"train": "make:2@0", "train_limit": None}}}
    save_weights(tmp_path / "other", build_model(config), task="sudoku-4x4", card=learnt)
    return tmp_path / "other"


@pytest.mark.usefixtures("foreseen")
class TestWeights:
    def test_figures(self, run: Run, weights: Path, other: Path, tmp_path: Path) -> None:
        file, table = tmp_path / "c.json", tmp_path / "c.md"
        status, out, err = run(
            "compare", f"{weights}@3", other, "--data", "make:6@0", "--steps", 5, "--json", file, "--markdown", table
        )
        assert (status, err) == (0, "")
        found = json.loads(file.read_text())
        first, second = found["entrants"]
        assert found["rows"] == 4 and (first["name"], second["name"]) == (f"{weights}@3", str(other))
        assert (first["solved"]["last"]["hits"], second["solved"]["last"]["hits"]) == (1, 3), "of puzzles 3 to 6"
        (pair,) = found["pairs"]
        assert (pair["wins"], pair["losses"], pair["both"], pair["neither"]) == (0, 2, 1, 1)
        assert pair["p"] == 0.5 and pair["in_words"] in out and pair["in_words"] in table.read_text()
        mentions(out, "2 rows", other, "make:2@0")
        assert f"{weights}@3: " in out

    @pytest.mark.parametrize("columns", [None, "40"])
    def test_names_are_whole(
        self, run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str | None
    ) -> None:
        """In a pipe, and on the narrowest terminal: names that differ at their ends are to be told apart."""
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        named = [tmp_path / f"a_rather_long_name_of_an_experiment_seed_{seed}" for seed in (0, 1)]
        for folder in named:
            shutil.copytree(weights, folder)
        status, out, _ = run("compare", *named, "--data", "make:6@0", "--steps", 5)
        assert status == 0 and "…" not in out
        assert all(out.count(str(folder)) >= 2 for folder in named)

    def test_where_each_halts_and_what_counts(self, run: Run, weights: Path, other: Path, tmp_path: Path) -> None:
        arguments = ["compare", weights, other, "--data", "make:6@0", "--json", tmp_path / "c.json"]
        assert run(*arguments, "--at", "halt", "--measure", "exact", "--limit", 5)[0] == 0
        found = json.loads((tmp_path / "c.json").read_text())
        assert (found["at"], found["measure"], found["rows"]) == ("halt", "exact", 3)
        assert found["entrants"][0]["mean_steps"] == pytest.approx((3 + 4 + 5) / 3)

    def test_what_is_kept_is_not_evaluated_again(
        self, run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = ["compare", weights, f"{weights}@2", "--data", "make:6@0", "--save", tmp_path / "kept"]
        once = run(*arguments)
        assert once[0] == 0 and len(list((tmp_path / "kept").iterdir())) == 2
        monkeypatch.setattr("redraft.evaluate.evaluate.evaluate", lambda *_, **__: pytest.fail("evaluated again"))
        assert run(*arguments) == once
        with pytest.raises(pytest.fail.Exception, match="evaluated again"):
            run(*arguments, "--steps", 3)


def test_a_picture(run: Run, weights: Path, other: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("compare", weights, other, "--data", "make:9", "--plot", tmp_path / "c.svg", "--steps", 1)[0] == 0
    assert (tmp_path / "c.svg").exists()


def test_alone_and_with_tools_beside_the_weights_of_the_tools(run: Run, tmp_path: Path, model: Any) -> None:
    def reply(prompt: str) -> Any:
        body = model.bodies[-1]
        last = body["messages"][-1]
        if "tools" not in body:
            return "I cannot tell."
        if last["role"] == "user":
            grid = prompt.split("Puzzle:\n")[1].split("\n\n")[0]
            function = {"name": "solve", "arguments": json.dumps({"puzzle": grid})}
            call = {"id": "1", "type": "function", "function": function}
            message = {"content": None, "tool_calls": [call, {**call, "function": {**function, "name": "make"}}]}
            return 200, {}, json.dumps({"choices": [{"message": message}]}).encode()
        assert json.loads(last["content"])["error"]["status"] == 404, "make is not offered"
        [found] = json.loads(body["messages"][-2]["content"])["results"]
        assert found["status"] == "solved", found
        return "So:\n" + SCRIPT.write(TASK.parse(found["answer"]))

    model.reply = reply
    arguments = ["compare", "sudoku-4x4", "--data", "make:6@0", "--llm", model.url, "--llm-model", "fake"]
    arguments += [
        "--tools",
        "--llm-parallel",
        1,
        "--llm-limit",
        4,
        "--save",
        tmp_path / "kept",
        "--json",
        tmp_path / "c.json",
    ]
    status, out, err = run(*arguments)
    assert status == 0, err
    weights, alone, helped = json.loads((tmp_path / "c.json").read_text())["entrants"]
    assert [each["name"] for each in (weights, alone, helped)] == ["sudoku-4x4", "fake", "fake with tools"]
    assert (alone["solved"]["last"]["share"], helped["solved"]["last"]["share"]) == (0, 1)
    assert (alone["facts"]["tool_calls"], helped["facts"]["tool_calls"]) == (None, 8)
    mentions(out, "fake with tools", "8 calls of tools")
    sent = len(model.bodies)
    assert run(*arguments)[0] == 0 and len(model.bodies) == sent, "the replies were kept"


@pytest.mark.usefixtures("foreseen")
class TestLanguageModels:
    def test_beside_weights(self, run: Run, weights: Path, tmp_path: Path, model: Any) -> None:
        model.reply = knows
        arguments = ["compare", weights, "--data", "make:6@0", "--llm", model.url, "--llm-model", "fake"]
        arguments += ["--llm-limit", 4, "--save", tmp_path / "kept", "--json", tmp_path / "c.json"]
        status, out, err = run(*arguments)
        assert status == 0
        mentions(err, "fake", model.url, "4 of 6 rows", "--llm-limit")
        found = json.loads((tmp_path / "c.json").read_text())
        assert [each["rows"] for each in found["entrants"]] == [6, 4] and found["pairs"][0]["rows"] == 4
        assert found["entrants"][1]["solved"]["last"]["share"] == 1
        assert found["entrants"][1]["facts"]["prompt_tokens"] == 400
        assert found["reported"] == []
        mentions(out, "fake", "4 of 4 rows")
        assert len(model.bodies) == len((tmp_path / "kept" / REPLIES).read_text().splitlines()) == 4
        assert run(*arguments)[0] == 0 and len(model.bodies) == 4, "the replies were kept"

    def test_alone_several_and_with_a_key(
        self, run: Run, tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MY_KEY", "sk-secret")
        model.reply = knows
        arguments = ["compare", "--data", "make:6@0", "--task", "sudoku-4x4", "--llm", model.url, "--reported"]
        arguments += ["--llm-key-env", "MY_KEY", "--llm-model", "one", "--llm-model", "two"]
        status, out, err = run(*arguments)
        assert status == 0
        mentions(out, "one", "two", "6 of 6 rows", "Sudoku-Extreme")
        assert {each["Authorization"] for each in model.headers} == {"Bearer sk-secret"}
        kept = (FOLDER / REPLIES).read_text()
        assert "sk-secret" not in out + err + kept

    def test_an_endpoint_that_fails_leaves_the_other_rows(
        self, run: Run, weights: Path, tmp_path: Path, model: Any
    ) -> None:
        model.reply = lambda prompt: (200, {}, b"<html>Hello")
        arguments = ["compare", weights, f"{weights}@2", "--data", "make:6@0", "--llm", model.url, "--llm-model", "odd"]
        status, out, err = run(*arguments, "--save", tmp_path / "kept", "--llm-parallel", 1)
        assert status == 2
        mentions(err, "redraft compare", "odd", model.url, "<html>Hello", 3)
        mentions(out, "points", "odd", "0 of 6 rows")

    def test_one_that_hangs(self, run: Run, weights: Path, tmp_path: Path, model: Any) -> None:
        model.reply = model.hang
        arguments = ["compare", weights, "--data", "make:6@0", "--llm", model.url, "--llm-model", "slow"]
        status, _, err = run(
            *arguments, "--llm-timeout", 0.1, "--llm-retries", 0, "--llm-parallel", 1, "--save", tmp_path / "k"
        )
        assert status == 2
        mentions(err, "0.1 seconds", "3 failures")


class TestArc:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        build_arc("make:4@3", tmp_path / "arc", count=2)
        return tmp_path / "arc"

    def test_votes_and_a_language_model(self, run: Run, data: Path, tmp_path: Path, model: Any) -> None:
        tasks = read_tasks(str(data / "tasks.json"))
        votes = Votes({"data": data_fingerprint(tasks)})
        for task in tasks[:3]:
            output = task.test[0].output
            assert output is not None
            votes.add(task.name, 0, output, 0.9)
        votes.save(tmp_path / "votes.npz")
        script = script_for(get_task("arc"))
        known = {script.write(task.test[0].input): task.test[0].output for task in tasks}

        def reply(prompt: str) -> str:
            assert prompt.count("Example ") == 2 * len(tasks[0].train), "the demonstrations of the task"
            asked = prompt.split("Input:\n")[1].split("\n\n")[0]
            return json.dumps(known[asked].tolist())

        model.reply = reply
        llm = ["--llm", model.url, "--llm-model", "fake", "--save", tmp_path / "kept"]
        status, out, _ = run("compare", tmp_path / "votes.npz", "--data", data, *llm, "--json", tmp_path / "c.json")
        assert status == 0 and "ARC-AGI-2 (2 tries)" in out
        found = json.loads((tmp_path / "c.json").read_text())
        assert [each["exact"]["last"]["hits"] for each in found["entrants"]] == [3, 4]
        status, _, _ = run("compare", "--task", "arc", "--data", data / "tasks.json", *llm)
        assert status == 0 and len(model.bodies) == 4, "the same tasks from their file, whose replies are known"

    def test_votes_on_other_tasks(self, run: Run, data: Path, tmp_path: Path, weights: Path) -> None:
        Votes({"data": "another"}).save(tmp_path / "votes.npz")
        Votes().save(tmp_path / "more.npz")
        two = run("compare", tmp_path / "votes.npz", tmp_path / "more.npz", "--data", data)
        refused(two, tmp_path / "votes.npz", data)
        refused(run("compare", tmp_path / "votes.npz", weights, "--data", "make:3"), "votes", "ARC", "sudoku-4x4")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], "--data"),
        (["--data", "make:3"], "none"),
        (["weights", "--data", "make:3"], ("weights", "redraft eval")),
        (["weights", "weights", "--data", "make:3"], ("weights", "steps")),
        (["weights", "nowhere", "--data", "make:3"], ("nowhere", "weights")),
        (["weights", "sudoku-6x6", "--data", "make:3"], ("weights", "sudoku-4x4", "sudoku-6x6")),
        (["weights", "weights@0", "--data", "make:3"], ("weights@0", "1 step")),
        (["weights", "weights@2", "--data", "make:x"], ("make:COUNT", "make:COUNT@SEED")),
        (["weights", "weights@2", "--data", "make:3", "--limit", "0"], ("limit", 1)),
        (["weights", "weights@2", "--data", "make:3", "--steps", "0"], ("--steps", 1, 0)),
        (["weights", "other", "--data", "make:2@0"], "2 rows"),
        (["weights", "votes.npz", "--data", "make:3"], ("votes", "ARC")),
        (["weights", "weights@2", "--data", "make:3", "--plot", "x.pdf"], ("x.pdf", ".png", ".svg")),
        (["weights", "weights@2", "--data", "make:3", "--json", "no/x.json"], "no/x.json"),
        (["weights", "weights@2", "--data", "make:3", "--save", "six.csv"], ("six.csv", "folder")),
        (["weights", "--data", "make:3", "--llm", "http://x/v1"], ("--llm URL", "--llm-model NAME")),
        (["weights", "--data", "make:3", "--llm-model", "m"], ("--llm URL", "--llm-model NAME")),
        (["weights", "--data", "make:3", "--llm", "x", "--llm-model", "m"], ("'x'", "URL")),
        (["--data", "make:3", "--llm", "http://x/v1", "--llm-model", "m"], "--task sudoku-9x9"),
        (["--data", "make:3", "--llm", "http://x/v1", "--llm-model", "m", "--tools"], ("--tools", "weights")),
        (["weights", "weights@2", "--data", "make:3", "--tools"], ("--tools", "--llm")),
        (
            ["weights", "--data", "make:3", "--llm", "http://x/v1", "--llm-model", "m", "--llm-key-env", "NO_KEY"],
            ("--llm-key-env", "NO_KEY"),
        ),
        (
            ["weights", "--data", "make:3", "--llm", "http://x/v1", "--llm-model", "m", "--llm-timeout", "0"],
            ("--llm-timeout", 0),
        ),
        (
            ["weights", "--data", "make:3", "--llm", "http://x/v1", "--llm-model", "m", "--llm-budget", "0"],
            ("--llm-budget", 1, 0),
        ),
    ],
)
@pytest.mark.usefixtures("other")
def test_mistakes(
    run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "six.csv").write_text(f"question,answer\n{'.' * 36},{'.' * 36}\n")
    refused(run("compare", *arguments), parts)
