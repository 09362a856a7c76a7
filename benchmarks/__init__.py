"""Studies of speed and effort, run from a checkout: `python -m benchmarks.scale`."""
