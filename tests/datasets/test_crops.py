"""The 144 crops lie where Szegedy et al. put them."""

import numpy as np
import pytest

from bncourse.datasets.crops import rectangles, resized, shorter_sides, squares

SIZES = [(74, 64, 56), (64, 93, 56), (101, 75, 64), (64, 64, 56)]


def test_the_shorter_sides_are_the_papers_at_224():
    assert shorter_sides(224) == [256, 288, 320, 352]


@pytest.mark.parametrize(("picture", "side", "expected"), [((500, 375), 256, (341, 256)), ((375, 500), 352, (352, 469)),
                                                           ((64, 64), 80, (80, 80)), ((61, 60), 64, (65, 64))])
def test_a_resized_picture_keeps_its_aspect_and_has_the_shorter_side(picture, side, expected):
    assert resized(*picture, side) == expected


def test_the_squares_lie_at_the_beginning_the_middle_and_the_end():
    assert squares(101, 75) == [(0, 0, 75, 75), (13, 0, 88, 75), (26, 0, 101, 75)]
    assert squares(64, 93) == [(0, 0, 64, 64), (0, 14, 64, 78), (0, 29, 64, 93)]
    assert squares(64, 64) == 3 * [(0, 0, 64, 64)]


@pytest.mark.parametrize(("width", "height", "_size"), SIZES)
def test_one_square_is_the_middle_one_of_three(width, height, _size):
    assert squares(width, height, 1) == squares(width, height)[1:2]


@pytest.mark.parametrize(("width", "height", "size"), SIZES)
def test_each_sixth_crop_is_a_whole_square(width, height, size):
    np.testing.assert_array_equal(rectangles(width, height, size)[5::6], squares(width, height))


@pytest.mark.parametrize(("width", "height", "size"), SIZES)
def test_five_crops_of_each_square_have_the_size_and_lie_inside(width, height, size):
    found = rectangles(width, height, size).reshape(3, 6, 4)
    assert (found[:, :5, 2:] - found[:, :5, :2] == size).all()
    whole = found[:, 5:]
    assert (found[..., :2] >= whole[..., :2]).all() and (found[..., 2:] <= whole[..., 2:]).all()
    assert (np.abs(found[:, 4].reshape(3, 2, 2).sum(1) - whole[:, 0].reshape(3, 2, 2).sum(1)) <= 1).all()  # the centre
