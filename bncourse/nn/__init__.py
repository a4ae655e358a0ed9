"""Batch normalization in PyTorch: the modules, their population statistics, and folding them away."""

from bncourse.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from bncourse.nn.dataflow import Untraceable
from bncourse.nn.fold import FoldReport, fold_batchnorm
from bncourse.nn.population import population_statistics

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "FoldReport",
    "Untraceable",
    "fold_batchnorm",
    "population_statistics",
]
