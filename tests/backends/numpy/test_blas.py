"""One thread for small matrix products, and the setting put back."""

from redraft.backends.numpy import blas


def test_one_thread_and_back() -> None:
    found = blas._threads_of_openblas()
    with blas.one_thread():
        assert found is None or found[0]() == 1
    if found is not None:
        get, put = found
        before = get()
        put(2)
        try:
            with blas.one_thread():
                assert get() == 1
            assert get() == 2
        finally:
            put(before)
