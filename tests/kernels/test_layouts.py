"""The views that turn arrays into sets."""

import numpy as np
import pytest

from bncourse.kernels import layouts


def test_axes_and_views_of_batch_norm():
    x = np.zeros((4, 3, 5, 2))
    assert layouts.batch_axes(x[:, :, 0, 0]) == (0,)
    assert layouts.batch_axes(x) == (0, 2, 3)
    assert layouts.per_channel(np.zeros(3), x).shape == (3, 1, 1)
    assert layouts.as_columns(x).shape == (4, 3, 10)
    assert layouts.as_columns(x[:, :, :1, :1]).shape == (4, 3)


def test_the_view_of_contiguous_input_is_not_a_copy():
    x = np.zeros((4, 3, 5, 2), np.float32)
    assert np.shares_memory(layouts.as_columns(x), x)
    assert np.shares_memory(layouts.layout_over(x.shape, (0, 2, 3)).gather(x), x)


@pytest.mark.parametrize("axes", [(0,), (1,), (3,), (0, 2), (1, 3), (0, 1, 2, 3), ()], ids=str)
def test_a_layout_gathers_and_scatters(axes, rng):
    x = rng.normal(size=(4, 3, 5, 2))
    layout = layouts.layout_over(x.shape, axes)
    gathered = layout.gather(x)
    assert np.array_equal(layout.scatter(gathered), x)
    assert np.allclose(
        np.sort(gathered.mean(tuple({0, 2} & set(range(gathered.ndim))))), np.sort(x.mean(axes).ravel())
    )


def test_axes_that_x_does_not_have_are_refused():
    with pytest.raises(np.exceptions.AxisError):
        layouts.layout_over((4, 3), (2,))
    with pytest.raises(ValueError, match="repeated axis"):
        layouts.layout_over((4, 3), (0, 0))


def test_sets_lie_in_rows_whatever_the_strides_were():
    x = np.zeros((4, 3, 5, 2))
    for strided in (np.asfortranarray(x[:, :, 0, 0]), np.asfortranarray(x), x[::2, :, :, ::-1]):
        assert layouts.as_columns(strided).flags.c_contiguous


def test_gradients_and_vectors_take_the_dtype_of_the_sets():
    columns = layouts.as_columns(np.zeros((4, 3, 5)), np.dtype(np.float32))
    assert columns.dtype == np.float32
    (gamma,) = layouts.broadcastable(columns, np.zeros(3))
    assert gamma.dtype == np.float32
    assert gamma.shape == (3, 1)


def test_only_narrow_input_is_widened():
    half, single = np.zeros(3, np.float16), np.zeros(3, np.float32)
    assert layouts.at_least_float32(half).dtype == np.float32
    assert layouts.at_least_float32(single) is single
