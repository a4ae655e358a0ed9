"""Networks made of public layers alone, whose batch norms come from the package that is passed as `lib`."""

import pytest
import torch
from torch import nn

import bncourse.nn
from bncourse.nn.batchnorm import BATCHNORMS


class ResidualBlock(nn.Module):
    """Two convolutions, and a shortcut with a convolution of its own where the shape changes."""

    def __init__(self, lib, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn1 = lib.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = lib.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), lib.BatchNorm2d(c_out)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        return self.relu(x)


def residual(lib):
    """A small ResNet."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        lib.BatchNorm2d(8),
        nn.ReLU(),
        ResidualBlock(lib, 8, 8, 1),
        ResidualBlock(lib, 8, 16, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16, 10),
    )


class InvertedResidual(nn.Module):
    """Pointwise, depthwise, pointwise; a batch norm after each, and a shortcut."""

    def __init__(self, lib, c, expansion=3):
        super().__init__()
        wide = c * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(c, wide, 1, bias=False),
            lib.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False, padding_mode="reflect"),
            lib.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, c, 1, bias=False),
            lib.BatchNorm2d(c),
        )

    def forward(self, x):
        return x + self.layers(x)


def depthwise(lib):
    """A small MobileNet, with a normalized hidden layer in its head."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        lib.BatchNorm2d(6, eps=1e-3),
        InvertedResidual(lib, 6),
        InvertedResidual(lib, 6),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 12),
        lib.BatchNorm1d(12, affine=False),
        nn.Hardswish(),
        nn.Dropout(0.3),
        nn.Linear(12, 5),
    )


class Decoder(nn.Module):
    """Codes to pictures, by transposed convolutions, grouped ones among them."""

    def __init__(self, lib):
        super().__init__()
        self.project = nn.Linear(7, 8 * 9)
        self.norm = lib.BatchNorm1d(8 * 9)
        self.up1 = nn.ConvTranspose2d(8, 12, 4, stride=2, padding=1, groups=4)
        self.norm1 = lib.BatchNorm2d(12)
        self.up2 = nn.ConvTranspose2d(12, 6, 3, stride=2, output_padding=1, bias=False)
        self.norm2 = lib.BatchNorm2d(6, bias=False)
        self.picture = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, code, size=None):
        x = torch.relu(self.norm(self.project(code))).view(-1, 8, 3, 3)
        x = nn.functional.leaky_relu(self.norm1(self.up1(x)), 0.2)
        x = torch.tanh(self.picture(self.norm2(input=self.up2(x))))
        return x if size is None else nn.functional.interpolate(x, size)


def decoder(lib):
    return Decoder(lib)


class Linked(nn.Module):
    """A batch norm used twice in a forward pass, another that no value reaches."""

    def __init__(self, lib):
        super().__init__()
        self.norm = lib.BatchNorm1d(4)
        self.unused = lib.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(x) + self.norm(3 * x + 1)


INPUT = {residual: (3, 8, 8), depthwise: (3, 9, 9), decoder: (7,)}

every_model = pytest.mark.parametrize("build", INPUT, ids=lambda build: build.__name__)
every_lib = pytest.mark.parametrize("lib", [bncourse.nn, nn], ids=["ours", "torch.nn"])


def batchnorms(model):
    """Its batch norms, ours and torch.nn's, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, BATCHNORMS)}
