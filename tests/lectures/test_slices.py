"""A slice of a lesson computes what the whole lesson computes, of the names that are asked for."""

import pytest

from bncourse.lectures.slices import statements


def kept(source, *wanted):
    return statements(source.split("\n---\n"), wanted)


@pytest.mark.parametrize("source, wanted, expected", [
    ("a = 1\nb = 2\nc = a + 1", "c", ["a = 1", "c = a + 1"]),
    ("import numpy as np\nnp.seterr()\nx = np.ones(2)", "x", ["import numpy as np", "x = np.ones(2)"]),
    ("a = []\nb = a\nfor i in (1, 2):\n    a.append(i)", "a", ["a = []", "for i in (1, 2):\n    a.append(i)"]),
    ("a = {}\na['k'] = 1\nprint(a)", "a", ["a = {}", "a['k'] = 1"]),
    ("a = {}\nfor k, v in a.items():\n    print(k)", "a", ["a = {}"]),
    ("rng = new()\nx = f(rng)\ny = f(rng)", "y", ["rng = new()", "x = f(rng)", "y = f(rng)"]),
    ("seen = []\n\ndef watch(x):\n    seen.append(x)\nunused = 3\n---\n_ = train(watch)", "seen",
     ["seen = []", "def watch(x):\n    seen.append(x)", "_ = train(watch)"]),
])
def test_a_statement_is_kept_if_it_binds_or_may_change_what_is_needed(source, wanted, expected):
    assert kept(source, wanted) == expected
