# Sourced by scripts that run tests: how many processes share them. Tiny models run fastest on one thread each, a process
# takes seconds to start and about a gigabyte, and where there is one core only there is nothing to share.
workers="$(.venv/bin/python -c '
import os
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
print(min(cores, 8) if cores > 1 else 0)')"
