"""The catalogue of wrong gradients of batch norm, as code.

Each is a dense backward pass `(dy, x, gamma, beta, eps) -> (dx, dgamma, dbeta)` that differs from section 3's six
equations in one place. `beta` is there because some mistakes go through y.
"""

import numpy as np

from bncourse.checks.frame import Mistake
from bncourse.kernels.algorithms import batchnorm_backward, batchnorm_forward


def normalized(x, eps, ddof=0):
    """x_hat and 1 / sqrt(var + eps)."""
    inv_std = 1 / np.sqrt(x.var(0, ddof=ddof) + eps)
    return (x - x.mean(0)) * inv_std, inv_std


def right(dy, x, gamma, beta, eps):
    _, cache = batchnorm_forward(x, gamma, beta, eps)
    return batchnorm_backward(dy, cache)


def with_std(dy, x, gamma, beta, std):
    """The right gradients, but for this standard deviation in place of `sqrt(var + eps)`."""
    _, cache = batchnorm_forward(x, gamma, beta)
    return batchnorm_backward(dy, cache._replace(x_hat=(x - x.mean(0)) / std, std=std))


def statistics_held_constant(dy, x, gamma, beta, eps):
    return gamma * normalized(x, eps)[1] * dy, *right(dy, x, gamma, beta, eps)[1:]


def variance_path_missing(dy, x, gamma, beta, eps):
    return gamma * normalized(x, eps)[1] * (dy - dy.mean(0)), *right(dy, x, gamma, beta, eps)[1:]


def mean_path_missing(dy, x, gamma, beta, eps):
    x_hat, inv_std = normalized(x, eps)
    return gamma * inv_std * (dy - x_hat * (dy * x_hat).mean(0)), *right(dy, x, gamma, beta, eps)[1:]


def gamma_forgotten(dy, x, gamma, beta, eps):
    return right(dy, x, np.ones_like(gamma), beta, eps)


def sums_for_means(dy, x, gamma, beta, eps):
    x_hat, inv_std = normalized(x, eps)
    dx = gamma * inv_std * (dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))
    return dx, *right(dy, x, gamma, beta, eps)[1:]


def unbiased_variance(dy, x, gamma, beta, eps):
    return with_std(dy, x, gamma, beta, np.sqrt(x.var(0, ddof=1) + eps))


def unbiased_variance_also_in_its_derivative(dy, x, gamma, beta, eps):
    x_hat, inv_std = normalized(x, eps, ddof=1)
    dx = gamma * inv_std * (dy - dy.mean(0) - x_hat * (dy * x_hat).sum(0) / (len(x) - 1))
    return dx, (dy * x_hat).sum(0), dy.sum(0)


def eps_outside_the_root(dy, x, gamma, beta, eps):
    return with_std(dy, x, gamma, beta, x.std(0) + eps)


def one_pass_variance(dy, x, gamma, beta, eps):
    return with_std(dy, x, gamma, beta, np.sqrt((x * x).mean(0) - x.mean(0) ** 2 + eps))


def eps_ignored(dy, x, gamma, beta, eps):
    return right(dy, x, gamma, beta, 0.0)


