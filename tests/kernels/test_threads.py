"""Rows shared by threads: every row once, in order, and the torch setting of the caller untouched."""

from collections.abc import Iterator

import pytest
import torch

from redraft.kernels.threads import RowThreads

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9])
def test_slices_cover_the_rows_in_order(rows: int) -> None:
    slices = RowThreads(CPU, least_rows=2).slices(rows)
    assert len(slices) == (2 if rows >= 4 else 1), "two rows are the least worth a thread"
    assert [row for part in slices for row in range(rows)[part]] == list(range(rows))
    sizes = [part.stop - part.start for part in slices]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.usefixtures("two_threads")
def test_map_keeps_order_and_the_callers_threads() -> None:
    threads = RowThreads(CPU, least_rows=1)
    used = threads.map(lambda part: (part.start, torch.get_num_threads()), threads.slices(6))
    assert used == [(0, 1), (3, 1)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def fail(part: slice) -> None:
        raise ValueError("row 3")

    threads = RowThreads(CPU, least_rows=1)
    with pytest.raises(ValueError, match="row 3"):
        threads.map(fail, threads.slices(6))


def test_other_devices_get_one_slice() -> None:
    assert RowThreads(torch.device("cuda"), least_rows=1).slices(100) == [slice(0, 100)]
