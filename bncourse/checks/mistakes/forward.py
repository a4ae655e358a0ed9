"""Algorithm 1 with one thing wrong: dense training-mode forward passes `(x, gamma, beta, eps) -> y`."""

from functools import partial

import numpy as np

from bncourse.checks.frame import Mistake


def unbiased_variance(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta


def eps_outside_the_root(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / (np.sqrt(x.var(0)) + eps) + beta


def eps_ignored(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0)) + beta


def eps_of_its_own(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) + beta


def root_forgotten(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / (x.var(0) + eps) + beta


def one_pass_variance(x, gamma, beta, eps):
    mean = x.mean(0)
    return gamma * (x - mean) / np.sqrt((x * x).mean(0) - mean * mean + eps) + beta


def beta_inside(x, gamma, beta, eps):
    return gamma * ((x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta)


def gamma_and_beta_ignored(x, gamma, beta, eps):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps)


def beta_ignored(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps)


def gamma_ignored(x, gamma, beta, eps):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta


def sum_of_squares(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(len(x) * x.var(0) + eps) + beta


def root_of_eps_outside(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / (np.sqrt(x.var(0)) + np.sqrt(eps)) + beta


def mean_kept(x, gamma, beta, eps):
    return gamma * x / np.sqrt(x.var(0) + eps) + beta


def per_example(x, gamma, beta, eps):
    centred = x - x.mean(1, keepdims=True)
    return gamma * centred / np.sqrt(x.var(1, keepdims=True) + eps) + beta


def whole_batch_at_once(x, gamma, beta, eps):
    return gamma * (x - x.mean()) / np.sqrt(x.var() + eps) + beta


def gamma_and_beta_exchanged(x, gamma, beta, eps):
    return beta * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + gamma


def mean_square(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt((x * x).mean(0) + eps) + beta


def mean_absolute_deviation(x, gamma, beta, eps):
    centred = x - x.mean(0)
    return gamma * centred / (np.abs(centred).mean(0) + eps) + beta


def median_for_mean(x, gamma, beta, eps):
    return gamma * (x - np.median(x, axis=0)) / np.sqrt(x.var(0) + eps) + beta


def not_divided(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) + beta


def clipped(x, gamma, beta, eps, limit=3):
    return gamma * np.clip((x - x.mean(0)) / np.sqrt(x.var(0) + eps), -limit, limit) + beta


def min_max(x, gamma, beta, eps):
    low, high = x.min(0), x.max(0)
    return gamma * (x - low) / (high - low + eps) + beta


FORWARD = (
    Mistake("unbiased variance inside the normalization",
            "Algorithm 1 divides the sum of squares by m; m - 1 is for the population estimate of section 3.1.",
            "Algorithm 1, line 2", unbiased_variance),
    Mistake("eps outside the root",
            "The paper adds eps to the variance and then takes the root.",
            "Algorithm 1, line 3", eps_outside_the_root),
    Mistake("eps ignored",
            "Without eps a feature that is constant in the batch divides zero by zero.",
            "Algorithm 1, line 3", eps_ignored),
    Mistake("eps fixed inside the function",
            "The function uses 1e-5 whatever eps it is given.",
            "Algorithm 1, line 3", eps_of_its_own),
    Mistake("division by the variance",
            "The unit of x must cancel: divide by the standard deviation, the root of the variance.",
            "Algorithm 1, line 3", root_forgotten),
    Mistake("one-pass variance",
            "E[x^2] - E[x]^2 subtracts two large numbers; where the mean is large against the spread, their "
            "digits cancel. Centre first, then square.",
            "Algorithm 1, line 2", one_pass_variance, rounding=True),
    Mistake("gamma (x_hat + beta)",
            "beta is added after scaling; otherwise gamma scales the shift too.",
            "Algorithm 1, line 4", beta_inside),
    Mistake("gamma and beta ignored",
            "The result is x_hat, not y.",
            "Algorithm 1, line 4", gamma_and_beta_ignored),
    Mistake("beta ignored",
            "The last line adds beta.",
            "Algorithm 1, line 4", beta_ignored),
    Mistake("gamma ignored",
            "The last line multiplies x_hat by gamma.",
            "Algorithm 1, line 4", gamma_ignored),
    Mistake("sum of squares instead of variance",
            "The variance is the sum of squares divided by m.",
            "Algorithm 1, line 2", sum_of_squares),
    Mistake("std + sqrt(eps)",
            "The root of a sum is not the sum of the roots: add eps to the variance first.",
            "Algorithm 1, line 3", root_of_eps_outside),
    Mistake("mean not subtracted",
            "The mini-batch mean is subtracted before scaling.",
            "Algorithm 1, line 3", mean_kept),
    Mistake("statistics over the wrong axis",
            "Mean and variance are taken over the examples, one pair for each feature. Taken over the features "
            "of each example it is layer normalization.",
            "the paper's section 3, the first simplification", per_example),
    Mistake("one mean and one variance for the whole batch",
            "Each feature is normalized on its own.",
            "the paper's section 3, the first simplification", whole_batch_at_once),
    Mistake("min-max scaling",
            "The spread is the standard deviation, not the range; one outlier sets the range.",
            "Algorithm 1, lines 1 to 3", min_max),
    Mistake("gamma and beta exchanged",
            "gamma multiplies, beta is added.",
            "Algorithm 1, line 4", gamma_and_beta_exchanged),
    Mistake("mean square instead of variance",
            "The variance is the mean square of x minus its mean, not of x.",
            "Algorithm 1, line 2", mean_square),
    Mistake("mean absolute deviation",
            "The spread is the root of the mean square, not the mean of the absolute values.",
            "Algorithm 1, lines 2 and 3", mean_absolute_deviation),
    Mistake("the median for the mean",
            "The median is not the sum divided by m.",
            "Algorithm 1, line 1", median_for_mean),
    Mistake("centred, not divided",
            "After the subtraction x is divided by its standard deviation.",
            "Algorithm 1, line 3", not_divided),
)

OUTLIERS = (
    Mistake("x_hat cut off at 3",
            "Nothing in Algorithm 1 limits x_hat: a lonely value reaches almost sqrt(m - 1).",
            "Algorithm 1, line 3", clipped),
    Mistake("x_hat cut off at 5",
            "Nothing in Algorithm 1 limits x_hat: a lonely value reaches almost sqrt(m - 1).",
            "Algorithm 1, line 3", partial(clipped, limit=5)),
)  # seen only in a mini-batch with more than ten examples
