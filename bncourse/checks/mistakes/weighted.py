"""The gradient of batch norm over examples that have weights, and the catalogue of wrong ones, as code.

The forward pass takes `mu = sum(w x)` and `var = sum(w (x - mu)^2)`, with weights w `(m,)` that sum to 1. A backward
pass is `(dy, x, w, gamma, eps) -> (dx, dgamma, dbeta)`, with dy and x `(m, C)`. Each mistake differs from the right one
in one place. With weights of 1/m all are gradients, or wrong gradients, of Algorithm 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bncourse.checks.frame import Mistake

Array = np.ndarray


class Parts(NamedTuple):
    """What the gradients are put together from; w is a column, `(m, 1)`, and std is `sqrt(var + eps)`."""

    dy: Array
    x: Array
    w: Array
    gamma: Array
    centred: Array
    std: Array
    x_hat: Array


def right_dx(p: Parts) -> Array:
    return p.gamma / p.std * (p.dy - p.w * p.dy.sum(0) - p.w * p.x_hat * (p.dy * p.x_hat).sum(0))


def right_dgamma(p: Parts) -> Array:
    return (p.dy * p.x_hat).sum(0)


def right_dbeta(p: Parts) -> Array:
    return p.dy.sum(0)


def root_of_sum(var: Array, eps: float) -> Array:
    return np.sqrt(var + eps)


def two_pass(w: Array, x: Array, centred: Array) -> Array:
    return (w * centred**2).sum(0)


def one_pass(w: Array, x: Array, centred: Array) -> Array:
    return (w * x * x).sum(0) - (w * x).sum(0) ** 2


def backward(dx: Callable = right_dx, dgamma: Callable = right_dgamma, dbeta: Callable = right_dbeta,
             std: Callable = root_of_sum, variance: Callable = two_pass, equal: bool = False) -> Callable:
    """A backward pass with some of its parts replaced; with `equal`, each example has the weight 1/m, whatever w is."""

    def answer(dy, x, w, gamma, eps):
        w = (np.full(len(x), 1 / len(x)) if equal else w)[:, None]
        centred = x - (w * x).sum(0)
        spread = std(variance(w, x, centred), eps)
        parts = Parts(dy, x, w, gamma, centred, spread, centred / spread)
        return dx(parts), dgamma(parts), dbeta(parts)

    return answer


def _scaled(p: Parts, inside: Array) -> Array:
    return p.gamma / p.std * inside


def _along(p: Parts) -> Array:
    """The sum over the examples of dy times x_hat."""
    return (p.dy * p.x_hat).sum(0)


right = backward()

BOX = "lesson 04, section 4: follow 1/m through the three substitutions"
FOURTH = "the fourth equation; section 4 of the lesson"
SUMS = "Each example adds its share, whatever its weight in the statistics: it is a sum."

WEIGHTED = (
    Mistake("the weights ignored", "The box of section 4 is for examples of equal weight; here the mean, the variance "
            "and both corrections have weights.", BOX, backward(equal=True)),
    Mistake("means where weights belong", "1/m came into the derivation as the derivative of the mean by x_i. Here "
            "that derivative is w_i.", BOX,
            backward(lambda p: _scaled(p, p.dy - p.dy.mean(0) - p.x_hat * (p.dy * p.x_hat).mean(0)))),
    Mistake("the weights inside the sums", "x_i moves the mean by w_i, and the mean moves every x_hat_j alike: the "
            "weight is that of the example i that receives, outside the sum over j.", BOX,
            backward(lambda p: _scaled(p, p.dy - (p.w * p.dy).sum(0) - p.x_hat * (p.w * p.dy * p.x_hat).sum(0)))),
    Mistake("the weights inside the sum over dy", "x_i moves the mean by w_i: the weight stands outside the sum.", BOX,
            backward(lambda p: _scaled(p, p.dy - (p.w * p.dy).sum(0) - p.w * p.x_hat * _along(p)))),
    Mistake("the weights inside the sum over dy x_hat", "x_i moves the variance by 2 w_i (x_i - mu): the weight stands "
            "outside the sum.", BOX,
            backward(lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.x_hat * (p.w * p.dy * p.x_hat).sum(0)))),
    Mistake("1/m beside the weights", "The weights take the place of 1/m; they sum to 1.", BOX,
            backward(lambda p: _scaled(p, p.dy - p.w * p.dy.mean(0) - p.w * p.x_hat * (p.dy * p.x_hat).mean(0)))),
    Mistake("no gradient for examples of weight 0", "They are normalized like the others: dy gamma / s arrives.",
            FOURTH, backward(lambda p: np.where(p.w > 0, right_dx(p), 0))),
    Mistake("w is not a column", "w (m,) and x (m, C) do not fit: w[:, None] is a column, (m, 1), and w @ x a sum.",
            "the third hint", lambda dy, x, w, gamma, eps: w * x),
    Mistake("dx multiplied by its weight", "A weight is a share in the statistics. An example of weight 0 is still "
            "normalized, so the direct path, dy gamma / s, has no weight.", FOURTH,
            backward(lambda p: _scaled(p, p.w * (p.dy - p.dy.sum(0) - p.x_hat * _along(p))))),
    Mistake("sums without weights", "x_i moves the mean by w_i and the variance by 2 w_i (x_i - mu).", BOX,
            backward(lambda p: _scaled(p, p.dy - p.dy.sum(0) - p.x_hat * _along(p)))),
    Mistake("no weight at the path through the mean", "x_i moves the mean by w_i.", BOX,
            backward(lambda p: _scaled(p, p.dy - p.dy.mean(0) - p.w * p.x_hat * _along(p)))),
    Mistake("no weight at the path through the variance", "x_i moves the variance by 2 w_i (x_i - mu).", BOX,
            backward(lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.x_hat * (p.dy * p.x_hat).mean(0)))),
    Mistake("a sum without a weight at the path through the mean", "x_i moves the mean by w_i.", BOX,
            backward(lambda p: _scaled(p, p.dy - p.dy.sum(0) - p.w * p.x_hat * _along(p)))),
    Mistake("a sum without a weight at the path through the variance", "x_i moves the variance by 2 w_i "
            "(x_i - mu).", BOX, backward(lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.x_hat * _along(p)))),
    Mistake("the variance without weights", "Examples of weight 0 do not count in the variance either.",
            "the exercise, its second formula",
            backward(variance=lambda w, x, centred: x.var(0))),
    Mistake("mean and variance held constant", "They are functions of x, so the gradient goes through them too.",
            FOURTH, backward(lambda p: _scaled(p, p.dy))),
    Mistake("the path through the variance is missing", "x moves the variance, and the variance moves every x_hat. "
            "(sum(dy) sum(w x_hat) in place of sum(dy x_hat) has the same effect: sum(w x_hat) is zero.)",
            "the fourth equation, second term", backward(lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0)))),
    Mistake("the path through the mean is missing", "x moves the mean, and the mean moves every x_hat.",
            "the fourth equation, third term", backward(lambda p: _scaled(p, p.dy - p.w * p.x_hat * _along(p)))),
    Mistake("a plus before the path through the mean", "A larger mean makes every x_hat smaller.", "the third equation",
            backward(lambda p: _scaled(p, p.dy + p.w * p.dy.sum(0) - p.w * p.x_hat * _along(p)))),
    Mistake("a plus before the path through the variance", "A larger variance makes every x_hat smaller.",
            "the second equation",
            backward(lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) + p.w * p.x_hat * _along(p)))),
    Mistake("a plus before both paths", "A larger mean, or a larger variance, makes x_hat smaller.",
            "the second and third equations",
            backward(lambda p: _scaled(p, p.dy + p.w * p.dy.sum(0) + p.w * p.x_hat * _along(p)))),
    Mistake("gamma forgotten in dx", "dy is multiplied by gamma on its way to x_hat.", "the first equation",
            backward(lambda p: right_dx(p._replace(gamma=np.ones_like(p.gamma))))),
    Mistake("gamma twice in dx", "dy is multiplied by gamma once, on its way to x_hat.", "the first equation",
            backward(lambda p: p.gamma * right_dx(p))),
    Mistake("multiplied by the standard deviation", "x_hat is (x - mu) / s, so its gradient is divided by s.",
            "the fourth equation, first term", backward(lambda p: p.std**2 * right_dx(p))),
    Mistake("divided by the variance", "x_hat is (x - mu) / s, with the root of the variance below.",
            "the fourth equation, first term", backward(lambda p: right_dx(p) / p.std)),
    Mistake("not divided by the standard deviation", "x_hat is (x - mu) / s, so its gradient is divided by s.",
            "the fourth equation, first term", backward(lambda p: right_dx(p) * p.std)),
    Mistake("x - mu instead of x_hat", "The correction is x_hat times sum(dy x_hat): the standard deviation divides it "
            "twice, once in each factor.", BOX, backward(
                lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.w * p.centred * (p.dy * p.centred).sum(0)))),
    Mistake("x - mu instead of x_hat outside the sum", "The correction is x_hat times sum(dy x_hat).", BOX, backward(
        lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.w * p.centred * _along(p)))),
    Mistake("x_hat forgotten outside the sum", "The correction is x_hat times sum(dy x_hat).", BOX, backward(
        lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.w * _along(p)))),
    Mistake("x instead of x_hat", "What the gradient has to lose is its part along x_hat.", BOX, backward(
        lambda p: _scaled(p, p.dy - p.w * p.dy.sum(0) - p.w * p.x * (p.dy * p.x).sum(0)))),
    Mistake("eps outside the root", "The paper adds eps to the variance and then takes the root.",
            "Algorithm 1, line 3", backward(std=lambda var, eps: np.sqrt(var) + eps)),
    Mistake("eps ignored", "The forward pass divides by sqrt(var + eps), so eps stays in the gradient.",
            "the second equation", backward(std=lambda var, eps: np.sqrt(var))),
    Mistake("dgamma from x instead of x_hat", "gamma multiplies x_hat, so x_hat multiplies dy in its gradient.",
            "the fifth equation", backward(dgamma=lambda p: (p.dy * p.x).sum(0))),
    Mistake("dgamma from x - mu instead of x_hat", "gamma multiplies x_hat, so x_hat multiplies dy in its gradient.",
            "the fifth equation", backward(dgamma=lambda p: (p.dy * p.centred).sum(0))),
    Mistake("weights in dgamma and dbeta", SUMS, "the fifth and sixth equations",
            backward(dgamma=lambda p: (p.w * p.dy * p.x_hat).sum(0), dbeta=lambda p: (p.w * p.dy).sum(0))),
    Mistake("weights in dgamma", SUMS, "the fifth equation",
            backward(dgamma=lambda p: (p.w * p.dy * p.x_hat).sum(0))),
    Mistake("weights in dbeta", SUMS, "the sixth equation", backward(dbeta=lambda p: (p.w * p.dy).sum(0))),
    Mistake("dgamma averaged", SUMS, "the fifth equation", backward(dgamma=lambda p: (p.dy * p.x_hat).mean(0))),
    Mistake("dbeta averaged", SUMS, "the sixth equation", backward(dbeta=lambda p: p.dy.mean(0))),
    Mistake("dgamma and dbeta averaged", SUMS, "the fifth and sixth equations",
            backward(dgamma=lambda p: (p.dy * p.x_hat).mean(0), dbeta=lambda p: p.dy.mean(0))),
    Mistake("dgamma and dbeta exchanged", "gamma multiplies x_hat and beta is added: dgamma is sum(dy x_hat).",
            "the fifth and sixth equations", backward(dgamma=right_dbeta, dbeta=right_dgamma)),
    Mistake("gamma in dgamma", "gamma meets dy, not the gradient in x_hat.", "the fifth equation",
            backward(dgamma=lambda p: p.gamma * right_dgamma(p))),
    Mistake("gamma in dbeta", "beta is added after gamma has multiplied, so dy reaches it unchanged.",
            "the sixth equation", backward(dbeta=lambda p: p.gamma * right_dbeta(p))),
    Mistake("one-pass variance", "sum(w x^2) - mu^2 cancels where the mean is large: subtract the mean first.",
            "Algorithm 1, line 2", backward(variance=one_pass), rounding=True),
)
