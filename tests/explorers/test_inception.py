"""The explorer of lesson 11: the numbers of each module."""

import pytest

from bncourse.explorers import inception


@pytest.fixture(scope="module")
def explorer():
    return inception.module_explorer()


@pytest.fixture
def said(explorer):
    """What the explorer says of a module in a reading."""
    explorer.reset()
    axes, = explorer.figure.axes

    def choose(module, reading):
        explorer.controls["module"].value, explorer.controls["reading"].value = module, reading
        return axes.get_title(loc="left"), max((text.get_text() for text in axes.texts), key=len).split("\n")

    return choose


@pytest.mark.parametrize(("module", "reading", "title", "sum_of_widths"), [
    ("4c", "literal", "4c gives maps of 14x14", "160 + 160 + 160 + 128 = 608"),
    ("4c", "consistent", "4c gives maps of 14x14", "160 + 160 + 160 + 96 = 576"),
    ("4e", "literal", "4e gives maps of 7x7", "192 + 256 + 608 = 1056"),
    ("5b", "consistent", "5b gives maps of 7x7", "352 + 320 + 224 + 128 = 1024")])
def test_it_says_the_widths_and_the_size(said, module, reading, title, sum_of_widths):
    found, lines = said(module, reading)
    assert found == title and lines[1] == sum_of_widths


def test_it_says_parameters_and_multiply_adds_with_their_shares(said):
    _, lines = said("3a", "literal")
    assert lines[2] == "0.22 million parameters, 1.9%" and lines[3] == "171 million multiply-adds, 8.4%"
    assert said("3c", "literal")[1][0] == "3x3, double 3x3, pooling"


@pytest.mark.parametrize(("place", "module"), [(0, "3a"), (5, "4c"), (9, "5b")])
def test_the_chosen_module_is_the_one_that_is_not_pale(explorer, said, place, module):
    said(module, "consistent")
    boxes, = explorer.figure.axes[0].collections
    darkest = boxes.get_facecolors()[:, :3].sum(axis=1).argmin()
    assert round(boxes.get_paths()[darkest].vertices[:, 0].mean()) == place


def test_every_control_changes_the_picture(explorer):
    explorer.reset()
    assert explorer.dead_controls() == []
