"""The checks of lesson 11: widths, parameters, multiply-adds, receptive field, and the changes of section 4.2.1."""

from itertools import accumulate
from math import ceil
from typing import NamedTuple

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.statements import Statement, Statements

# Widths of a module as Figure 5 prints them: #1x1, 3x3 reduce, #3x3, double reduce, double #3x3, projection; None
# where the pooling passes its input through. The inputs come last.
MODULES = [(64, 48, 72, 40, 96, 32, 192), (0, 56, 160, 24, 104, None, 320), (352, 192, 320, 160, 224, 128, 1056)]


class Module(NamedTuple):
    """The widths of MODULES by name, for the mistakes."""

    conv1x1: int
    conv3x3_reduce: int
    conv3x3: int
    double3x3_reduce: int
    double3x3: int
    proj: int | None
    inputs: int


def _asked(answer):
    """A function of the seven widths that asks `answer` about them as a `Module`."""
    return lambda *widths: answer(Module(*widths))


def _convolved(module):
    """The feature maps of a module without those of its pooling branch."""
    return module.conv1x1 + module.conv3x3 + module.double3x3


def _width(conv1x1, conv3x3_reduce, conv3x3, double3x3_reduce, double3x3, proj, inputs):
    return conv1x1 + conv3x3 + double3x3 + (inputs if proj is None else proj)


width = Check(
    exercise="11.1",
    law="A module gives the feature maps of its branches side by side: #1x1, #3x3, the last of the double 3x3, and "
        "the projection, or all of the input where the pooling passes it through.",
    solution=_width,
    cases=lambda rng: MODULES,
    outputs=("feature maps",),
    mistakes=(
        Mistake("the reductions counted", "A reduction feeds the 3x3 behind it; only the last convolution of a branch "
                "is part of the output.", "Figure 5, the columns named reduce",
                _asked(lambda module: _width(*module) + module.conv3x3_reduce + module.double3x3_reduce)),
        Mistake("the passed-through input forgotten", "Without a projection the pooling passes all its input maps on.",
                "Figure 5, 'max + pass through'",
                _asked(lambda module: _convolved(module) + (module.proj or 0))),
        Mistake("None taken for a number", "A projection of None is none: the pooling passes all its input maps on.",
                "Figure 5, 'max + pass through'", _asked(lambda module: _convolved(module) + module.proj)),
        Mistake("the double 3x3 counted twice", "The second 3x3 takes the place of the first; their maps do not both "
                "come out.", "Figure 5, the column double #3x3",
                _asked(lambda module: _width(*module) + module.double3x3)),
        Mistake("the input passed through everywhere",
                "With a projection only its maps come out of the pooling branch.", "Figure 5, 'avg + 32'",
                _asked(lambda module: _convolved(module) + module.inputs + (module.proj or 0))),
        Mistake("the input passed through instead of projected", "With a projection its maps come out of the pooling "
                "branch, and not the input.", "Figure 5, 'avg + 32'",
                _asked(lambda module: _convolved(module) + module.inputs)),
        Mistake("the reductions instead of what follows them", "A reduction feeds the 3x3 behind it, and that gives "
                "the branch's output.", "Figure 5, the columns named reduce",
                _asked(lambda module: _width(*module) + module.conv3x3_reduce + module.double3x3_reduce
                       - module.conv3x3 - module.double3x3)),
        Mistake("the widest branch", "All maps are kept, so the widths add up.",
                "Figure 5, the column output size",
                _asked(lambda module: max(module.conv1x1, module.conv3x3, module.double3x3,
                                          module.inputs if module.proj is None else module.proj))),
    ),
)


def _convolutions(conv1x1, conv3x3_reduce, conv3x3, double3x3_reduce, double3x3, proj, inputs):
    """(inputs, outputs, kernel) of each convolution of a module."""
    printed = [(inputs, conv1x1, 1), (inputs, conv3x3_reduce, 1), (conv3x3_reduce, conv3x3, 3),
               (inputs, double3x3_reduce, 1), (double3x3_reduce, double3x3, 3), (double3x3, double3x3, 3),
               (inputs, proj or 0, 1)]
    return [conv for conv in printed if conv[1]]


