"""The course's own lessons, read once, and a small lesson to spoil."""

import pytest

from bncourse.lectures import editions, lessons
from tests.lectures.small import small_lesson


@pytest.fixture(scope="package")
def course():
    """Every lesson of the course."""
    return lessons.find()


@pytest.fixture(scope="package")
def handed_out(course):
    """Every lesson in the student edition."""
    return editions.in_edition(course, "student")


@pytest.fixture
def small():
    """A lesson with one of everything."""
    return small_lesson()
