"""The explorer of lesson 15 writes the medians of the chosen pictures and statistics, and each control acts."""

import numpy as np
import pytest

from bncourse.explorers.in_the_wild import domain_explorer

NORMS, KINDS = ("batch norm", "no norm"), ("dark", "fog", "noise")
SOURCES = ("2 pictures", "20 pictures", "zeros alone")


@pytest.fixture
def shares(rng):
    """Shares before, by norm and kind, and after, by norm, kind and source."""
    return ({norm: {kind: rng.uniform(0, 0.5, 5) for kind in KINDS} for norm in NORMS},
            {norm: {kind: {source: rng.uniform(0.5, 1, 5) for source in SOURCES} for kind in KINDS} for norm in NORMS})


def test_it_starts_in_fog(shares):
    assert domain_explorer(*shares).values() == {"pictures": "fog", "source": "2 pictures"}


def test_the_medians_are_those_of_the_setting(shares):
    (before, after), explorer = shares, domain_explorer(*shares)
    explorer.controls["pictures"].value, explorer.controls["source"].value = "noise", "zeros alone"
    ax, = explorer.figure.axes
    expected = [100 * np.median(values) for norm in ("no norm", "batch norm")
                for values in (before[norm]["noise"], after[norm]["noise"]["zeros alone"])]
    assert [text.get_text() for text in ax.texts] == [f"{value:.0f}" for value in expected]
    assert ax.get_title(loc="left") == "noise: new statistics from zeros alone"


def test_no_control_is_dead(shares):
    assert domain_explorer(*shares).dead_controls() == []
