"""Import of published checkpoints: the recorded models as files, and files that are something else."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from redraft.cli import main
from redraft.errors import WeightsError
from redraft.models import model_kind
from redraft.weights.io import load_weights
from redraft.weights.published import PublishedShape, convert, published_name, rename

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ["trm_att", "trm_mlp", "trm_att_learned_pos", "hrm"]
YAML = """arch:
  name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1
  H_cycles: {H_cycles}
  L_cycles: {L_cycles}
  L_layers: 2
  hidden_size: {hidden_size}
  num_heads: {num_heads}
  puzzle_emb_ndim: {puzzle_emb_ndim}
{puzzle_emb_len}  rope_theta: 10000.0
  loss:
    name: losses@ACTLossHead
epochs: 50000
"""


def state_dict(name: str, prefix: str = "") -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        start = "state_dict/"
        found = {key.removeprefix(start): arrays[key] for key in arrays.files if key.startswith(start)}
    return {prefix + key: torch.from_numpy(value) for key, value in found.items()}


def settings(name: str) -> dict[str, Any]:
    return dict(json.loads((GOLDEN / f"{name}.json").read_text())["config"])


def write(folder: Path, name: str, prefix: str = "") -> Path:
    """A checkpoint as the published trainer leaves it, with its configuration beside it."""
    folder.mkdir()
    config = settings(name)
    reserved = f"  puzzle_emb_len: {config['puzzle_emb_len']}\n" if "puzzle_emb_len" in config else ""  # HRM has none
    (folder / "all_config.yaml").write_text(YAML.format(**config | {"puzzle_emb_len": reserved}))
    torch.save(state_dict(name, prefix), folder / "step_100")
    return folder / "step_100"


def logits(model: torch.nn.Module) -> torch.Tensor:
    tokens = torch.randint(6, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(tokens, torch.tensor([0, 2, 4]), model.initial_carry(3)).logits


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "model.inner.", "_orig_mod.model.inner."])
@pytest.mark.parametrize("name", NAMES)
def test_import(name: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {prefix + key.removeprefix("model.inner."): value for key, value in state_dict(name).items()}
    file = write(tmp_path / "run", name)
    torch.save(tensors, file)
    assert main(["import", str(file), "--task", "sudoku-4x4"]) == 0
    kind = "HRM" if name == "hrm" else "TRM"
    assert f"{tmp_path / 'run' / 'step_100-redraft'}: {kind}, " in capsys.readouterr().out

    opened = load_weights(tmp_path / "run" / "step_100-redraft")
    config = settings(name)
    shape = PublishedShape(
        T=config["H_cycles"],
        n=config["L_cycles"],
        num_heads=config["num_heads"],
        puzzle_positions=config.get("puzzle_emb_len"),
    )
    assert PublishedShape.beside(file) == shape
    want = convert(state_dict(name), vocab_size=6, seq_len=16, shape=shape)
    assert opened.task == "sudoku-4x4" and opened.model.config == want.config
    assert model_kind(want.config) == kind.lower()
    assert torch.equal(logits(opened.model), logits(want))


@pytest.mark.parametrize("name", ["trm_att", "hrm"])
def test_options_win_over_the_file_beside(name: str, tmp_path: Path) -> None:
    file = write(tmp_path / "run", name)
    out = tmp_path / "out"
    options = ["--seq-len", "16", "--vocab-size", "6", "--T", "1", "--n", "2", "-o", str(out)]
    assert main(["import", str(file), *options]) == 0
    opened = load_weights(out)
    assert (opened.model.config.T, opened.model.config.n, opened.model.config.num_heads) == (1, 2, 4)
    assert opened.task == "unknown"


def test_without_a_file_beside(tmp_path: Path) -> None:
    assert PublishedShape.beside(tmp_path / "step_100") == PublishedShape()
    model = convert(state_dict("trm_mlp"), vocab_size=6, seq_len=16)
    assert (model.config.T, model.config.n, model.config.puzzle_positions) == (3, 6, 2), "as the tensors and paper say"
    hrm = convert(state_dict("hrm"), vocab_size=6, seq_len=16)
    assert (hrm.config.T, hrm.config.n, hrm.config.puzzle_positions) == (2, 2, 1)


def test_as_many_puzzle_positions_as_the_table_fills() -> None:
    """The published code takes a `puzzle_emb_len` of 0 as: as many as needed."""
    model = convert(
        state_dict("trm_att"), vocab_size=6, seq_len=16, shape=PublishedShape(puzzle_positions=0, num_heads=4)
    )
    assert model.config.puzzle_positions == 1


def test_names_there_and_back() -> None:
    for name in {name for golden in NAMES for name in state_dict(golden)}:
        ours = rename(name)
        assert ours is not None
        assert name.removeprefix("model.").removeprefix("inner.") == published_name(ours)
    assert rename("H_level.layers.0.mlp.norm.weight") is None


def test_tensors_that_do_not_fit() -> None:
    def attempt(**changes: torch.Tensor | None) -> None:
        tensors = {key.removeprefix("model.inner."): value for key, value in state_dict("trm_att").items()}
        tensors.update({key.replace("__", "."): value for key, value in changes.items()})
        found = {key: value for key, value in tensors.items() if value is not None}
        convert(found, vocab_size=6, seq_len=16, shape=PublishedShape(num_heads=4, puzzle_positions=2), source="file")

    attempt()
    with pytest.raises(WeightsError, match=r"^file: .*tensor.* H_init, lm_head\.weight$"):
        attempt(H_init=None, lm_head__weight=None)
    with pytest.raises(WeightsError, match=r"^file: .*tensor.* L_level\.layers\.1\.self_attn\.qkv_proj\.weight$"):
        attempt(L_level__layers__1__self_attn__qkv_proj__weight=None)
    with pytest.raises(WeightsError, match=r"^file: .*\bTRM\b.*tensor.* L_level\.layers\.0\.x, more$"):
        attempt(L_level__layers__0__x=torch.ones(1), more=torch.ones(1))
    with pytest.raises(WeightsError, match=r"^file: .*\bHRM\b.*tensor.* H_level\.layers\.0\.x$"):
        attempt(H_level__layers__0__x=torch.ones(1))
    with pytest.raises(WeightsError, match=r"\bTRM\b.*lm_head\.weight .*\(6,\)"):
        attempt(lm_head__weight=torch.ones(6))
    with pytest.raises(WeightsError, match=r"answer_head\.weight .*\(7, 32\).*\(6, 32\)"):
        attempt(lm_head__weight=torch.ones(7, 32))


def test_weights_that_are_not_finite() -> None:
    tensors = {key.removeprefix("model.inner."): value.clone() for key, value in state_dict("trm_mlp").items()}
    tensors["L_level.layers.1.mlp.down_proj.weight"][0, 0] = float("inf")
    tensors["lm_head.weight"][1] = float("nan")
    with pytest.raises(WeightsError, match=r"file: NaN .*lm_head\.weight") as caught:
        convert(tensors, vocab_size=6, seq_len=16, source="file")
    assert "L_level.layers.1.mlp.down_proj.weight" in str(caught.value)


def test_an_hrm_that_does_not_fit() -> None:
    def attempt(changes: dict[str, torch.Tensor | None]) -> None:
        tensors = {key.removeprefix("model.inner."): value for key, value in state_dict("hrm").items()}
        found = {key: value for key, value in (tensors | changes).items() if value is not None}
        convert(found, vocab_size=6, seq_len=16, shape=PublishedShape(num_heads=4), source="file")

    attempt({})
    low = [name for name in state_dict("hrm") if "L_level" in name]
    first, second = ([n.removeprefix("model.inner.") for n in low if f"layers.{i}." in n] for i in (0, 1))
    with pytest.raises(WeightsError, match=r"layers.* 1 .*L_level.* 2 .*H_level"):
        attempt(dict.fromkeys(second))
    with pytest.raises(WeightsError, match=r"^file: .*tensor.* L_level\.layers\.0\.mlp\.down_proj\.weight"):
        attempt(dict.fromkeys([*first, *second]))
    with pytest.raises(WeightsError, match=r"^file: .*tensor.* H_level\.layers\.1\.mlp\.down_proj\.weight$"):
        attempt({"H_level.layers.1.mlp.down_proj.weight": None})
    with pytest.raises(WeightsError, match=r"halt_head\.weight .*\(1, 32\).*\(2, 32\)"):
        attempt({"q_head.weight": torch.ones(1, 32)})
    with pytest.raises(WeightsError, match=r"\bHRM\b.*lm_head\.weight .*\(6,\)"):
        attempt({"lm_head.weight": torch.ones(6)})


def test_another_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "run", "trm_mlp")
    assert main(["import", str(file), "--task", "sudoku-9x9"]) == 2
    assert re.search(" 6 tokens.* 11", capsys.readouterr().err)
    assert main(["import", str(file), "--seq-len", "36", "--vocab-size", "6"]) == 2
    assert re.search(" 18 positions.* 36 cells", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "chess"], "task.*'chess'"),
        (["--task", "sudoku-4x4", "--T", "0"], r"model\.T: .*1.*0"),
        (["--task", "sudoku-4x4", "--n", "0"], r"model\.n: .*1.*0"),
        (["--task", "sudoku-4x4", "--num-heads", "5"], r"2 x num_heads = 10\b.*32"),
    ],
)
def test_options(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "run", "trm_att")
    assert main(["import", str(file), *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_the_task_is_the_benchmark_with_as_many_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "run", "trm_att")
    assert main(["import", str(file), "-o", str(tmp_path / "out")]) == 0
    assert load_weights(tmp_path / "out").task == "maze-30x30"
    tensors = torch.load(file, weights_only=True)
    key = next(name for name in tensors if name.endswith("embed_tokens.embedding_weight"))
    torch.save({**tensors, key: torch.zeros(7, 32)}, file)
    assert main(["import", str(file)]) == 2
    assert re.search("--task NAME.*--seq-len.*--vocab-size", capsys.readouterr().err)


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "run", "trm_att")
    assert main(["import", str(file), "--task", "sudoku-4x4"]) == 0
    assert main(["import", str(file), "--task", "sudoku-4x4"]) == 2
    assert re.search("step_100-redraft: .*weights.* -o", capsys.readouterr().err)
    assert main(["import", str(file), "--task", "sudoku-4x4", "-o", str(file)]) == 2
    assert re.search(f"{file}: .*file.* -o", capsys.readouterr().err)
