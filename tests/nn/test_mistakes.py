"""Every mistake of mistakes.py, planted in our source, breaks the law that is named beside it."""

import pytest

from tests.nn.laws import LAWS
from tests.nn.mistakes import MISTAKES, Mistake, planted

SHAPE = (4, 3, 5, 2)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_caught(name, randn, record_property):
    mistake = MISTAKES[name]
    with pytest.raises(AssertionError):
        LAWS[mistake.caught_by](planted(mistake).BatchNorm2d, SHAPE, randn)
    record_property("mistake", ("nn", name, mistake.caught_by))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_source_without_a_mistake_breaks_no_law(law, randn):
    law(planted(Mistake({}, "")).BatchNorm2d, SHAPE, randn)
