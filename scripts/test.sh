#!/usr/bin/env bash
# Installs redraft into .venv and runs its tests, in a process per core; arguments go to pytest (`-n 0`: in one process).
source "$(dirname "$0")/setup.sh"
source scripts/workers.sh
OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n "$workers" --dist worksteal "$@"
