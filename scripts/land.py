"""Copies the results of finished suites from a folder of ablations to results/ablations/: table, figures, picture.

python scripts/land.py runs/ablations table1 table3
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

TARGET = Path(__file__).parents[1] / "results" / "ablations"
FILES = {"table.md": ".md", "results.json": ".json", "plot.svg": ".svg"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of ablations")
    parser.add_argument("suites", nargs="+", help="folders of suites in it")
    args = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    for suite in args.suites:
        for name, ending in FILES.items():
            shutil.copyfile(args.out / suite / name, TARGET / f"{suite}{ending}")


if __name__ == "__main__":
    main()
