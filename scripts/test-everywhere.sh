#!/usr/bin/env bash
# Repeats the tests that depend on arithmetic as other processors would run them: with other instructions, other numbers
# of threads, and by libraries of matrix products that there are not. Arguments go to pytest.
# Tests marked slow stay out: shorter ones of their kinds (resuming, kernels beside layers, a step compiled) are in.
source "$(dirname "$0")/setup.sh"
source scripts/workers.sh
tests=(-m "arithmetic and not slow and not gpu" "$@")
failed=()

run() { # THREADS NAME=VALUE...; threads that wait do not spin, for there may be more of them than cores
    local setting="$1 thread(s) ${*:2}"
    echo "-- $setting"
    env OMP_NUM_THREADS="$1" OMP_WAIT_POLICY=PASSIVE "${@:2}" .venv/bin/python -m pytest -n "$workers" --dist worksteal \
        "${tests[@]}" || failed+=("$setting")
}

run 2
run 1 REDRAFT_TEST_LIBRARY=1
if [[ "$(uname -m)" == x86_64 ]]; then # a library that has no such setting takes no notice of it
    run 1 ATEN_CPU_CAPABILITY=default
    run 1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2
    if grep -q avx2 /proc/cpuinfo 2> /dev/null; then
        run 2 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
    fi
fi
if ((${#failed[@]})); then
    printf 'failed with %s\n' "${failed[@]}" >&2
    exit 1
fi
