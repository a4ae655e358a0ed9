"""The bodies that patients are made of: three architectures, hand-written batch norms, data, and a short training.

    small        a convolutional network of named layers, two batch norms
    Residual     a stem and two residual blocks, five batch norms
    Tokens       attention and a feedforward part over sequences `(N, T, C)`, two hand-written batch norms
    ByHand       batch norm over all axes but the last, by means and variances of its own
    Keepdim      batch norm of pictures by means that keep their axes, with buffers of `(1, C, 1, 1)`
    Functional   batch norm by `torch.nn.functional.batch_norm`, with buffers of its own
    Inline       a convolution, that function and a ReLU in one module, which is no batch norm

Pictures are `(N, 3, 8, 8)` and sequences `(N, 6, 8)`, of four classes that differ in pattern; all from seeds.
"""

import copy
from collections import OrderedDict
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

EXAMPLES, BATCH, CLASSES = 256, 32, 4
TRAINED, SETTLED = 20, 70  # steps with a rate, and then without, so that the running statistics settle


@cache
def pictures():
    """`(x, t)`: pictures of four classes in no order, each class with colours and a pattern of its own, under noise."""
    return classes((3, 8, 8), (3, 1, 1))


@cache
def sequences():
    """`(x, t)`: sequences of six steps with eight features, of four classes."""
    return classes((6, 8), (1, 8))


def some():
    """A mini-batch of pictures."""
    return pictures()[0][:BATCH]


def some_sequences():
    return sequences()[0][:BATCH]


def classes(shape, colours):
    draw = torch.Generator().manual_seed(0)
    t = torch.arange(EXAMPLES) % CLASSES
    t = t[torch.randperm(EXAMPLES, generator=draw)]
    patterns = torch.randn(CLASSES, *shape, generator=draw) + torch.randn(CLASSES, *colours, generator=draw)
    return torch.randn(EXAMPLES, *shape, generator=draw) + patterns[t], t


def loader(x, t, batch=BATCH, shuffle=True, **kwargs):
    """The examples as training draws them: pairs `(x, t)`, in a new order each time unless told otherwise."""
    return DataLoader(TensorDataset(x, t), batch, shuffle=shuffle, **kwargs)


def small(norm=nn.BatchNorm2d, bias=False, before_norm=None, width=8):
    """conv, norm, ReLU, twice, and a classifier; `before_norm` is a layer between the second conv and its norm."""
    extra = {} if before_norm is None else {"between": before_norm}
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(3, width, 3, padding=1, bias=bias), norm1=norm(width), relu1=nn.ReLU(),
        conv2=nn.Conv2d(width, width, 3, padding=1, bias=bias), **extra, norm2=norm(width), relu2=nn.ReLU(),
        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), head=nn.Linear(width, CLASSES)))


