#!/usr/bin/env bash
# What this project wants from a GPU, piece by piece, each resumable and with its result in OUT:
#   bash scripts/gpu.sh smoke DATA OUT               a minute: trains a few steps and evaluates, so that mistakes show
#   bash scripts/gpu.sh train DATA OUT [SECONDS]     sudoku-extreme-eq from scratch; again, to go on where it stopped
#   bash scripts/gpu.sh bench REFERENCE OUT          training steps beside the published code, eager and compiled
# DATA holds train.csv and test.csv of Sudoku-Extreme: the last 1,000 rows of the 20,000 that train.csv should have
# choose the weights, test.csv judges them once. REFERENCE is a checkout of SamsungSAILMontreal/TinyRecursiveModels.
# REDRAFT_PYTHON names another Python than that of .venv.
set -euo pipefail
what="${1:?smoke, train or bench}" from="${2:?a folder: DATA or REFERENCE}" out="${3:?a folder for results}"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${REDRAFT_PYTHON:-$root/.venv/bin/python}"
export PYTHONUNBUFFERED=1 PYTHONPATH="$root/src:$root${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out"

split() { # rows that choose the weights are none of those it learns from
    mkdir -p "$out/data"
    sed -n '1,19001p' "$from/train.csv" > "$out/data/train.csv"
    sed -n '1p;19002,20001p' "$from/train.csv" > "$out/data/test.csv"
}

train() { # NAME SECONDS OPTION...
    if [ -e "$out/$1/state.safetensors" ]; then
        "$python" -m redraft train --resume "$out/$1" --stop-after "$2"
    else
        split
        "$python" -m redraft train sudoku-extreme-eq --data.train "$out/data" --data.test "$out/data" \
            --out "$out/$1" --fast --stop-after "$2" "${@:3}"
    fi
}

judge() { # NAME OPTION...
    "$python" -m redraft eval "$out/$1" "$from/test.csv" --batch-size 1000 --json "${@:2}" > "$out/$1-eval.json"
    tail -c 400 "$out/$1-eval.json"
}

case "$what" in
smoke)
    rm -rf "$out/smoke"
    train smoke 40 --steps 20 --batch-size 64 --eval-every 20 --log-every 5 --data.test-limit 32
    judge smoke --limit 64
    ;;
train)
    train sudoku-extreme-eq "${4:-480}" --data.train-limit 19000
    judge sudoku-extreme-eq --dtype bfloat16
    ;;
bench)
    for recipe in sudoku-extreme-mlp sudoku-extreme-att maze-hard; do
        "$python" -m benchmarks train --recipe "$recipe" --device cuda --dtype bfloat16 --compile --warmup 2 \
            --batch-size "$([ "$recipe" = maze-hard ] && echo 128 || echo 768)" --reference "$from" \
            --output "$out/bench-$recipe.json"
    done
    ;;
*)
    echo "scripts/gpu.sh: $what is none of smoke, train, bench" >&2
    exit 2
    ;;
esac
