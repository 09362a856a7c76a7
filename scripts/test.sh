#!/usr/bin/env bash
# Installs redraft into .venv and runs its tests; arguments go to pytest.
source "$(dirname "$0")/setup.sh"
# Tiny models run fastest on one thread, and two busy processes on two cores would slow each other down.
OMP_NUM_THREADS=1 .venv/bin/python -m pytest "$@"
