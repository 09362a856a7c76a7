"""`redraft import`: converts a published checkpoint to a folder of redraft weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from redraft.commands.arguments import parse
from redraft.errors import ConfigError
from redraft.tasks import get_task

if TYPE_CHECKING:
    from torch import Tensor

BENCHMARKS = {6: "maze-30x30", 11: "sudoku-9x9", 12: "arc"}  # published benchmarks, by their number of tokens


@dataclass(frozen=True, kw_only=True)
class Arguments:
    checkpoint: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="CHECKPOINT")]
    """File of torch.save or safetensors with a state dict of the published TRM or HRM code, alone or among others."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder to write; default: the checkpoint's name with `-redraft` appended."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """Task whose cells and tokens the model reads; default: the published benchmark with as many tokens."""
    seq_len: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Cells per puzzle, if the task is not one of redraft's."""
    vocab_size: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of tokens, if the task is not one of redraft's."""
    T: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Latent recursions per step (H_cycles); default: from all_config.yaml beside the file, else 3 (HRM: 2)."""
    n: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Latent updates per recursion (L_cycles); likewise, else 6 for the MLP mixer and 4 for attention (HRM: 2)."""
    num_heads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Attention heads; likewise, else 8."""
    puzzle_positions: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Positions of the puzzle embedding; default: from the tensors, else 16 (HRM: as many as it fills)."""
    key: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Key of the weights, if the file holds several, such as ema."""


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="import", description="Converts a published TRM or HRM checkpoint.")
    from redraft.weights.io import count_parameters, save_weights
    from redraft.weights.published import PublishedShape, convert
    from redraft.weights.unwrap import read_checkpoint

    checkpoint = read_checkpoint(args.checkpoint, args.key)
    tensors = checkpoint.tensors
    if args.task is None and args.seq_len is not None and args.vocab_size is not None:
        name, seq_len, vocab_size = "unknown", args.seq_len, args.vocab_size
    else:
        task = get_task(args.task or _task_of(tensors))
        name, seq_len, vocab_size = task.name, task.seq_len, task.vocab_size
    found = PublishedShape.beside(args.checkpoint)
    given = {key: getattr(args, key) for key in ("T", "n", "num_heads", "puzzle_positions")}
    shape = replace(found, **{key: value for key, value in given.items() if value is not None})
    output = args.output or args.checkpoint.with_name(args.checkpoint.stem + "-redraft")
    if (output / "model.safetensors").exists():
        raise ConfigError(f"{output}: holds weights already; name another folder with -o")
    if output.is_file():
        raise ConfigError(f"{output}: is a file; name another folder with -o")
    model = convert(tensors, vocab_size=vocab_size, seq_len=seq_len, shape=shape, source=str(args.checkpoint))
    taken = f" ({checkpoint.place})" if checkpoint.place else ""
    save_weights(output, model, task=name, card={"summary": f"imported from {args.checkpoint.name}{taken}"})
    network, table = count_parameters(model)
    config = model.config
    if checkpoint.others:
        place, *others = (each or "(the file itself)" for each in (checkpoint.place, *checkpoint.others))
        print(f"took {place}; the file also holds {', '.join(others)} (--key NAME chooses)")
    print(
        f"wrote {output}: {type(model).__name__}, {config.mixer} mixer, T={config.T} n={config.n}, "
        f"{network:,} parameters and {table:,} in the puzzle embedding"
    )
    return 0


def _task_of(tensors: Mapping[str, Tensor]) -> str:
    """The published benchmark with as many tokens as the checkpoint's embedding; raises ConfigError for none."""
    from redraft.weights.published import rename

    tokens = next((tensor.shape[0] for name, tensor in tensors.items() if rename(name) == "embed.tokens"), None)
    if tokens not in BENCHMARKS:
        raise ConfigError("unknown task: expected --task NAME, or --seq-len and --vocab-size")
    return BENCHMARKS[tokens]
