"""JSON and YAML of files: what is read, and that all else is one error that names the file."""

import json
from pathlib import Path

import pytest

import redraft.contents
from redraft.contents import parse_json, read_json, read_object, read_yaml, within
from redraft.errors import DataError, WeightsError

VALUES = {"task": "größer", "size": [1, 2.5, None, True], "NaN": float("inf")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_any_of_its_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.json").write_bytes(json.dumps(VALUES, ensure_ascii=False).encode(encoding))
    assert read_object(tmp_path / "x.json", DataError) == VALUES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"char 0\b"),
        (b"{", r"char 1\b"),
        (b"\xff\xfe\x00", "utf-16"),
        ('{"ä": 1}'.encode("latin-1"), "utf-8"),
        (b"[" * 10**6, "nested"),
        (b'{"a":' * 10**5, "nested"),
        (b'["\\ud800"]', "surrogates"),
        (b"[" + b"1" * 5000 + b"]", "4300"),
        (b'{"a": {"b": 1, "b": 2}}', "'b'"),
    ],
)
def test_what_is_no_json(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        parse_json(content)
    with pytest.raises(WeightsError, match=rf"x\.json: .*JSON.*{message}"):
        read_json(tmp_path / "x.json", WeightsError)


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"x\.json: .*No such file.*a store"):
        read_json(tmp_path / "x.json", DataError, expected="a store")
    with pytest.raises(DataError, match=rf"{tmp_path}: .*directory"):
        read_json(tmp_path, DataError)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataError, match=r"x\.json: .*object"):
        read_object(tmp_path / "x.json", DataError)
    monkeypatch.setattr(redraft.contents, "MOST", 2048)
    (tmp_path / "x.json").write_text(" " * 2049)
    with pytest.raises(DataError, match=r"x\.json: .*2 kB"):
        read_json(tmp_path / "x.json", DataError)


def test_within() -> None:
    values = {"a": {"b": {"c": 1}, "n": None}}
    assert within(values, "a", "b", "c") == 1 and within(values) == values
    nothing = [within(values, "a", "b", "c", "d"), within(values, "x"), within([], "a"), within(values, "a", "n")]
    assert nothing == [None] * 4


YAML = "arch:\n  H_cycles: 3\n  name: größer\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_yaml(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.yaml").write_bytes(YAML.encode(encoding))
    assert read_yaml(tmp_path / "x.yaml", DataError) == {"arch": {"H_cycles": "3", "name": "größer"}}


def test_tags_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: !!python/object/apply:os.abort []\nb: !x 2001-99-99\nc: &c [1]\nd: *c\n")
    assert read_yaml(tmp_path / "x.yaml", DataError) == {"a": [], "b": "2001-99-99", "c": ["1"], "d": ["1"]}


@pytest.mark.parametrize(
    "content", [b"[", b"a: &a [*a]", b"\xff\xfe\x00", b"\xe9: 1", b"? {a: b}\n: c", b"[" * 10**5, b"x" * 10**6, b"\x00"]
)
def test_what_is_no_yaml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(DataError, match=r"^[^\n]*x\.yaml: [^\n]*YAML[^\n]+$"):
        read_yaml(tmp_path / "x.yaml", DataError)
