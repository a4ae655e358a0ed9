"""The sets behind the normalizations: their layout, their sums, and the buffer that NumPy is kept from filling."""

import numpy as np
import pytest

from bncourse.kernels import sets


def test_axes_and_views_of_batch_norm():
    x = np.zeros((4, 3, 5, 2))
    assert sets.batch_axes(x[:, :, 0, 0]) == (0,)
    assert sets.batch_axes(x) == (0, 2, 3)
    assert sets.per_channel(np.zeros(3), x).shape == (3, 1, 1)
    assert sets.by_channel(x).shape == (4, 3, 10)
    assert sets.by_channel(x[:, :, :1, :1]).shape == (4, 3)


def test_the_view_of_contiguous_input_is_not_a_copy():
    x = np.zeros((4, 3, 5, 2), np.float32)
    assert np.shares_memory(sets.by_channel(x), x)
    assert np.shares_memory(sets.by_axes(x.shape, (0, 2, 3)).gather(x), x)


@pytest.mark.parametrize("axes", [(0,), (1,), (3,), (0, 2), (1, 3), (0, 1, 2, 3), ()], ids=str)
def test_a_layout_gathers_and_scatters(axes, rng):
    x = rng.normal(size=(4, 3, 5, 2))
    layout = sets.by_axes(x.shape, axes)
    gathered = layout.gather(x)
    assert np.array_equal(layout.scatter(gathered), x)
    assert np.allclose(np.sort(gathered.mean((0, 2))), np.sort(x.mean(axes).ravel()))


def test_axes_that_x_does_not_have_are_refused():
    with pytest.raises(np.exceptions.AxisError):
        sets.by_axes((4, 3), (2,))
    with pytest.raises(ValueError, match="repeated axis"):
        sets.by_axes((4, 3), (0, 0))


@pytest.mark.parametrize("length", [1, 2047, 2048, 2049, 10_000])
def test_long_sums_count_every_row_once(length, rng):
    x = rng.normal(size=(length, 3))
    moments = sets.moments(x)
    assert np.allclose(moments.mean, x.mean(0), rtol=0, atol=1e-14)
    assert np.allclose(moments.var, x.var(0), rtol=1e-13)


def test_rows_in_place_shrinks_the_buffer_and_restores_it():
    before = np.getbufsize()
    with sets.rows_in_place(np.zeros(10_000)):
        assert np.getbufsize() == sets.SHORT_BUFFER
    assert np.getbufsize() == before
    with sets.rows_in_place(np.zeros(10)):
        assert np.getbufsize() == before


def test_rows_in_place_restores_the_buffer_after_an_error():
    before = np.getbufsize()
    with pytest.raises(KeyError), sets.rows_in_place(np.zeros(10_000)):
        raise KeyError
    assert np.getbufsize() == before
