"""A ghost batch norm does what torch.nn's batch norm does that is called with one part after the other."""

import pytest
import torch
from torch import nn

from bncourse.kernels.ghost import ghostnorm_forward
from bncourse.nn import GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d
from tests.nn.like_torch import assert_close, gradients, randomize

CASES = [(GhostBatchNorm1d, nn.BatchNorm1d, (12, 3)), (GhostBatchNorm1d, nn.BatchNorm1d, (12, 3, 5)),
         (GhostBatchNorm2d, nn.BatchNorm2d, (12, 3, 4, 2)), (GhostBatchNorm3d, nn.BatchNorm3d, (12, 3, 2, 3, 2))]

every_class = pytest.mark.parametrize(("ghost", "torchs", "shape"), CASES,
                                      ids=[f"{c.__name__}{s}" for c, _, s in CASES])


class InParts(nn.Module):
    """What public implementations do: one batch norm, called with one part after the other."""

    def __init__(self, norm, sizes):
        super().__init__()
        self.norm, self.sizes = norm, sizes

    def forward(self, x):
        return torch.cat([self.norm(part) for part in x.split(self.sizes)])


@every_class
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_step_is_that_of_a_batch_norm_called_with_each_part(ghost, torchs, shape, momentum, randn):
    ours = ghost(3, 4, momentum=momentum, dtype=torch.float64)
    theirs = torchs(3, momentum=momentum, dtype=torch.float64)
    randomize(ours, theirs)
    x, dy = randn(*shape), randn(*shape)
    assert_close(gradients(ours, x, dy), gradients(InParts(theirs, [4, 4, 4]), x, dy))
    assert_close(ours.state_dict(), theirs.state_dict())
    assert_close(ours.eval()(x), theirs.eval()(x))


def test_parts_are_as_equal_as_can_be_and_none_is_smaller_than_asked_for(randn):
    x = randn(11, 3)
    theirs = nn.BatchNorm1d(3, dtype=torch.float64)
    ours = GhostBatchNorm1d(3, 4, dtype=torch.float64)
    assert_close(ours(x), InParts(theirs, [6, 5])(x))
    assert_close(GhostBatchNorm1d(3, 20, dtype=torch.float64)(x), nn.BatchNorm1d(3, dtype=torch.float64)(x))
    assert ours.num_batches_tracked == 2


def test_it_is_the_kernel(randn):
    x, module = randn(12, 3, 4, 2), GhostBatchNorm2d(3, 5, dtype=torch.float64)
    randomize(module)
    gamma, beta = (p.detach().numpy() for p in module.parameters())
    assert_close(module(x).detach(), torch.from_numpy(ghostnorm_forward(x.numpy(), gamma, beta, 5)[0]), 1e-12)


def test_a_part_of_one_example_is_refused():
    with pytest.raises(ValueError, match="virtual_batch_size is 1; expected 2 or more"):
        GhostBatchNorm1d(3, 1)


def test_it_says_its_size():
    assert repr(GhostBatchNorm1d(3, 16)).endswith("virtual_batch_size=16)")
