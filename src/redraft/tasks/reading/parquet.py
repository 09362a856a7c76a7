"""Tables in Parquet, where the package pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from redraft.errors import DataError
from redraft.tasks.reading.records import Record, columns_of, of_object

MARK = b"PAR1"


def is_parquet(file: Path) -> bool:
    """Whether a file begins as Parquet does; False for a pipe, and where its reader will report that it has failed."""
    with suppress(OSError):
        if file.is_file():
            with file.open("rb") as opened:
                return opened.read(len(MARK)) == MARK
    return False


def parquet_records(file: Path) -> Iterator[Record]:
    """The rows of a table, by the names of its columns; raises DataError."""
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise DataError(
            f"{file}: a Parquet table, which needs pyarrow: pip install pyarrow, or save it as CSV"
        ) from None
    try:
        with parquet.ParquetFile(file) as table:
            names = list(table.schema_arrow.names)
            if not columns_of(names):
                raise DataError(f"{file}: no column named question, puzzle or input; got {', '.join(names)}")
            row = 0
            for batch in table.iter_batches():
                for values in batch.to_pylist():
                    row += 1
                    yield of_object(values, f"{file}, row {row}")
    except (OSError, ValueError) as error:  # pyarrow's own errors are among them
        raise DataError(f"{file}: a Parquet table that cannot be read ({str(error).splitlines()[0]})") from None
