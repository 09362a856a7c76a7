"""Two examples for the end of every command's help."""

from __future__ import annotations

LINES = """
redraft solve sudoku "6.......14..........4.1.1....2..3.5." --watch
redraft solve sudoku -f puzzles.txt -o answers.csv --budget 2s
redraft train sudoku-6x6 --steps 500 --model.n 4
redraft train --resume runs/sudoku-6x6
redraft eval sudoku-6x6 make:1000@7 --plot steps.png
redraft eval runs/sudoku-6x6 puzzles.csv --scale
redraft plot runs/sudoku-6x6
redraft plot runs/mine runs/other -o curves.png
redraft ablate table1 --jobs 2
redraft ablate --list
redraft compare sudoku-6x6 sudoku-6x6-eq --data make:500@99
redraft compare runs/mine runs/other --data test.csv --markdown table.md
redraft inspect sudoku-6x6 make:1@4
redraft inspect maze-8x8 make:1@8 --animation drafts.gif
redraft serve --port 8080
redraft serve --weights sudoku-onnx --host 0.0.0.0 --port 80 --no-open
redraft mcp --weights sudoku-9x9
redraft mcp --weights sudoku-onnx --backend onnx --seconds 20
redraft make sudoku 1
redraft make maze-8x8 500 --seed 3 -o mazes.csv
redraft import step_16000 --task sudoku-9x9 -o weights
redraft import checkpoint.pt --task maze-30x30 -o weights
redraft export sudoku-6x6 -o sudoku-onnx
redraft export runs/mine --int8 -o small
redraft push runs/sudoku-6x6 me/sudoku-6x6
redraft push sudoku-onnx me/sudoku-onnx --private
redraft data build pairs.csv -o mine --symmetries transpose
redraft data build arc1 -o data/arc1 --views 1000
redraft data show mine
redraft data show mine/test --json
redraft data import published/sudoku -o sudoku
redraft data import published/maze -o maze --task maze-30x30
redraft data export mine -o published
redraft data export data/arc1 -o published --views 100
redraft arc eval runs/arc1 data/arc1 --submission submission.json
redraft arc eval runs/arc1 data/arc1 --shard 1/4 -o votes-1.npz
redraft arc merge votes-1.npz votes-2.npz --data data/arc1
redraft arc merge votes-*.npz --data data/arc1 --submission submission.json
redraft arc adapt runs/arc1 new-tasks --out adapted
redraft arc adapt runs/arc1 arc-agi_test_challenges.json --out adapted --submission submission.json
redraft bench train --recipe sudoku-6x6 --batch-size 64
redraft bench train --dtype bfloat16
redraft bench solve --weights sudoku-6x6
redraft bench solve --int8 --steps 4
""".strip().splitlines()


def examples(command: str) -> str:
    """The examples of a command as its help ends with them; empty if there are none."""
    found = [line for line in LINES if line.startswith(f"redraft {command} ")]
    return "\n".join(["examples:", *(f"  {line}" for line in found)]) if found else ""
