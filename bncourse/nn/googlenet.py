"""GoogLeNet, the Inception of 2014, from its table: what the paper's "+30 %" and "+25 %" are measured against.

Its auxiliary classifiers, which only training uses, are left out. Padding, averages and initial weights are
as in `inception`.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import nn

from bncourse.nn.inception import build_stem, channels, initialize, patch_and_stride
from bncourse.nn.layers import Convolution, pooling
from bncourse.paper import GoogLeNetRow, googlenet


class GoogLeNet(nn.Module):
    """The network of Szegedy et al. 2014: nine modules, local response normalization, Dropout of 40 %, ReLU.

    `num_classes` is the number of scores that it gives an image. With `separable` the first convolution has 8 filters
    for each colour, and a 1x1 convolution after them.
    """

    def __init__(self, num_classes: int = 1000, separable: bool = False):
        super().__init__()
        layer = partial(Convolution, norm=None, activation=nn.ReLU)
        rows = googlenet()
        self.stem = build_stem(rows[:4], "separable" if separable else "dense", layer, lrn=True)
        self.modules_3, self.modules_4, self.modules_5 = (nn.Sequential() for _ in range(3))
        for before, row in pairwise(rows[3:-1]):
            if row.type == "max pool":
                modules.append(pooling("max", *patch_and_stride(row)))
            else:
                modules = getattr(self, f"modules_{row.type[-3]}")
                modules.add_module(row.type[-3:-1], FiveByFive(row, channels(before), layer))
        self.dropout = nn.Dropout(0.4)
        self.classifier = nn.Linear(channels(rows[-1]), num_classes)
        initialize(self, "relu", 1.0)

    def forward(self, images):
        """Images `(N, 3, H, W)` to scores `(N, num_classes)`, before the softmax."""
        x = self.stem(images)
        x = self.modules_3(x)
        x = self.modules_4(x)
        x = self.modules_5(x)
        return self.classifier(self.dropout(x.mean((2, 3))))


class FiveByFive(nn.Module):
    """An Inception module of 2014, which has a 5x5 convolution where BN-Inception has two of 3x3 (section 4.2).

    `row` is the module's row of GoogLeNet's table, and `inputs` the number of feature maps that come in. `layer` makes
    a convolution, as `Convolution` does.
    """

    def __init__(self, row: GoogLeNetRow, inputs: int, layer):
        super().__init__()
        self.branches = nn.ModuleDict({
            "conv1x1": layer(inputs, row.conv1x1, 1),
            "conv3x3": nn.Sequential(layer(inputs, row.conv3x3_reduce, 1), layer(row.conv3x3_reduce, row.conv3x3, 3)),
            "conv5x5": nn.Sequential(layer(inputs, row.conv5x5_reduce, 1), layer(row.conv5x5_reduce, row.conv5x5, 5)),
            "pool": nn.Sequential(pooling("max", 3, 1), layer(inputs, row.proj, 1)),
        })

    def forward(self, x):
        """The feature maps of the four branches side by side, `(N, C', H, W)` of x `(N, inputs, H, W)`."""
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1)
