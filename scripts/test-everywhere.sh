#!/usr/bin/env bash
# Repeats the tests that depend on arithmetic as other processors would run them: with other instructions, other numbers
# of threads, and by libraries of matrix products that there are not. Arguments go to pytest.
# Tests marked slow stay out: shorter ones of their kinds (resuming, kernels beside layers, a step compiled) are in.
source "$(dirname "$0")/setup.sh"
source scripts/workers.sh
marked="arithmetic and not slow and not gpu"

run() { # THREADS NAME=VALUE...
    echo "-- $*"
    env OMP_NUM_THREADS="$1" "${@:2}" .venv/bin/python -m pytest -n "$workers" --dist worksteal -m "$marked" "${arguments[@]}"
}

arguments=("$@")
run 2
run 1 REDRAFT_TEST_LIBRARY=1
run 1 REDRAFT_TEST_LIBRARY=2
if [[ "$(uname -m)" == x86_64 ]]; then # libraries that have no such setting take no notice of it
    run 1 ATEN_CPU_CAPABILITY=default
    run 1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Prescott
    if grep -q avx2 /proc/cpuinfo 2> /dev/null; then
        avx2=(ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell)
        run 1 "${avx2[@]}"
        run 2 "${avx2[@]}"
    fi
fi
