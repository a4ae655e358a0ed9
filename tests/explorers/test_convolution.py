"""The explorer of lesson 06: the cube's axes and the name of the norm."""

import itertools

import pytest

from bncourse.explorers import convolution


@pytest.fixture
def explorer():
    return convolution.axes_explorer()


def title(explorer):
    return explorer._plot.figure.axes[0].get_title(loc="left")


def test_it_starts_at_batch_norm(explorer):
    assert title(explorer) == "batch norm (section 3.2)"


@pytest.mark.parametrize(("choice", "name"), [
    ((False, 6, True), "layer norm"), ((False, 1, True), "instance norm"), ((False, 2, True), "group norm"),
    ((False, 3, True), "group norm"), ((True, 3, True), "no name in use"),
    ((True, 1, False), "batch norm per activation (section 3)")])
def test_every_choice_has_its_name(explorer, choice, name):
    for control, value in zip(explorer.controls.values(), choice, strict=True):
        control.value = value
    assert title(explorer) == name


def test_sets_times_their_size_is_the_block():
    for choice in itertools.product((True, False), (1, 2, 3, 6), (True, False)):
        size, sets = (int(text.split()[0]) for text in convolution.facts(*choice)[:2])
        assert size * sets == 4 * 6 * 6


def test_every_control_changes_the_picture(explorer):
    assert explorer.dead_controls() == []
