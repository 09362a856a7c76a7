"""Votes: counting, ranking, merging and files."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.ballots import EMPTY, A, B, C, cast, task
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.arc.votes import Shard, Votes, data_fingerprint
from redraft.errors import DataError


def table(votes: Votes) -> dict[Any, list[tuple[Any, int, float]]]:
    """All that is known of the candidates, in the order of their ranks."""
    return {
        question: [(each.grid.tolist(), each.count, each.probability) for each in votes.ranked(*question)]
        for question in sorted(votes)
    }


# ranking
def test_more_votes_come_first() -> None:
    votes = cast(("t", 0, A, 0.99), ("t", 0, B, 0.1), ("t", 0, B, 0.3))
    first, second = votes.ranked("t", 0)
    assert (first.grid.tolist(), first.count, first.probability) == (B.tolist(), 2, pytest.approx(0.2))
    assert (second.grid.tolist(), second.count, second.probability) == (A.tolist(), 1, pytest.approx(0.99))
    assert first.grid.dtype == np.uint8 and len(votes) == 3


def test_equal_votes_go_by_mean_probability_then_by_who_came_first() -> None:
    votes = cast(("t", 0, A, 0.5), ("t", 0, B, 0.9), ("t", 0, C, 0.5))
    assert [each.grid.tolist() for each in votes.ranked("t", 0)] == [B.tolist(), A.tolist(), C.tolist()]
    votes.add("t", 0, C, 0.5, order=0)
    votes.add("t", 0, A, 0.5, order=1)
    assert [each.grid.tolist() for each in votes.ranked("t", 0)] == [A.tolist(), C.tolist(), B.tolist()]


def test_grids_of_other_shape_or_test_are_other_candidates() -> None:
    wide, tall = np.zeros((1, 4), np.uint8), np.zeros((4, 1), np.uint8)
    votes = cast(("t", 0, wide, 0.5), ("t", 0, tall, 0.5), ("t", 1, wide, 0.5), ("u", 0, wide, 0.5))
    assert {question: len(rows) for question, rows in table(votes).items()} == {("t", 0): 2, ("t", 1): 1, ("u", 0): 1}
    assert votes.ranked("t", 2) == []
    with pytest.raises(ValueError, match="unpack"):
        votes.add("t", 0, np.zeros((1, 2, 3), np.uint8), 0.5)


# merging
BALLOTS = st.lists(
    st.tuples(st.sampled_from("tu"), st.integers(0, 1), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=40
)


@settings(max_examples=50, deadline=None)
@given(ballots=BALLOTS, shards=st.integers(1, 5), seed=st.integers(0, 9))
def test_merged_shards_are_the_votes_of_one_process(ballots: list[Any], shards: int, seed: int) -> None:
    def collected(numbers: range) -> Votes:
        votes = Votes({"steps": 16})
        for order in numbers:
            name, test, colour, probability = ballots[order]
            votes.add(name, test, np.full((1, 1), colour, np.uint8), probability, order=order)
        return votes

    parts = [collected(range(i, len(ballots), shards)) for i in range(shards)]
    parts = [parts[i] for i in np.random.default_rng(seed).permutation(shards)]
    merged = parts[0].merge(*parts[1:])
    assert table(merged) == table(collected(range(len(ballots)))), "to the last bit, whatever the order"
    assert len(merged) == len(ballots)


def test_merging_leaves_its_parts_alone() -> None:
    first, second = cast(("t", 0, A, 0.5)), cast(("t", 0, A, 0.7))
    assert len(first.merge(second)) == 2 and len(first) == len(second) == 1
    assert first.ranked("t", 0)[0].count == 1


def test_votes_of_other_origin_are_not_merged() -> None:
    ours = cast(("t", 0, A, 0.5), origin={"weights": "w", "steps": 16})
    theirs = cast(("t", 0, B, 0.5), origin={"weights": "v", "steps": 16})
    with pytest.raises(DataError, match=r"weights \(v\).*\(w\)"):
        ours.merge(theirs)
    with pytest.raises(DataError, match=r"steps \(None\).*\(16\)"):
        ours.merge(cast(origin={"weights": "w"}))
    both = ours.merge(theirs, force=True)
    assert len(both) == 2 and both.origin == {"steps": 16}, "what they share remains known"


def test_a_shard_is_not_merged_twice() -> None:
    parts = [Votes(shards=[Shard(i, 3, 5, 5)]) for i in (1, 2, 3)]
    assert parts[0].merge(*parts[1:]).missing() == []
    with pytest.raises(DataError, match="shard 2/3 "):
        parts[0].merge(parts[1], parts[1])
    with pytest.raises(DataError, match=r"shard 1/2 .*1/3"):
        parts[0].merge(Votes(shards=[Shard(1, 2, 5, 5)]))
    assert len(parts[0].merge(parts[0], force=True).shards) == 2


def test_missing_shards() -> None:
    votes = Votes(shards=[Shard(1, 3, 5, 5), Shard(3, 3, 2, 4)])
    assert votes.missing() == ["2/3", "3/3 (2 of 4 votes)"]
    assert Votes().missing() == []


# files
def test_a_file_holds_everything(tmp_path: Path) -> None:
    origin = {"weights": "w", "number of views": None, "steps": 16}
    votes = cast(
        ("é|/", 1, C, 0.25), ("t", 0, A, 1), ("t", 0, B, 0), ("t", 0, A, 1 / 3), ("t", 2, EMPTY, 0.5),
        origin=origin, shards=[Shard(2, 3, 5, 9)],
    )  # fmt: skip
    votes.save(tmp_path / "votes")
    again = Votes.open(tmp_path / "votes")
    assert table(again) == table(votes) and len(again) == 5
    assert (again.origin, again.shards, again.place) == (origin, votes.shards, str(tmp_path / "votes"))
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "votes").read_bytes()
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["again", "votes"], "nothing half-written"
    Votes().save(tmp_path / "none")
    assert len(Votes.open(tmp_path / "none")) == 0


def damage(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[bytes], bytes]:
    """A change of the arrays of a file as a change of its bytes."""

    def changed(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as opened:
            arrays = dict(opened)
        change(arrays)
        out = io.BytesIO()
        np.savez(out, **arrays)
        return out.getvalue()

    return changed


def meta(**values: Any) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        held = {**json.loads(arrays["meta"].tobytes()), **values}
        arrays["meta"] = np.frombuffer(json.dumps(held).encode(), np.uint8)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"", "redraft arc eval"),
        (lambda content: b"votes", "redraft arc eval"),
        (lambda content: content[: len(content) // 2], "redraft arc eval"),
        (lambda content: content[:100] + bytes([content[100] ^ 255]) + content[101:], "redraft arc eval"),
        (damage(lambda arrays: arrays.pop("sums")), "sums"),
        (damage(meta(format=2)), "format 1"),
        (damage(meta(shards=[[1, 2]])), ""),
        (damage(meta(questions=[])), ""),
        (damage(lambda arrays: arrays.update(meta=np.frombuffer(b"{", np.uint8))), "redraft arc eval"),
        (damage(lambda arrays: arrays.update(counts=arrays["counts"][:1])), "length"),
        (damage(lambda arrays: arrays.update(cells=arrays["cells"][1:])), "length"),
        (damage(lambda arrays: arrays.update(counts=arrays["counts"].astype(float))), "counts: expected int64"),
        (damage(lambda arrays: arrays.update(counts=arrays["counts"] * 0)), "candidate"),
        (damage(lambda arrays: arrays.update(questions=arrays["questions"] - 1)), "candidate"),
    ],
)
def test_damaged_files(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    file = tmp_path / "votes.npz"
    cast(("t", 0, A, 0.5), ("t", 0, C, 0.5)).save(file)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DataError) as caught:
        Votes.open(file)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: .*file.*redraft arc eval"):
        Votes.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"^{tmp_path}: .*redraft arc eval"):
        Votes.open(tmp_path)
    np.save(tmp_path / "array.npy", A)
    with pytest.raises(DataError, match=r"array\.npy: .*redraft arc eval"):
        Votes.open(tmp_path / "array.npy")


# fingerprints
def test_the_fingerprint_of_data() -> None:
    data = [task("t", A, B), task("u", A)]
    assert data_fingerprint(data) == data_fingerprint(data[::-1]) == data_fingerprint([task("t", C, None), data[1]])
    others = [[task("t", A), data[1]], [task("v", A, B), data[1]], data[:1]]
    assert len({data_fingerprint(each) for each in (data, *others)}) == 4
