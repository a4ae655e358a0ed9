"""BN-Inception, the network of section 4.2, built from the table that the paper printed (Figure 5).

The table contradicts itself: the branches of modules 4c and 4d add up to 608 feature maps where it prints
576. `reading="literal"` takes every printed branch and gets 608; `reading="consistent"` narrows the
projection after the pooling of 4c and 4d from 128 to 96, as TF-slim does, and gets the printed 576.

What neither table nor text gives is ours: every convolution and pooling pads so that stride 1 keeps the size
and stride 2 halves it, rounded up, so that images of any size pass; averages leave the padding out; weights
start as in `initialize`.

    net = BNInception()                                             # 1000 classes, 224x224 pixels, ReLU
    net = BNInception(200, stem="small", width=0.5)                 # an analogue for images of 64x64
    net = BNInception(norm="lrn", dropout=0.4)                      # Inception without batch norm
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from bncourse.nn.anatomy import output_shapes
from bncourse.nn.layers import Convolution, PerActivation, local_response_norm, pooling
from bncourse.paper import Figure5, GoogLeNetRow, figure5

ACTIVATIONS = {"relu": partial(nn.ReLU, inplace=True), "sigmoid": nn.Sigmoid}  # in place: less memory to cross
NORMS = {"batch": nn.BatchNorm2d, "none": None, "lrn": None}
READINGS = {"literal": {}, "consistent": {"4c": 96, "4d": 96}}  # the width of the projection, where not as printed
STEMS = ("dense", "separable", "small")
WIDTHS = (*Figure5._fields[4:9], "proj")


class BNInception(nn.Module):
    """Inception with batch norm before every nonlinearity (section 4.2, Figure 5).

    norm        "batch", torch.nn.BatchNorm2d; "none"; "lrn", local response normalization around the second
                convolution as in GoogLeNet and no batch norm; or what to use in place of torch.nn.BatchNorm2d,
                called with the number of feature maps. Only convolutions without batch norm have a bias.
    activation  "relu" or "sigmoid".
    reading     "literal" or "consistent", of the printed widths of 4c and 4d.
    stem        "dense", the first convolution 7x7 of stride 2; "separable", 8 filters for each colour and a 1x1
                convolution, as the paper has it; "small", 3x3 of stride 2, for images of 64x64: modules 3
                then see 8x8, modules 4 4x4, modules 5 2x2.
    width       a factor on every width of the table, rounded to the nearest multiple of 8, at least 8.
    dropout     the fraction of the classifier's inputs that is dropped in training.

    local_response keeps the local response normalization with batch norm too, as BN-Baseline does (section 4.2.2).
    For the ensemble of section 4.2.3, init_gain multiplies the initial weights of the convolutions, and in the
    last `per_activation` of the ten modules batch norm keeps a mean and a variance for every activation rather
    than for every feature map. Such a network takes images of `image_size` alone (224, with the small stem 64).

    Raises ValueError, naming the argument.
    """

    def __init__(self, num_classes=1000, norm="batch", activation="relu", reading="literal", stem="dense", width=1.0,
                 dropout=0.0, *, init_gain=1.0, per_activation=0, image_size=None, local_response=False):
        super().__init__()
        check_arguments(num_classes, norm, activation, reading, stem, width, dropout, init_gain, per_activation)
        batchnorm = NORMS[norm] if isinstance(norm, str) else norm
        layer = partial(Convolution, norm=batchnorm, activation=ACTIVATIONS[activation])
        rows = table(reading, width)
        self.stem = build_stem(rows[:4], stem, layer, lrn=local_response or norm == "lrn")
        inputs = channels(rows[3])
        self.modules_3, self.modules_4, self.modules_5 = (nn.Sequential() for _ in range(3))
        for row in rows[4:-1]:
            module = Inception(row, inputs, layer)
            getattr(self, f"modules_{module_name(row)[0]}").add_module(module_name(row), module)
            inputs = module.outputs
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(inputs, num_classes)
        initialize(self, activation, init_gain)
        if per_activation:
            normalize_each_activation(self, per_activation, batchnorm, image_size or (64 if stem == "small" else 224))

    def forward(self, images):
        """Images `(N, 3, H, W)` to scores `(N, num_classes)`, before the softmax."""
        x = self.stem(images)  # (N, 192, 28, 28) of 224x224 pixels
        x = self.modules_3(x)  # (N, 576, 14, 14)
        x = self.modules_4(x)  # (N, 1056, 7, 7), or 1024 in the consistent reading
        x = self.modules_5(x)  # (N, 1024, 7, 7)
        x = x.mean((2, 3))  # (N, 1024)
        return self.classifier(self.dropout(x))


class Inception(nn.Module):
    """An Inception module: up to four branches over the same input, their feature maps side by side.

    The branches are a 1x1 convolution; 1x1 and 3x3; 1x1 and two 3x3; pooling and 1x1. In a row of stride 2 the
    last convolution of each branch halves the grid, there is no branch of 1x1 alone, and the pooling passes its
    input through.

    `row` is the module's row of Figure 5, with the width of each convolution. `inputs` is the number of feature maps
    that come in, and the attribute `outputs` the number that go out. `layer` makes a convolution, as
    `Convolution` does.
    """

    def __init__(self, row: Figure5, inputs: int, layer: Callable):
        super().__init__()
        stride = 2 if row.patch_stride == "stride 2" else 1
        self.branches = nn.ModuleDict()
        if row.conv1x1:
            self.branches["conv1x1"] = layer(inputs, row.conv1x1, 1)
        self.branches["conv3x3"] = nn.Sequential(
            layer(inputs, row.conv3x3_reduce, 1),
            layer(row.conv3x3_reduce, row.conv3x3, 3, stride),
        )
        self.branches["double3x3"] = nn.Sequential(
            layer(inputs, row.double3x3_reduce, 1),
            layer(row.double3x3_reduce, row.double3x3, 3),
            layer(row.double3x3, row.double3x3, 3, stride),
        )
        self.branches["pool"] = nn.Sequential(pooling(row.pool, 3, stride))
        if row.proj:
            self.branches["pool"].append(layer(inputs, row.proj, 1))
        self.outputs = (row.conv1x1 or 0) + row.conv3x3 + row.double3x3 + (row.proj or inputs)

    def forward(self, x):
        """Feature maps `(N, outputs, H', W')` of x `(N, inputs, H, W)`; the grid is halved where the stride is 2."""
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1)


def build_stem(rows: list[Figure5 | GoogLeNetRow], kind: str, layer: Callable, lrn: bool) -> nn.Sequential:
    """What comes before the first module: convolution, pooling, convolution after a 1x1 reduction, pooling.

    `rows` are the first four of Figure 5, or of GoogLeNet's table, and `kind` is one of `STEMS`. `layer` makes a
    convolution, as `Convolution` does. With `lrn` there is local response normalization before and after the second
    convolution.
    """
    first, pool1, second, pool2 = rows
    kernel, stride = patch_and_stride(first)
    stem = nn.Sequential()
    stem.conv1 = layer(3, channels(first), 3 if kind == "small" else kernel, stride, separable=kind == "separable")
    stem.pool1 = pooling("max", *patch_and_stride(pool1))
    if lrn:
        stem.norm1 = local_response_norm()
    stem.conv2_reduce = layer(channels(first), second.conv3x3_reduce, 1)
    stem.conv2 = layer(second.conv3x3_reduce, second.conv3x3, *patch_and_stride(second))
    if lrn:
        stem.norm2 = local_response_norm()
    stem.pool2 = pooling("max", *patch_and_stride(pool2))
    return stem


def table(reading: str = "literal", width: float | int = 1.0) -> list[Figure5]:
    """Figure 5's rows in one reading of modules 4c and 4d, with every width multiplied by a factor.

    `reading` is "literal" or "consistent", and `width` the factor. Widths are rounded to the nearest multiple of 8,
    and are at least 8. Returns the rows in the order of the table.
    """

    def scale(number: int | None) -> int | None:
        return number and max(8, round(number * width / 8) * 8)

    rows = []
    for row in figure5():
        row = row._replace(proj=READINGS[reading].get(module_name(row), row.proj))
        height, across, depth = row.output_size
        row = row._replace(output_size=(height, across, scale(depth)))
        rows.append(row._replace(**{name: scale(getattr(row, name)) for name in WIDTHS}))
    return rows


def module_name(row: Figure5) -> str | None:
    """The name of the module that a row of Figure 5 describes: "3a" of "inception (3a)"; None for other rows."""
    return row.type[-3:-1] if row.type.startswith("inception") else None


def channels(row: Figure5 | GoogLeNetRow) -> int:
    """The number of feature maps that the part in a row of a table returns: the last number of its output size."""
    return row.output_size[2]


def patch_and_stride(row: Figure5 | GoogLeNetRow) -> tuple[int, int]:
    """The side of the patch and the stride that a row of a table prints: (7, 2) of "7x7/2"."""
    patch, stride = row.patch_stride.split("/")
    return int(patch.split("x")[0]), int(stride)


def initialize(net: nn.Module, activation: str, init_gain: float | int) -> None:
    """Draws initial weights under which a network trains without batch norm too, where its nonlinearity allows.

    Weights of convolutions are Gaussian, of variance 2 / fan-in before a ReLU (He et al. 2015), so that the mean square
    of a layer's inputs is that of its outputs, and 1 / fan-in before a sigmoid or where no nonlinearity follows. They
    are then multiplied by `init_gain`. The classifier's standard deviation is 0.01, which makes the first loss close to
    log(num_classes). Biases are zero. `net` is changed in place, and `activation` is one of `ACTIVATIONS`.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            follows = "linear" if module.groups > 1 else activation
            nn.init.kaiming_normal_(module.weight, nonlinearity=follows)
            with torch.no_grad():
                module.weight.mul_(init_gain)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def normalize_each_activation(net: BNInception, modules: int, batchnorm, image_size: int) -> None:
    """Replaces the batch norms of the last modules by `PerActivation`, in place (section 4.2.3).

    `modules` is the number of modules, counted from the end. `batchnorm` makes a batch norm from its number of
    features. `image_size` is the side of the images in pixels, on which the number of activations depends.
    """
    shapes = output_shapes(net, (3, image_size, image_size))
    last = [module for module in net.modules() if isinstance(module, Inception)][-modules:]
    names = {id(layer): name for name, layer in net.named_modules()}
    for module in last:
        for layer in module.modules():
            if isinstance(layer, Convolution):
                layer.norm = PerActivation(batchnorm, shapes[names[id(layer)]])


def check_arguments(num_classes, norm, activation, reading, stem, width, dropout, init_gain, per_activation):
    """Raises ValueError, naming the argument, what it was and what was expected."""
    choices = {"activation": (activation, ACTIVATIONS), "reading": (reading, READINGS), "stem": (stem, STEMS)}
    if not callable(norm):
        choices["norm"] = (norm, NORMS)
    for name, (value, known) in choices.items():
        if value not in known:
            other = ", or a class to use in place of torch.nn.BatchNorm2d" if name == "norm" else ""
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, known))}{other}")
    limits = {
        "num_classes": (num_classes, num_classes >= 1, "1 or more"),
        "width": (width, width > 0, "a positive factor"),
        "dropout": (dropout, 0 <= dropout < 1, "a fraction from 0 to below 1"),
        "init_gain": (init_gain, init_gain > 0, "a positive factor"),
        "per_activation": (per_activation, 0 <= per_activation <= 10, "0 to 10, the number of modules"),
    }
    for name, (value, fits, expected) in limits.items():
        if not fits:
            raise ValueError(f"{name} is {value}; expected {expected}")
    if per_activation and norm in ("none", "lrn"):
        raise ValueError(f"per_activation is {per_activation}, but norm is {norm!r}; expected batch norm")