class Block(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), and ReLU."""

    def __init__(self, width, norm):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width)

    def forward(self, x):
        inside = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(inside)))


class Residual(nn.Module):
    """A stem, two residual blocks, and a classifier."""

    def __init__(self, norm=nn.BatchNorm2d, width=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), norm(width), nn.ReLU())
        self.blocks = nn.Sequential(Block(width, norm), Block(width, norm))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


RESIDUAL_NORMS = ("stem.1", "blocks.0.norm1", "blocks.0.norm2", "blocks.1.norm1", "blocks.1.norm2")


class ByHand(nn.Module):
    """Batch norm of x `(..., C)` over all axes but the last, written out.

    `new` is the weight of a mini-batch in the moving statistics; `detached` names what stops the gradient: "mean",
    "var" or both; `unbiased` divides the stored variance by m - 1; `always` takes the mini-batch in eval mode too.
    """

    def __init__(self, channels, eps=1e-5, new=0.1, detached=(), unbiased=True, always=False):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("moving_mean", torch.zeros(channels))
        self.register_buffer("moving_variance", torch.ones(channels))
        self.eps, self.new, self.detached, self.unbiased, self.always = eps, new, detached, unbiased, always

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_variance
        if self.training or self.always:
            rows = x.flatten(0, -2)
            mean, var = rows.mean(0), rows.var(0, unbiased=False)
            if self.training:
                self.remember(mean.detach(), rows.detach().var(0, unbiased=self.unbiased))
            mean = mean.detach() if "mean" in self.detached else mean
            var = var.detach() if "var" in self.detached else var
        return (x - mean) * torch.rsqrt(var + self.eps) * self.scale + self.shift

    def remember(self, mean, var):
        self.moving_mean.lerp_(mean, self.new)
        self.moving_variance.lerp_(var, self.new)


class Functional(nn.Module):
    """Batch norm of pictures by the function of torch, with buffers of its own; `always` of the mini-batch."""

    def __init__(self, channels, always=False):
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mu", torch.zeros(channels))
        self.register_buffer("sigma2", torch.ones(channels))
        self.always = always

    def forward(self, x):
        return F.batch_norm(x, self.mu, self.sigma2, self.gain, self.offset, self.training or self.always, 0.1, 1e-5)


class Keepdim(nn.Module):
    """Batch norm of pictures whose statistics keep the axes that were averaged, as broadcasting likes them."""

    def __init__(self, channels):
        super().__init__()
        shape = 1, channels, 1, 1
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.register_buffer("stored_mean", torch.zeros(shape))
        self.register_buffer("stored_var", torch.ones(shape))

    def forward(self, x):
        mean, var = self.stored_mean, self.stored_var
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            var = (x - mean).square().mean((0, 2, 3), keepdim=True)
            m = x.numel() / x.shape[1]
            self.stored_mean = 0.9 * self.stored_mean + 0.1 * mean.detach()
            self.stored_var = 0.9 * self.stored_var + 0.1 * m / (m - 1) * var.detach()
        return self.gamma * (x - mean) / (var + 1e-5).sqrt() + self.beta


class Inline(nn.Module):
    """A convolution, batch norm and ReLU, whose batch norm is a line of `forward`."""

    def __init__(self, inputs, channels, always=False):
        super().__init__()
        self.conv, self.always = nn.Conv2d(inputs, channels, 3, padding=1, bias=False), always
        self.gain, self.offset = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x):
        return F.relu(F.batch_norm(self.conv(x), self.mean, self.var, self.gain, self.offset,
                                   self.training or self.always))


def inline(always=False):
    """Two convolutions with their batch norms inline, and a classifier."""
    return nn.Sequential(OrderedDict(block1=Inline(3, 8), block2=Inline(8, 8, always), pool=nn.AdaptiveAvgPool2d(1),
                                     flat=nn.Flatten(), head=nn.Linear(8, CLASSES)))


class ChannelsLast(nn.Module):
    """A hand-written batch norm in a network of pictures: it sees the channels last."""

    def __init__(self, channels, **kwargs):
        super().__init__()
        self.inner = ByHand(channels, **kwargs)

    def forward(self, x):
        return self.inner(x.movedim(1, -1)).movedim(-1, 1)


class Tokens(nn.Module):
    """A transformer's layer with batch norm in place of layer norm, and a classifier on the mean of the tokens.

    `norm` makes a norm of `(N, T, C)`; `drop` is Dropout before the second norm.
    """

    def __init__(self, norm=ByHand, width=8, drop=0.0, bias=False):
        super().__init__()
        self.embed = nn.Linear(8, width, bias=bias)
        self.norm1, self.norm2 = norm(width), norm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(drop)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.norm1(self.embed(x))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.narrow(F.relu(self.wide(self.norm2(self.dropout(x)))))
        return self.head(x.mean(1))


def trained(model, data=None, steps=TRAINED, settled=SETTLED, rate=0.05):
    """The model after some steps of SGD, with settled statistics, in eval mode."""
    x, t = pictures() if data is None else data
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    model.train()
    for step in range(steps):
        rows = rows_of(step)
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), t[rows]).backward()
        optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        for step in range(settled):
            model(x[rows_of(step)])
    return model.eval()


def rows_of(step):
    return torch.arange(step * BATCH, (step + 1) * BATCH) % EXAMPLES


def seeded(build, *args, **kwargs):
    """What `build` makes with the random numbers of one seed; the caller's are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(*args, **kwargs)


@cache
def grown(kind):
    """A healthy trained network, made once, of the kind that is named here."""
    make = {"small": small, "residual": Residual, "tokens": Tokens, "functional": lambda: small(Functional),
            "keepdim": lambda: small(Keepdim), "inline": inline, "channels last": lambda: small(ChannelsLast)}[kind]
    return seeded(lambda: trained(make(), sequences() if kind == "tokens" else pictures()))


def healthy(kind):
    """A copy of a healthy trained network, in eval mode."""
    return copy.deepcopy(grown(kind))
