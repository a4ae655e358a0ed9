"""With our batch norms a model can be used as with torch.nn's: the same results, and no error that is ours alone."""

import inspect

import pytest
import torch
from torch import nn

import bncourse.nn
from bncourse.nn import batchnorm, normalize
from tests.nn.like_torch import assert_close, randomize
from tests.nn.uses import FAIL_WITH_BOTH, USES

pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch about its own parts, with both kinds of batch norm


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch):
    """Arrays of more than two numbers count as large."""
    monkeypatch.setattr(normalize, "SLAB", 8)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """The source as it is: the checks of shapes that all tests add are nothing that a compiler could see through."""
    for owner in (batchnorm, normalize, batchnorm.BatchNorm):
        for name, value in list(vars(owner).items()):
            if inspect.isfunction(value):
                monkeypatch.setattr(owner, name, inspect.unwrap(value))


def model(lib):
    layers = nn.Conv2d(3, 6, 3), lib.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 3), lib.BatchNorm2d(2)
    return nn.Sequential(*layers).double()


@pytest.fixture
def pair():
    """The same model with our batch norms and with torch.nn's."""
    ours, theirs = model(bncourse.nn), model(nn)
    for norm in (ours[1], ours[4]):
        randomize(norm)
    theirs.load_state_dict(ours.state_dict())
    return (ours, bncourse.nn), (theirs, nn)


def comparable(result):
    """A result with its tensors set apart: what must be equal, and what must be close."""
    leaves, structure = torch.utils._pytree.tree_flatten(result)
    tensors = [leaf.detach() for leaf in leaves if isinstance(leaf, torch.Tensor)]
    return structure, [leaf for leaf in leaves if not isinstance(leaf, torch.Tensor)], tensors


@pytest.mark.parametrize("name", USES)
def test_a_use_gives_what_it_gives_with_torch_s(name, pair, randn):
    x = randn(4, 3, 6, 6)
    ours, theirs = (comparable(USES[name](model, x.clone(), lib)) for model, lib in pair)
    assert ours[:2] == theirs[:2]
    assert_close(ours[2], theirs[2], 1e-9)


@pytest.mark.parametrize("name", FAIL_WITH_BOTH)
def test_a_use_that_raises_does_so_with_torch_s_too(name, pair, randn):
    raised = []
    for model, lib in pair:
        with pytest.raises(Exception) as caught:
            FAIL_WITH_BOTH[name](model, randn(4, 3, 6, 6), lib)
        raised.append(caught.type)
    assert raised[0] is raised[1]
