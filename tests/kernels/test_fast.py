"""The arithmetic on sets: long sums, blocks of rows, and the buffer that NumPy is kept from filling."""

import numpy as np
import pytest

from bncourse.kernels import fast


@pytest.mark.parametrize("length", [1, 2047, 2048, 2049, 10_000])
def test_long_sums_count_every_row_once(length, rng):
    x = rng.normal(size=(length, 3))
    moments = fast.moments(x)
    assert np.allclose(moments.rough_mean + moments.correction, x.mean(0), rtol=0, atol=1e-14)
    assert np.allclose(moments.var, x.var(0), rtol=1e-13)


def test_the_rough_mean_is_within_the_bound_whatever_the_data(rng):
    """Worst is a feature that differs only in the sampled rows."""
    x = rng.normal(size=(80, 3)).astype(np.float32)
    x[:: fast.SAMPLE] += np.array([10, 1e3, 1e6])
    wide, moments = x.astype(np.float64), fast.moments(x)
    assert (np.abs(moments.correction) <= np.sqrt(fast.SAMPLE * wide.var(0))).all()
    assert (np.abs(moments.correction) >= 2 * wide.std(0)).all()
    assert np.allclose(moments.rough_mean + moments.correction, wide.mean(0), rtol=1e-6)
    assert np.allclose(moments.var, wide.var(0), rtol=1e-5)


def test_the_rough_mean_of_a_long_batch_is_no_long_sum(rng):
    x = (1e4 + rng.normal(size=(300_000, 2, 2))).astype(np.float32)
    assert np.abs(fast.moments(x).correction).max() < 0.1


def test_short_numpy_buffer_shrinks_the_buffer_and_restores_it():
    assert np.getbufsize() == fast.NUMPY_BUFFER
    with fast.short_numpy_buffer(np.zeros(10_000)):
        assert np.getbufsize() == fast.SHORT_BUFFER
    assert np.getbufsize() == fast.NUMPY_BUFFER
    with fast.short_numpy_buffer(np.zeros(10)):
        assert np.getbufsize() == fast.NUMPY_BUFFER


def test_short_numpy_buffer_restores_the_buffer_after_an_error():
    with pytest.raises(KeyError), fast.short_numpy_buffer(np.zeros(10_000)):
        raise KeyError
    assert np.getbufsize() == fast.NUMPY_BUFFER


@pytest.mark.parametrize("shape", [(10_000, 2), (7, 300, 400), (3, 2, 200_000), (0, 5, 4)], ids=str)
def test_blocks_are_every_row_once_and_not_long(shape):
    x = np.broadcast_to(np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)), shape)
    parts = fast.blocks_of_rows(x, np.arange(shape[0]))
    assert np.array_equal(np.concatenate([rows for _, rows in parts]), np.arange(shape[0]))
    for part, rows in parts:
        assert len(part) == len(rows) and np.array_equal(
            part.max(tuple(range(1, part.ndim)), initial=-1), rows
        )
        assert len(rows) <= fast.LONGEST_SUM
        assert part.size <= fast.BLOCK or len(rows) == 1


def test_small_arrays_are_one_block():
    x = np.zeros((60, 100))
    (part,) = fast.blocks_of_rows(x, x)
    assert part[0] is x


@pytest.mark.parametrize("shape", [(5000, 3), (9, 40, 1000)], ids=str)
def test_blocks_do_not_change_the_result(shape, rng, monkeypatch):
    """Forward and backward of many blocks are those of one."""
    x, dy = rng.normal(size=(2, *shape))
    results = []
    for length in (fast.LONGEST_SUM, 10**9):
        monkeypatch.setattr(fast, "LONGEST_SUM", length)
        monkeypatch.setattr(fast, "BLOCK", length * 100)
        y, cache = fast.forward(fast.moments(x), 2.0, 1.0, 1e-5)
        results.append((y, *fast.backward(dy, cache)))
    for many, one in zip(*results, strict=True):
        assert np.allclose(many, one, rtol=0, atol=1e-11)
