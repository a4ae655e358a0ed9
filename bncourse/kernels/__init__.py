"""Normalization in NumPy alone: pure functions, gradients by hand, nothing remembered between calls.

    algorithms.py      Algorithms 1, 2  the transform, its gradient, population statistics, inference: the paper's lines
    gradient_steps.py  section 3        its six gradient equations, one by one
    normalize.py       sections 3, 3.2  the transform for use: checked and fast
    fast.py                             the arithmetic of all normalizations
    layouts.py         section 3.2      which values share one mean: by channel, or over any axes
    statistics.py      section 3.1      the population's mean and variance: Algorithm 2, moving averages
    conventions.py     section 3.1      weights from one framework's conventions to another's
    whiten.py          section 2        full whitening, with the gradient through the covariance
    other_norms.py                      layer, instance and group norm; standardization over any axes
    renormalize.py                      batch renormalization (Ioffe 2017)
    ghost.py                            ghost batch norm (Hoffer et al. 2017)
    layers.py          section 4.1      affine map, sigmoid, tanh, ReLU, softmax cross-entropy
    mlp.py             section 4.1      the network of Figure 1, its training and its inference
    steps.py           section 3.2      the steps that follow a layer's affine map: norms, activations, skips
    jacobians.py       section 3.3      Jacobians of a normalized layer, and how much gradients grow in wide ones
    noise.py           section 3.4      steps that depend on company or chance: ghost, renorm, noisy norm, Dropout
    gradcheck.py                        is this gradient the derivative?
    arguments.py                        what the functions expect, and what they say when they get something else
"""
