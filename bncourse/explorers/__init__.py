"""Figures to play with: sliders beside a picture, and a bar that shows how far a computation is.

    file                     lesson  what the learner moves
    base.py                  all     `Explorer`: controls, a Reset button and the picture that follows them
    frames.py                all     what an explorer shows at chosen stops, for pages without a kernel
    progress.py              all     `Progress`: a bar in a notebook, a line on a terminal
    start_here.py            00      batch size and epochs, against steps and the noise of the gradient
    covariate_shift.py       01      the light on test pictures, for a classifier that fails and is repaired
    cost_of_whitening.py     02      scales and correlation of two inputs, for gradient descent in three forms of them
    minibatch_batchnorm.py   03      one example's value, batch size, gamma, beta and eps, for one feature
    backprop.py              04      a step through the graph of batch norm, forward and back
    inference.py             05      the weight of the old value in a moving average
    convolution.py           06      the axes over which is averaged, for the name of the normalization
    rate_and_scale.py        07      activation, learning rate and initial scale, for the loss with and without
    jacobians.py             08      layers, batch size and activation, for the gradient on its way down
    company.py               09      size of the mini-batches, rate and statistics at the test, for five normalizers
    figure_one.py            10      the step of a training, and the step of a grid of trainings
    inception.py             11      the module of BN-Inception, and the reading of its printed widths
    imagenet_runs.py         12      the accuracy to reach, for the steps that each network takes
    ensembles.py             13      networks, crops, kind of mean and measure, for the error of an ensemble
    what_batchnorm_does.py   14      the length of a step along the gradient, and how long was trained before it
    in_the_wild.py           15      the kind of new pictures, and those that new statistics are from

An explorer computes what its controls ask for; what is drawn, and how, stands in the file of the same name in figures.
"""

from bncourse.explorers.base import Explorer
from bncourse.explorers.progress import Progress

__all__ = ["Explorer", "Progress"]
