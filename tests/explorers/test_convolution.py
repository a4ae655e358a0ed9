"""The explorer of lesson 06: the cube's axes and the name of the norm."""

import pytest

from bncourse.explorers import convolution


@pytest.fixture
def explorer():
    return convolution.axes_explorer()


def title(explorer):
    return explorer.figure.axes[0].get_title(loc="left")


def test_it_starts_at_batch_norm(explorer):
    assert title(explorer) == "batch norm (paper, section 3.2)"


@pytest.mark.parametrize(("choice", "name"), [
    ((False, 6, True), "layer norm"), ((False, 1, True), "instance norm"), ((False, 2, True), "group norm"),
    ((False, 3, True), "group norm"), ((True, 3, True), "no name in use"),
    ((False, 2, False), "no name in use"),
    ((True, 1, False), "batch norm per activation (paper, section 3)")])
def test_every_choice_has_its_name(explorer, choice, name):
    for control, value in zip(explorer.controls.values(), choice, strict=True):
        control.value = value
    assert title(explorer) == name


@pytest.mark.parametrize(("choice", "size", "sets"), [
    ((True, 1, True), 24, 6), ((False, 6, True), 36, 4), ((False, 3, True), 18, 8), ((True, 1, False), 4, 36)])
def test_the_numbers_beside_the_cube_are_the_size_of_a_set_and_how_many_there_are(choice, size, sets):
    assert [int(text.split()[0]) for text in convolution.facts(*choice)[:2]] == [size, sets]


def test_every_control_changes_the_picture(explorer):
    assert explorer.dead_controls() == []
