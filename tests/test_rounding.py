"""What rounding moves is found: weights are moved by one unit in the last place, and each difference is listed."""

import os
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from bncourse import cli, rounding
from bncourse.notebooks import refresh

DRAWN = """import numpy as np, torch
rng = np.random.default_rng(3)
child, = rng.spawn(1)
torch.manual_seed(3)
print(*[x.hex() for x in (*rng.normal(size=40), *child.standard_normal(size=40), rng.uniform(), float(rng.integers(9)),
                          *torch.nn.Linear(40, 1).double().weight[0].tolist())])"""


def drawn(**variables):
    """The numbers that a fresh Python draws, 40 of a generator, 40 of its child, two that nothing moves, 40 weights."""
    done = subprocess.run([sys.executable, "-c", DRAWN], env={**os.environ, **variables}, capture_output=True,
                          text=True, check=True)
    return np.array([float.fromhex(word) for word in done.stdout.split()])


@pytest.fixture(scope="module")
def plain():
    return drawn()


def test_each_normal_number_and_each_initial_weight_moves_by_one_unit_in_its_last_place(plain):
    one, other = (drawn(**each) for each in rounding.variants(2, False).values())
    numbers, rest, weights = slice(0, 80), slice(80, 82), slice(82, None)
    for moved in (one, other):
        assert np.abs(moved - plain)[numbers] == pytest.approx(np.spacing(np.abs(plain[numbers])))
        assert np.array_equal(moved[rest], plain[rest])
        one_unit = torch.tensor(np.abs(plain[weights]), dtype=torch.float32)
        one_unit = (torch.nextafter(one_unit, torch.tensor(torch.inf)) - one_unit).numpy()
        assert np.all(np.isclose(np.abs(moved - plain)[weights], one_unit, rtol=0.51) & (moved != plain)[weights])
    assert not np.array_equal(one, other)


def test_without_the_variable_nothing_is_moved(plain):
    path = rounding.variants(1, False)["draw 0"]["PYTHONPATH"]
    assert np.array_equal(drawn(PYTHONPATH=path), plain)


CELLS = {
    "imports": "import os\n\nimport numpy as np\n\nfrom bncourse.figures.style import blank, picture",
    "steady": "print(1 + 1)",
    "measured": "print(f\"{np.random.default_rng(0).normal() * 2**58:.0f}\")",
    "words": "print(os.environ.get('OPENBLAS_CORETYPE', 'none'))",
    "last": "last = float(os.environ.get('LAST', '0.5'))\nprint(f'{last:.1f}')",
    "picture": "ax = blank()\nax.axvspan(0, float(os.environ.get('DRAWN', '0.5')))\n"
               "ax.set(xlim=(0, 1))\npicture(ax, alt='A bar')",
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook with a cell for each way to differ, and what it shows when nothing is changed."""
    path = tmp_path_factory.mktemp("rounding") / "small.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source, id=id) for id, source in CELLS.items()]), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENBLAS_CORETYPE", raising=False)
        refresh(path)
    return path


def differing(stored, **variables):
    """What differs under some variables: cell -> (words, whether too far)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENBLAS_CORETYPE", raising=False)
        return {each.cell: (each.what, each.far) for each in rounding.differences(stored, variables)}


@pytest.fixture(scope="module")
def near(stored):
    """What differs where a number and a picture move within their room, and a word does."""
    return differing(stored, LAST="0.6", DRAWN="0.502", OPENBLAS_CORETYPE="Haswell")


@pytest.fixture(scope="module")
def far(stored):
    """What differs where everything that can move moves too far."""
    return differing(stored, LAST="0.7", DRAWN="0.9", **rounding.variants(1, False)["draw 0"])


def test_where_nothing_moves_nothing_is_listed(stored):
    assert differing(stored) == {}


def test_a_number_within_its_room_is_listed_and_passes(near, far):
    assert near["last"] == ("0.5 -> 0.6, 1 of 1 units", False)
    assert far["last"] == ("0.5 -> 0.7, 2 of 1 units", True)


def test_a_picture_is_listed_with_its_distance(near, far):
    what, too_far = near["picture"]
    assert "of 0.5 grey levels" in what and not too_far
    what, too_far = far["picture"]
    assert "differs from the stored one by" in what and too_far


def test_an_integer_and_a_word_that_move_are_too_far(near, far):
    assert "measured" not in near
    what, too_far = far["measured"]
    assert "of 0 units" in what and too_far
    assert near["words"] == ("'none' -> 'Haswell'", True)


def test_a_cell_that_fails_is_listed(stored):
    (what, too_far), = differing(stored, LAST="x").values()
    assert "cell last failed with ValueError" in what and too_far


def test_the_command_lists_and_fails_where_something_is_too_far(stored, capsys, monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    options, _ = cli.parse(["notebooks", "jitter", str(stored), "--draws", "1"])
    assert cli.run(options) == 1
    said = capsys.readouterr().out
    assert "small.ipynb, draw 0: 1 moved\n  TOO FAR  measured: " in said
    assert said.endswith("1 runs, 1 with something that moves too far\n")


def test_every_imitated_processor_is_a_run_of_its_own():
    assert len(rounding.variants(3, True)) == 3 + len(rounding.imitable()) > 3
