"""The all_config.yaml beside a published checkpoint: read as YAML, or an error that names it."""

from pathlib import Path

import pytest
import torch

from redraft.cli import main
from redraft.errors import WeightsError
from redraft.weights.published import PublishedShape

YAML = "arch:\n  name: größer\n  H_cycles: 3\n  L_cycles: 6\n  num_heads: 4\n  puzzle_emb_len: 0\nepochs: 50000\n"
SHAPE = PublishedShape(T=3, n=6, num_heads=4, puzzle_positions=0)


@pytest.mark.parametrize(
    "text",
    [
        YAML,
        YAML.replace("\n", "\r\n"),
        YAML.removeprefix("arch:\n").replace("  ", ""),
        "{arch: {H_cycles: 3, L_cycles: '6', num_heads: 4, puzzle_emb_len: 0}}",
        "%YAML 1.1\n---\n# by hand\n" + YAML.replace("6", "6  # as published"),
        YAML + "callback: !!python/object:os.abort {}\nwhen: 2001-99-99\n",
        YAML + "other:\n  H_cycles: 7\n",
    ],
    ids=["as written", "of Windows", "flat", "in braces", "with comments", "with tags", "the same key elsewhere"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "all_config.yaml").write_bytes(text.encode(encoding))
    assert PublishedShape.beside(tmp_path / "step_1") == SHAPE


@pytest.mark.parametrize("text", ["arch: {}", "epochs: 3", "arch: {H_cycles: null, L_cycles: ~, num_heads: }"])
def test_what_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "all_config.yaml").write_text(text)
    assert PublishedShape.beside(tmp_path / "step_1") == PublishedShape()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"arch: [", "YAML"),
        (YAML.encode("latin-1"), "YAML"),
        (b"\xff\xfe" + YAML.encode("latin-1"), "YAML"),
        (b"PK\x03\x04", "YAML"),
        (b"[" * 1_000, "YAML"),
        (b"x" * 300_000, "256 kB"),
        (b"", "key"),
        (b"- H_cycles: 3", "key"),
        (b"arch: [3]", "key"),
        (b"arch: {H_cycles: three}", "H_cycles: .* 1 .*999999.*'three'"),
        (b"arch: {L_cycles: 0}", "L_cycles: .* 1 .*'0'"),
        (b"arch: {num_heads: 1.5}", r"num_heads: .* 1 .*'1\.5'"),
        (b"arch: {puzzle_emb_len: [1]}", r"puzzle_emb_len: .* 0 .*\['1'\]"),
        (b"arch: {H_cycles: " + b"9" * 5000 + b"}", "H_cycles: .* 1 .*'99"),
    ],
)
def test_what_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    (tmp_path / "all_config.yaml").write_bytes(content)
    with pytest.raises(WeightsError, match=r"all_config\.yaml: .*" + message):
        PublishedShape.beside(tmp_path / "step_1")
    torch.save({"embed_tokens.embedding_weight": torch.zeros(6, 8)}, tmp_path / "step_1")
    assert main(["import", str(tmp_path / "step_1"), "--task", "sudoku-4x4"]) == 2
    err = capsys.readouterr().err
    assert "all_config.yaml: " in err and len(err.splitlines()) == 1
    assert not (tmp_path / "step_1-redraft").exists()
