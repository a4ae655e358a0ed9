"""Batch normalization in PyTorch: modules, population statistics, folding them away; and BN-Inception."""

from bncourse.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from bncourse.nn.dataflow import Untraceable
from bncourse.nn.fold import FoldReport, fold_batchnorm
from bncourse.nn.inception import BNInception
from bncourse.nn.population import population_statistics

__all__ = [
    "BNInception",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "FoldReport",
    "Untraceable",
    "fold_batchnorm",
    "population_statistics",
]
