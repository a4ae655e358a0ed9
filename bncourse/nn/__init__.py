"""Batch normalization in PyTorch: modules that keep their statistics, and the networks of section 4.2.

    normalize.py       Algorithm 1, 3, 3.2     the transform and its gradient, in operations on tensors
    batchnorm.py       3.1, 3.2                BatchNorm1d, 2d, 3d: in place of those of torch.nn
    convert.py         -                       `convert_batchnorm`: torch.nn's batch norms in a model to ours, and back
    ghost.py           -                       GhostBatchNorm1d, 2d, 3d: parts of a mini-batch, each by itself
    renorm.py          -                       BatchRenorm1d, 2d, 3d: corrected towards the moving statistics
    population.py      Algorithm 2, 7 to 11    `population_statistics`: the statistics that inference uses, measured
                                               after training
    fold.py            Algorithm 2, line 11    `fold_batchnorm`: batch norms multiplied into the layers before them
    dataflow.py        -                       which layer's output goes where in a model, as folding must know
    probing.py         -                       what a layer computes at inference, found by trying it
    trying.py          -                       a model and a changed copy of it, run to be compared
    inception.py       4.2, Figure 5           BNInception, with the readings of the printed table
    googlenet.py       4.2.1                   GoogLeNet, the Inception of 2014, from which section 4.2 starts
    layers.py          3.2, 4.2.3              the layers of both: convolution with batch norm, pooling
    local_response.py  4.2.1                   local response normalization, which batch norm replaces
    anatomy.py         Figure 5                shapes, parameters and multiply-adds of a network, counted

Nothing here uses bncourse.kernels: the same mathematics is written twice, and the tests compare the two.
"""

from bncourse.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
)
from bncourse.nn.convert import convert_batchnorm
from bncourse.nn.dataflow import Untraceable
from bncourse.nn.fold import FoldReport, fold_batchnorm
from bncourse.nn.ghost import GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d
from bncourse.nn.inception import BNInception
from bncourse.nn.population import population_statistics
from bncourse.nn.renorm import BatchRenorm1d, BatchRenorm2d, BatchRenorm3d

__all__ = [
    "BNInception",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchRenorm1d",
    "BatchRenorm2d",
    "BatchRenorm3d",
    "FoldReport",
    "GhostBatchNorm1d",
    "GhostBatchNorm2d",
    "GhostBatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "Untraceable",
    "convert_batchnorm",
    "fold_batchnorm",
    "population_statistics",
]
