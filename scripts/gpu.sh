#!/usr/bin/env bash
# What this project wants from a GPU, piece by piece. Each resumes where it stopped, and has its result in OUT:
#   bash scripts/gpu.sh plan                          what each piece costs, by counting the arithmetic on this CPU
#   bash scripts/gpu.sh PIECE DATA OUT [SECONDS]      trains for so long (default 480), and judges when it is finished
#   bash scripts/gpu.sh bench REFERENCE OUT           training steps beside the published code, eager and compiled
# PIECE, in order of value: symbols, mlp, eq (Sudoku-Extreme), maze (Maze-Hard), arc1. SMOKE=1 before it trains a few
# steps of a few puzzles, or times one, on a CPU too, so that mistakes show in minutes.
# DATA holds train.csv and test.csv; of Sudoku-Extreme the last 1,000 rows of the 20,000 that train.csv should have
# choose the weights, and test.csv judges them once. For eq, near.csv may hold variations of the first 19,000 rows
# (`redraft make sudoku 130000 --near FILE --guesses 12 -o near.csv`). For arc1, DATA is a folder that
# `redraft data build arc1` made.
# REFERENCE is a checkout of SamsungSAILMontreal/TinyRecursiveModels. REDRAFT_PYTHON names another Python than .venv's.
set -euo pipefail
pieces="symbols, mlp, eq, maze, arc1"
what="${1:?plan, bench, or one of $pieces}"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${REDRAFT_PYTHON:-$root/.venv/bin/python}"
export PYTHONUNBUFFERED=1 PYTHONPATH="$root/src:$root${PYTHONPATH:+:$PYTHONPATH}"

split() { # DATA ROWS: the first so many rows to learn from, and other rows than those of the test to choose by
    mkdir -p "$out/data-$what"
    sed -n "1,$(($2 + 1))p" "$1/train.csv" > "$out/data-$what/train.csv"
    sed -n '1p;19002,20001p' "$1/train.csv" > "$out/data-$what/test.csv"
}

train() { # RECIPE DATA OPTION...
    local small=() folder="$out/$what${SMOKE:+-smoke}"
    if [ -n "${SMOKE:-}" ]; then
        small=(--steps 6 --batch-size 4 --eval-every 6 --log-every 2 --eval-steps 2 --data.test-limit 8 --compile False)
    fi
    if [ -e "$folder/state.safetensors" ]; then
        "$python" -m redraft train --resume "$folder" --stop-after "$seconds"
    else
        "$python" -m redraft train "$1" --data.train "$2" --data.test "$2" --out "$folder" --stop-after "$seconds" \
            "${@:3}" "${small[@]}"
    fi
}

judge() { # DATA OPTION...
    local folder="$out/$what${SMOKE:+-smoke}"
    grep -q '"kind": "eval"' "$folder/metrics.jsonl" || { echo "not evaluated yet: run it again"; return; }
    "$python" -m redraft eval "$folder" "$1" --json "${@:2}" ${SMOKE:+--limit 8} > "$out/$what-eval.json"
    tail -c 400 "$out/$what-eval.json"
}

case "$what" in
plan)
    exec "$python" "$root/scripts/plan.py"
    ;;
bench)
    from="${2:?a checkout of the published code}" out="${3:?a folder for results}"
    mkdir -p "$out"
    "$python" -c "import einops, pydantic" 2> /dev/null || "$python" -m pip install --quiet einops pydantic
    for recipe in sudoku-extreme-mlp sudoku-extreme-att maze-hard; do
        if [ -n "${SMOKE:-}" ]; then # one step of one puzzle, without the compiler
            "$python" -m benchmarks train --recipe "$recipe" --batch-size 1 --warmup 0 --repeats 1 --reference "$from" \
                --output "$out/bench-$recipe-smoke.json"
            continue
        fi
        for compile in --compile ""; do
            # shellcheck disable=SC2086
            "$python" -m benchmarks train --recipe "$recipe" --device cuda --dtype bfloat16 $compile --warmup 2 \
                --batch-size "$([ "$recipe" = maze-hard ] && echo 128 || echo 768)" --reference "$from" \
                --output "$out/bench-$recipe${compile:+-compiled}.json"
        done
    done
    exit
    ;;
symbols | mlp | eq | maze | arc1) ;;
*)
    echo "scripts/gpu.sh: $what is none of plan, bench, $pieces" >&2
    exit 2
    ;;
esac

from="${2:?DATA, a folder}" out="${3:?OUT, a folder for results}" seconds="${4:-480}"
half="$([ -n "${SMOKE:-}" ] && echo float32 || echo bfloat16)"
mkdir -p "$out"
case "$what" in
symbols)
    split "$from" 1000
    train sudoku-extreme-symbols "$out/data-$what" --model.dtype "$half" --compile True
    judge "$from/test.csv" --batch-size 1000 --dtype "$half"
    ;;
mlp) # the paper's, with a rate that falls to zero within the run
    split "$from" 1000
    train sudoku-extreme-mlp "$out/data-$what" --model.dtype "$half" --compile True --batch-size 384 --steps 19500 \
        --optim.min-ratio 0
    judge "$from/test.csv" --batch-size 1000 --dtype "$half"
    ;;
eq) # its blocks are kernels of our own, which no compiler replaces
    split "$from" 19000
    [ ! -e "$from/near.csv" ] || sed 1d "$from/near.csv" >> "$out/data-$what/train.csv"
    train sudoku-extreme-eq "$out/data-$what" --model.dtype "$half" --data.train-limit None \
        --optim.kind muon --optim.lr 1e-2 --optim.min-ratio 0
    judge "$from/test.csv" --batch-size 1000 --dtype "$half"
    ;;
maze)
    train maze-hard "$from" --model.dtype "$half" --compile True --batch-size 128 --steps 60000
    judge "$from/test.csv" --batch-size 250 --dtype "$half"
    ;;
arc1)
    train arc1 "$from" --model.dtype "$half" --compile True
    ;;
esac
