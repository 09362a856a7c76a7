"""Where things lie, wherever a test that asks is moved to."""

from pathlib import Path

ROOT = Path(__file__).parents[2]  # the repository
DATA = ROOT.parent / "shared" / "data"  # genuine rows of the benchmarks, where there is a copy beside the repository
