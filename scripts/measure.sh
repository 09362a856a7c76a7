#!/usr/bin/env bash
# Makes every figure and picture of docs/performance.md: a quarter of an hour on two cores that do nothing else.
#   bash scripts/measure.sh REFERENCE [KIND ...]
# REFERENCE is a checkout of SamsungSAILMontreal/TinyRecursiveModels, which needs the packages einops and pydantic.
# KINDs (train, half, solve, export, data, start, scale; default all) measure a part again. REDRAFT_PYTHON names another
# Python than that of .venv; REPEATS=1 tries it all in less time. One command runs at a time: start nothing beside it.
set -euo pipefail
reference="$(cd "${1:?name a checkout of the published code}" && pwd)"
shift
kinds="${*:-train half solve export data start scale}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${REDRAFT_PYTHON:-}" ]; then
    source scripts/setup.sh
    .venv/bin/pip install --quiet einops pydantic
    REDRAFT_PYTHON=.venv/bin/python
fi
unset OMP_NUM_THREADS

bench() { # NAME KIND OPTION...
    echo "== $1"
    "$REDRAFT_PYTHON" -m benchmarks "${@:2}" ${REPEATS:+--repeats "$REPEATS"} --output "results/bench-$1.json"
}

for kind in $kinds; do
    case $kind in
    train)
        bench train train --reference "$reference" --repeats 6
        bench train-att train --recipe sudoku-extreme-att --reference "$reference" --repeats 3
        bench train-maze train --recipe maze-hard --batch-size 2 --reference "$reference" --repeats 3
        bench train-6x6 train --recipe sudoku-6x6 --batch-size 64 --reference "$reference" --repeats 10
        ;;
    half)
        half=(--dtype bfloat16 --reference "$reference")
        bench train-bfloat16 train "${half[@]}" --repeats 6
        bench train-att-bfloat16 train --recipe sudoku-extreme-att "${half[@]}" --repeats 4
        bench train-maze-bfloat16 train --recipe maze-hard --batch-size 2 "${half[@]}" --repeats 4
        bench train-6x6-bfloat16 train --recipe sudoku-6x6 --batch-size 64 "${half[@]}" --repeats 10
        bench solve-bfloat16 solve --steps 2 "${half[@]}" --repeats 6
        ;;
    solve)
        ways=(--reference "$reference" --int8 --onnx)
        bench solve solve --steps 2 "${ways[@]}" --repeats 4
        bench solve-att solve --recipe sudoku-extreme-att --steps 2 "${ways[@]}" --repeats 3
        bench solve-maze solve --recipe maze-hard --batch-size 2 --steps 1 "${ways[@]}" --repeats 3
        bench solve-6x6 solve --weights sudoku-6x6 --batch-size 64 --puzzles 256 --reference "$reference" --repeats 5
        ;;
    export) bench export export --models sudoku-6x6 maze-8x8 sudoku-9x9 sudoku-extreme-mlp sudoku-extreme-att ;;
    data) bench data data ;;
    start) bench start start ;;
    scale) bench scale scale --repeats 3 --pictures docs/pictures ;;
    *)
        echo "measure.sh: unknown kind '$kind'; known: train half solve export data start scale" >&2
        exit 2
        ;;
    esac
done
"$REDRAFT_PYTHON" -m benchmarks.page docs/performance.md results