def _parameters(conv1x1, conv3x3_reduce, conv3x3, double3x3_reduce, double3x3, proj, inputs):
    module = conv1x1, conv3x3_reduce, conv3x3, double3x3_reduce, double3x3, proj, inputs
    return sum(kernel**2 * into * out + 2 * out for into, out, kernel in _convolutions(*module))


def _count(each, keep=lambda convolutions: convolutions):
    """A count of a module: the sum of each(inputs, outputs, kernel) over the convolutions that are kept."""
    return lambda *module: sum(each(*conv) for conv in keep(_convolutions(*module)))


parameters = Check(
    exercise="11.2",
    law="A convolution has kernel x kernel weights for each pair of an input and an output map, no bias before batch "
        "norm, and batch norm has gamma and beta for each output map.",
    solution=_parameters,
    cases=lambda rng: MODULES,
    outputs=("number of parameters",),
    mistakes=(
        Mistake("gamma and beta forgotten", "Batch norm behind a convolution learns two numbers for each output map.",
                "section 3.2", _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs)),
        Mistake("one number for each map instead of two", "Batch norm learns gamma and beta for each map. One alone is "
                "a bias, which the mean would cancel, or a gamma without its beta.", "section 3.2",
                _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs + outputs)),
        Mistake("a bias as well", "A bias in front of batch norm is cancelled by the mean, so it is left out.",
                "section 3.2", _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs + 3 * outputs)),
        Mistake("gamma and beta of the module's output alone", "Batch norm stands behind each convolution, and so "
                "behind the reductions too.", "section 2",
                _asked(lambda module: _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs)(*module)
                       + 2 * (_convolved(module) + (module.proj or 0)))),
        Mistake("both 3x3 of the double branch behind its reduction", "The second one sees the maps of the first.",
                "Figure 5, double #3x3",
                _asked(lambda module: _parameters(*module)
                       + 9 * module.double3x3 * (module.double3x3_reduce - module.double3x3))),
        Mistake("a projection where the pooling passes its input through", "Without a projection there is no "
                "convolution behind the pooling.", "Figure 5, 'max + pass through'",
                _asked(lambda module: _parameters(*module._replace(proj=module.proj or module.inputs)))),
        Mistake("the projection forgotten", "Behind an average pooling there is a 1x1 convolution.",
                "Figure 5, the column pool", _asked(lambda module: _parameters(*module._replace(proj=None)))),
        Mistake("None taken for a number", "A projection of None is none: behind that pooling there is no convolution.",
                "Figure 5, 'max + pass through'",
                _asked(lambda module: _parameters(*module) + module.inputs * module.proj)),
        Mistake("one gamma and beta for the double 3x3", "Each of its two 3x3 convolutions has a batch norm of its "
                "own.", "section 2", _asked(lambda module: _parameters(*module) - 2 * module.double3x3)),
        Mistake("a 5x5 in place of the double 3x3", "Two 3x3 convolutions replace it, with a batch norm each.",
                "Figure 5, double #3x3",
                _asked(lambda module: _parameters(*module) + module.double3x3 * (
                    16 * module.double3x3_reduce - 9 * module.double3x3 - 2))),
        Mistake("the moving statistics counted", "Mean and variance are measured, not learned.", "Algorithm 2",
                _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs + 4 * outputs)),
        Mistake("the kernel not squared", "A 3x3 kernel has nine weights for each pair of maps.", "section 3.2",
                _count(lambda inputs, outputs, kernel: kernel * inputs * outputs + 2 * outputs)),
        Mistake("one filter for all inputs", "A filter has weights for each of its input maps.", "section 3.2",
                _count(lambda inputs, outputs, kernel: kernel**2 * outputs + 2 * outputs)),
        Mistake("the second 3x3 forgotten", "The double branch has a reduction and two 3x3 convolutions.",
                "Figure 5, double #3x3",
                _count(lambda inputs, outputs, kernel: kernel**2 * inputs * outputs + 2 * outputs,
                       lambda convolutions: [conv for conv in convolutions if conv[2] == 1 or conv[0] != conv[1]])),
        Mistake("the reductions forgotten", "The 1x1 convolutions before the 3x3 have weights too.",
                "Figure 5, the columns named reduce",
                _asked(lambda module: _parameters(*module)
                       - (module.inputs + 2) * (module.conv3x3_reduce + module.double3x3_reduce))),
        Mistake("the 3x3 on the module's input", "A 3x3 sees the maps of its reduction, which makes it cheap.",
                "Figure 5, the columns named reduce",
                _asked(lambda module: _parameters(*module) + 9 * (
                    module.conv3x3 * (module.inputs - module.conv3x3_reduce)
                    + module.double3x3 * (module.inputs - module.double3x3_reduce)))),
    ),
)