def dgamma_from_y(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, gamma * dgamma + beta * dbeta, dbeta


def dgamma_from_x(dy, x, gamma, beta, eps):
    dx, _, dbeta = right(dy, x, gamma, beta, eps)
    return dx, (dy * x).sum(0), dbeta


def parameters_averaged(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, dgamma / len(x), dbeta / len(x)


def dgamma_averaged(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, dgamma / len(x), dbeta


def dbeta_averaged(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, dgamma, dbeta / len(x)


def parameters_exchanged(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, dbeta, dgamma


def gamma_in_dbeta(dy, x, gamma, beta, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps)
    return dx, dgamma, gamma * dbeta


def x_hat_rebuilt_from_y(dy, x, gamma, beta, eps):
    """x_hat taken as (y - beta) / gamma, which divides by zero where gamma is 0."""
    x_hat, inv_std = normalized(x, eps)
    rebuilt = (gamma * x_hat + beta - beta) / gamma
    dx = gamma * inv_std * (dy - dy.mean(0) - rebuilt * (dy * rebuilt).mean(0))
    return dx, (dy * rebuilt).sum(0), dy.sum(0)


def centred_x_for_x_hat(dy, x, gamma, beta, eps):
    centred, (_, inv_std) = x - x.mean(0), normalized(x, eps)
    dx = gamma * inv_std * (dy - dy.mean(0) - centred * (dy * centred).mean(0))
    return dx, *right(dy, x, gamma, beta, eps)[1:]


BACKWARD = (
    Mistake("mean and variance held constant",
            "They are functions of x, so the gradient goes through them too; without these paths the parameters can "
            "run away while the loss stands still.",
            "the paper's section 3, the equations for the variance and the mean", statistics_held_constant),
    Mistake("the path through the variance is missing",
            "x moves the variance, and the variance moves every x_hat: the term with 2 (x - mean) / m. "
            "(mean(dy) mean(x_hat) in place of mean(dy x_hat) has the same effect: the mean of x_hat is zero.)",
            "the paper's section 3, the equation for dx, second term", variance_path_missing),
    Mistake("the path through the mean is missing",
            "x moves the mean, and the mean moves every x_hat: the term with 1 / m.",
            "the paper's section 3, the equation for dx, third term", mean_path_missing),
    Mistake("gamma forgotten in dx",
            "y is gamma x_hat + beta, so dy is multiplied by gamma on its way to x_hat.",
            "the paper's section 3, the first of the six equations", gamma_forgotten),
    Mistake("x - mean instead of x_hat",
            "The correction is x_hat mean(dy x_hat): the standard deviation divides it twice, once in each factor.",
            "lesson 04, section 4, the line in the box", centred_x_for_x_hat),
    Mistake("sums where means belong",
            "Both corrections are means over the m examples: the 1 / m of the fourth equation.",
            "the paper's section 3, the equation for dx", sums_for_means),
    Mistake("unbiased variance",
            "The forward pass divides by m, so the backward pass must.",
            "Algorithm 1, line 2", unbiased_variance),
    Mistake("unbiased variance, also in its derivative",
            "The forward pass divides by m, not by m - 1.",
            "Algorithm 1, line 2", unbiased_variance_also_in_its_derivative),
    Mistake("eps outside the root",
            "The paper adds eps to the variance and then takes the root.",
            "Algorithm 1, line 3", eps_outside_the_root),
    Mistake("eps ignored",
            "The forward pass divides by sqrt(var + eps), so eps stays in the gradient.",
            "the paper's section 3, the equation for the variance", eps_ignored),
    Mistake("dgamma from y instead of x_hat",
            "gamma multiplies x_hat, so x_hat multiplies dy in its gradient.",
            "the paper's section 3, the fifth equation", dgamma_from_y),
    Mistake("dgamma from x instead of x_hat",
            "gamma multiplies x_hat, so x_hat multiplies dy in its gradient.",
            "the paper's section 3, the fifth equation", dgamma_from_x),
    Mistake("dgamma and dbeta averaged",
            "gamma and beta act on every example, and each adds its share: these are sums. If the loss is a mean, dy "
            "has the 1 / m already.",
            "the paper's section 3, the fifth and sixth equations", parameters_averaged),
    Mistake("dgamma averaged", "Each example adds its share: it is a sum.", "the paper's section 3, the fifth equation",
            dgamma_averaged),
    Mistake("dbeta averaged", "Each example adds its share: it is a sum.", "the paper's section 3, the sixth equation",
            dbeta_averaged),
    Mistake("dgamma and dbeta exchanged", "gamma multiplies x_hat and beta is added: dgamma is sum(dy x_hat).",
            "the paper's section 3, the fifth and sixth equations", parameters_exchanged),
    Mistake("gamma in dbeta",
            "beta is added after gamma has multiplied, so dy reaches it unchanged.",
            "the paper's section 3, the sixth equation", gamma_in_dbeta),
    Mistake("x_hat rebuilt from y",
            "(y - beta) / gamma divides zero by zero where gamma is zero; keep x_hat from the forward pass.",
            "Algorithm 1, line 4", x_hat_rebuilt_from_y),
    Mistake("one-pass variance",
            "mean(x^2) - mean^2 cancels where the mean is large: subtract the mean first.",
            "Algorithm 1, line 2", one_pass_variance, rounding=True),
)
