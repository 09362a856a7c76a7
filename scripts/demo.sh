#!/usr/bin/env bash
# Installs redraft into .venv, trains a small model on 4x4 Sudoku, and solves puzzles it has never seen.
source "$(dirname "$0")/setup.sh"
run="${1:-runs/demo}"
if [ -e "$run" ]; then
    .venv/bin/redraft train --resume "$run"
else
    .venv/bin/redraft train sudoku-4x4 --out "$run"
fi
echo
echo "Three new puzzles:"
.venv/bin/redraft make sudoku-4x4 3 --seed 99 | .venv/bin/redraft solve --weights "$run" --file - --watch --delay 0.3