def _multiply_adds(inputs, outputs, kernel, stride, height, width):
    return kernel**2 * inputs * outputs * ceil(height / stride) * ceil(width / stride)


def _at_each(locations):
    """The multiply-adds of a convolution with locations(kernel, stride, height, width) locations of its output."""
    return lambda inputs, outputs, kernel, *rest: kernel**2 * inputs * outputs * locations(kernel, *rest)


multiply_adds = Check(
    exercise="11.3",
    law="Every weight is used once at each location of the output, of which there are "
        "ceil(height / stride) times ceil(width / stride).",
    solution=_multiply_adds,
    cases=lambda rng: [(3, 64, 7, 2, 224, 160), (128, 160, 3, 2, 25, 31), (192, 48, 1, 1, 28, 14),
                       (96, 64, 5, 4, 26, 19)],
    outputs=("multiply-adds",),
    mistakes=(
        Mistake("the locations of the input", "With stride 2 the filter is applied at every second location.",
                "Figure 5, patch/stride", _at_each(lambda kernel, stride, height, width: height * width)),
        Mistake("the stride for rows only", "The stride holds for rows and for columns.",
                "Figure 5, patch/stride",
                _at_each(lambda kernel, stride, height, width: ceil(height / stride) * width)),
        Mistake("the stride for columns only", "The stride holds for rows and for columns.",
                "Figure 5, patch/stride",
                _at_each(lambda kernel, stride, height, width: height * ceil(width / stride))),
        Mistake("rounded down", "The padding keeps the last odd row: 25 rows become 13, not 12.",
                "Figure 5, the output sizes",
                _at_each(lambda kernel, stride, height, width: (height // stride) * (width // stride))),
        Mistake("Python's round", "round(12.5) is 12: halves go to the even number. math.ceil rounds up.",
                "the words of exercise 11.3",
                _at_each(lambda kernel, stride, height, width: round(height / stride) * round(width / stride))),
        Mistake("not rounded", "There are no half rows: 25 rows become 13.", "the words of exercise 11.3",
                _at_each(lambda kernel, stride, height, width: height / stride * (width / stride))),
        Mistake("a bias as well", "There is no bias before batch norm.", "section 2",
                lambda inputs, outputs, kernel, *rest: _multiply_adds(inputs, outputs, kernel, *rest)
                + _multiply_adds(1, outputs, 1, *rest)),
        Mistake("no padding", "The convolutions are padded: stride 1 keeps the size.", "Figure 5, the output sizes",
                _at_each(lambda kernel, stride, height, width:
                         ((height - kernel) // stride + 1) * ((width - kernel) // stride + 1))),
        Mistake("rounded after multiplying", "Rows and columns are rounded up each: 25 x 31 become 13 x 16.",
                "the words of exercise 11.3",
                _at_each(lambda kernel, stride, height, width: ceil(height * width / stride**2))),
        Mistake("divided by the stride once", "The stride holds for rows and for columns.", "Figure 5, patch/stride",
                _at_each(lambda kernel, stride, height, width: ceil(height * width / stride))),
        Mistake("operations instead of multiply-adds", "A product and its sum count as one.",
                "section 1 of this lesson", lambda *layer: 2 * _multiply_adds(*layer)),
        Mistake("the kernel not squared", "A kernel has kernel x kernel weights.", "Figure 5, patch/stride",
                lambda inputs, outputs, kernel, *rest: _multiply_adds(inputs, outputs, kernel, *rest) // kernel),
        Mistake("rows taken for columns", "The map need not be square: rows times columns.",
                "the words of exercise 11.3",
                _at_each(lambda kernel, stride, height, width: ceil(height / stride) ** 2)),
        Mistake("the weights alone", "Each weight is used at every location of the output.",
                "section 1 of this lesson", _at_each(lambda kernel, stride, height, width: 1)),
    ),
)


def _receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def _jump_first(layers):
    jumps = accumulate((stride for _, stride in layers), lambda product, stride: product * stride)
    return 1 + sum((kernel - 1) * jump for (kernel, _), jump in zip(layers, jumps, strict=True))


def _additive(layers):
    jumps = accumulate((stride for _, stride in layers[:-1]), initial=1)
    return 1 + sum((kernel - 1) * jump for (kernel, _), jump in zip(layers, jumps, strict=True))


def _product(layers):
    field = 1
    for kernel, _ in layers:
        field *= kernel
    return field


receptive_field = Check(
    exercise="11.4",
    law="A layer widens the field by (kernel - 1) times the distance in pixels between two of its inputs; that "
        "distance is the product of the strides before it.",
    solution=_receptive_field,
    cases=lambda rng: [([(7, 2), (3, 2), (1, 1), (3, 1), (3, 2)],), ([(3, 2), (5, 3), (3, 2), (3, 1)],),
                       ([(5, 1), (3, 2)],), ([(2, 2), (1, 2), (3, 1)],), ([(7, 2), *[(3, 2), (3, 1)] * 9],),
                       ([(7, 2), *[(3, 2), (3, 1)] * 4, (5, 1), (3, 1)],)],
    outputs=("pixels",),
    mistakes=(
        Mistake("a line of 2048 pixels", "The line of section 8 ends before the field does. Count without it, or make "
                "it as long as the path needs.", "section 8", lambda layers: min(2048, _receptive_field(layers))),
        Mistake("the strides ignored", "Behind a stride of 2, neighbouring inputs lie two pixels apart.",
                "Figure 5, patch/stride", lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers)),
        Mistake("a layer's own stride applied to itself", "A stride spreads the inputs of the layers behind it.",
                "Figure 5, patch/stride", _jump_first),
        Mistake("strides added", "Two strides of 2 put neighbours four pixels apart, three of them eight.",
                "Figure 5, patch/stride", _additive),
        Mistake("kernels multiplied", "A second 3x3 reaches one location further on each side: 5, not 9.",
                "Figure 5, double #3x3", _product),
        Mistake("kernels added", "Neighbouring windows overlap: each layer adds kernel - 1.", "Figure 5, double #3x3",
                lambda layers: sum(kernel for kernel, _ in layers)),
        Mistake("kernels added, times the distance", "Neighbouring windows overlap: each layer adds kernel - 1 such "
                "distances.", "Figure 5, double #3x3",
                lambda layers: 1 + sum(kernel * _jump(layers, i) for i, (kernel, _) in enumerate(layers))),
        Mistake("one side alone", "A kernel reaches (kernel - 1) / 2 neighbours on each of two sides.", "section 8",
                lambda layers: (_receptive_field(layers) + 1) // 2),
        Mistake("one too few", "A pixel sees itself: begin with 1.", "section 8",
                lambda layers: _receptive_field(layers) - 1),
        Mistake("read from the output", "The first layer sees the pixels; the distance grows from there.",
                "Figure 5, from the top", lambda layers: _receptive_field(layers[::-1])),
        Mistake("the distance between units", "That is the product of all strides: how far apart two units' fields "
                "lie, not how wide they are.", "Figure 5, patch/stride", lambda layers: _jump(layers, len(layers))),
    ),
)


def _jump(layers, number):
    """The distance in pixels between neighbours behind the first `number` layers."""
    distance = 1
    for _, stride in layers[:number]:
        distance *= stride
    return distance


changes = Statements(
    exercise="11.5",
    sentences={
        "a": Statement("The learning rate is 6 times lower.", False,
                       "It starts 5 or 30 times higher; what is 6 times faster is its decay."),
        "b": Statement("Dropout is removed.", True, "Batch norm regularizes, and the paper finds Dropout superfluous."),
        "c": Statement("L2 regularization is removed.", False, "Its weight is divided by 5."),
        "d": Statement("Local response normalization is removed.", True, "With batch norm it is not needed."),
        "e": Statement("The training examples are shuffled more thoroughly.", True,
                       "Within a shard, so that the same examples do not always meet in a mini-batch."),
        "f": Statement("The photographs are distorted more strongly, since batch norm regularizes.", False,
                       "They are distorted less: the network sees each image fewer times, so it should see real ones."),
        "g": Statement("The learning rate falls 6 times faster.", True,
                       "The network trains faster, so the rate may fall faster."),
    },
)
