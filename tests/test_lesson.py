"""A lesson's first cell says what it runs with, and refuses data that the course does not know."""

import pytest

from bncourse import lesson, runs


def test_the_set_up_says_which_data_the_lesson_runs_on(capsys):
    first, second = (lesson.setup(seed=3, data="scenes").normal() for _ in range(2))
    assert first == second
    assert capsys.readouterr().out.splitlines()[1] == "data: scenes (synthetic)"


def test_data_that_the_course_does_not_know_are_refused_by_name():
    with pytest.raises(ValueError, match="data is 'cifar'; expected one of 'glyphs', 'scenes', 'mnist'"):
        lesson.setup(data="cifar")


def test_the_title_of_the_data_is_one_that_captions_have():
    assert lesson.data_title() in runs.TITLES.values()
