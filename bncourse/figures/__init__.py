"""Figures: arrays or recorded runs become Matplotlib axes. They draw; they never train, read files or call pyplot.

    file                     lesson  what it draws
    style.py                 all     colours with a fixed meaning, new figures, names at lines, captions, `picture`
    start_here.py            00      a feature before and after, a first training, Figure 3 in epochs, noise, time
    covariate_shift.py       01      inputs that move: another light, another range, the layers of a network
    cost_of_whitening.py     02      condition numbers, the time of whitening, what goes wrong outside the gradient
    minibatch_batchnorm.py   03      numbers and digits in several mini-batches, the sigmoid, rates with and without
    backprop.py              04      the graph of batch norm node by node, its projection, a training beside PyTorch
    inference.py             05      ways to test a network, the bias of the variance, moving averages
    convolution.py           06      moved digits, correlated pixels, before or after the activation, the cube of axes
    rate_and_scale.py        07      equal loss curves, angles that settle, least squares, grids of trainings
    jacobians.py             08      singular values of a layer, gradients through fifty layers, growth in training
    company.py               09      the noise of company, orders and sizes of mini-batches, normalizers side by side
    figure_one.py            10      the paper's Figure 1, the grid of rates and scales, depth
    inception.py             11      the widths of Figure 5, and what its network holds, computes and sees
    imagenet_runs.py         12      Figures 2 and 3 at a small size, learning rates, the seven changes
    ensembles.py             13      crops, the loss of a mean, error against networks and crops
    what_batchnorm_does.py   14      two measures of the shift, noise, the loss along a step, one large step
    in_the_wild.py           15      new statistics for other pictures, longer sequences, gradients back in time

There are three kinds of function. A picture, `f(data, ax=None) -> ax`, draws on `ax`, or on new axes of the course's
size, and returns the axes, which `picture` turns into what a notebook shows. A picture of several panels makes its own
figure, and returns one of its axes, or all: `before_and_after`, `clouds`, `runaway`, `two_terms`, `streams`,
`drifts`, `ribbons`, `settling`, `grids`, `by_size`, `losses`, `errors_beside_figure4`, `projection`,
`beside_pytorch`, `right_with_noise`, `loss_along_steps` and `two_bands`. For explorers there are pairs: the first
draws what stays and returns the axes (`..._axes`, `outline`, `grid`) or the artists that will move (`..._panels`,
`target_marks`); the second draws what changes on them, and says on whose axes. `one_moment` and `one_cell` return
their second function.
"""

from bncourse.figures.style import PAPER, WITH, WITHOUT, Picture, picture

__all__ = ["PAPER", "WITH", "WITHOUT", "Picture", "picture"]
