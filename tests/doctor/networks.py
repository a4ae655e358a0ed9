"""Small networks with batch norm, new or trained for some steps, for the tests of what batch norms have stored."""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions with a batch norm each, and a skip connection around them."""

    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        return (x + self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))).relu()


class Small(nn.Module):
    """Five batch norms: one behind the first convolution, and two in each of two residual blocks."""

    def __init__(self, width=8):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.blocks(self.bn(self.conv(x)).relu()).mean((2, 3)))


BATCHNORMS = ("bn", "blocks.0.bn1", "blocks.0.bn2", "blocks.1.bn1", "blocks.1.bn2")


def images(n=16):
    return torch.randn(n, 3, 6, 6) * 2 + 1


def trained(model=None, steps=40):
    """A network after some steps towards small outputs, for inputs that are neither centered nor scaled."""
    model = Small() if model is None else model
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model(images()).square().mean().backward()
        optimizer.step()
    return model
