"""The checks of lesson 02: ZCA, its cost, the statistics taken for constants, the two terms of the Jacobian."""

from dataclasses import replace

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import backward
from bncourse.kernels.normalize import batchnorm_backward, batchnorm_forward
from bncourse.kernels.whiten import whiten_forward


def _correlated(rng):
    """Unequal sizes, correlated features of unequal means and scales; and fewer examples than features."""
    cases = [(rng.normal(size=(m, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d), eps)
             for m, d, eps in [(9, 3, 0.1), (7, 4, 0.2), (12, 5, 1e-2)]]
    return [*cases, (rng.normal(1, 2, size=(4, 6)), 0.1)]


def _axes(x, ddof=0):
    """x around its mean, the variances along the principal axes, and the axes in columns."""
    centred = x - x.mean(0)
    lam, u = np.linalg.eigh(centred.T @ centred / (len(x) - ddof))
    return centred, lam, u


def _with_scale(scale, centre=True, ddof=0):
    """ZCA with `scale(lam, eps)` in place of 1 / sqrt(lam + eps)."""

    def whiten(x, eps):
        centred, lam, u = _axes(x, ddof)
        return (centred if centre else x) @ u * scale(lam, eps) @ u.T

    return whiten


def _root(lam, eps):
    return 1 / np.sqrt(lam + eps)


def _pca(x, eps):
    centred, lam, u = _axes(x)
    return centred @ u * _root(lam, eps)


def _turned_the_wrong_way(x, eps):
    centred, lam, u = _axes(x)
    return centred @ u.T * _root(lam, eps) @ u


def _standardized(x, eps):
    return batchnorm_forward(x, np.ones(x.shape[1]), np.zeros(x.shape[1]), eps)[0]


zca = Check(
    exercise="02.1",
    law="x_hat = (Cov + eps I)^(-1/2) (x - mean), by way of the eigenvectors: U diag((lam + eps)^(-1/2)) U^T, with "
        "the covariance divided by m.",
    solution=lambda x, eps: whiten_forward(x, "zca", eps)[0],
    cases=_correlated,
    outputs=("x_hat",),
    mistakes=(
        Mistake("PCA whitening", "It is white, but stands along the principal axes; turn back with U^T.",
                "section 4 of the notebook, the formula of ZCA", _pca),
        Mistake("PCA whitening, the largest axis first", "It is white, but stands along the principal axes; turn back "
                "with U^T.", "section 4 of the notebook, the formula of ZCA", lambda x, eps: _pca(x, eps)[:, ::-1]),
        Mistake("standardizing", "Each feature has mean 0 and variance 1, but they are still correlated.",
                "the paper's section 2, Cov[x]^(-1/2)", _standardized),
        Mistake("Cholesky whitening", "It is white, but not symmetric: it treats the features in their order.",
                "section 4 of the notebook, the formula of ZCA",
                lambda x, eps: whiten_forward(x, "cholesky", eps)[0]),
        Mistake("the inverse of the covariance", "Its inverse root is needed: variances are squares.",
                "the paper's section 2, Cov[x]^(-1/2)", _with_scale(lambda lam, eps: 1 / (lam + eps))),
        Mistake("the root of the covariance", "Dividing by the root of the eigenvalues was asked, not multiplying.",
                "the paper's section 2, Cov[x]^(-1/2)", _with_scale(lambda lam, eps: np.sqrt(lam + eps))),
        Mistake("mean not subtracted", "The covariance was centred, the examples were not.",
                "the paper's section 2, x - E[x]", _with_scale(_root, centre=False)),
        Mistake("unbiased covariance", "np.cov divides by m - 1; here, as in Algorithm 1, the mean is over m.",
                "the paper's section 2, Cov[x] = E[x x^T] - E[x] E[x]^T", _with_scale(_root, ddof=1)),
        Mistake("eps ignored", "Without eps a direction without variance divides by zero.",
                "the exercise: lam + eps", _with_scale(lambda lam, eps: 1 / np.sqrt(lam))),
        Mistake("eps outside the root", "eps is added to the eigenvalue, and then the root is taken.",
                "the exercise: (lam + eps)^(-1/2)", _with_scale(lambda lam, eps: 1 / (np.sqrt(lam) + eps))),
        Mistake("eigenvectors taken from the rows", "np.linalg.eigh returns them in columns: centred @ u turns to the "
                "axes, @ u.T turns back.", "section 4 of the notebook, the formula of ZCA", _turned_the_wrong_way),
    ),
)


def _flops(m, d):
    return 2 * m * d * d + 9 * d**3 + 2 * d**3 + 2 * m * d * d, 5 * m * d


flops = Check(
    exercise="02.2",
    law="ZCA takes 2 m d^2 for the covariance, 9 d^3 for its eigenvectors, 2 d^3 for the matrix and 2 m d^2 to apply "
        "it, 4 m d^2 + 11 d^3 together; batch norm takes 5 m d.",
    solution=_flops,
    cases=lambda rng: [(60, 100), (1024, 512), (7, 5)],
    outputs=("ZCA", "batch norm"),
    mistakes=(
        Mistake("a product counted as a b c", "Each of its entries takes b multiplications and about b additions.",
                "the exercise: 2 a b c", lambda m, d: (2 * m * d * d + 10 * d**3, 5 * m * d)),
        Mistake("the covariance forgotten", "It must be computed anew for each mini-batch.",
                "the paper's section 2, Cov[x] = E[x x^T] - E[x] E[x]^T",
                lambda m, d: (2 * m * d * d + 11 * d**3, 5 * m * d)),
        Mistake("the product that makes the matrix forgotten", "U diag U^T is a product of two (d, d) matrices.",
                "section 4 of the notebook", lambda m, d: (4 * m * d * d + 9 * d**3, 5 * m * d)),
        Mistake("the eigenvectors forgotten", "They take most of the time when d is large.",
                "the exercise: 9 d^3", lambda m, d: (4 * m * d * d + 2 * d**3, 5 * m * d)),
        Mistake("the covariance of the examples", "It is (d, d), between features: the inner size is m.",
                "the paper's section 2, Cov[x]", lambda m, d: (2 * m * m * d + 2 * m * d * d + 11 * d**3, 5 * m * d)),
        Mistake("batch norm counted once for each feature", "Its five operations are made for each of the m d numbers.",
                "Algorithm 1", lambda m, d: (_flops(m, d)[0], 5 * d)),
    ),
)


def _gradient(x, dy, eps):
    _, cache = batchnorm_forward(x, np.ones(x.shape[1]), np.zeros(x.shape[1]), eps)
    return batchnorm_backward(dy, cache)[0]


def _of_x_hat(mistake):
    """A wrong backward pass as a wrong gradient of x_hat alone: gamma is 1 and beta is 0."""

    def wrong(x, dy, eps):
        return mistake.wrong(dy, x, np.ones(x.shape[1]), np.zeros(x.shape[1]), eps)[0]

    return replace(mistake, wrong=wrong)


_APPLY = (backward.statistics_held_constant, backward.mean_path_missing,
          backward.variance_path_missing, backward.sums_for_means, backward.eps_ignored)


def _unbiased(x, dy, eps):
    """The exact gradient of a forward pass that divides by m - 1."""
    inv_std = 1 / np.sqrt(x.var(0, ddof=1) + eps)
    x_hat = (x - x.mean(0)) * inv_std
    return inv_std * (dy - dy.mean(0) - x_hat * (dy * x_hat).sum(0) / (len(x) - 1))


bug = Check(
    exercise="02.3",
    law="dx holds the path through each value and the paths through the mean and the variance of the mini-batch: its "
        "columns sum to zero, and for eps = 0 they are orthogonal to x_hat.",
    solution=_gradient,
    cases=lambda rng: [(rng.normal(2, 3, (m, c)), rng.normal(size=(m, c)), eps)
                       for m, c, eps in [(5, 3, 0.1), (7, 2, 1e-2), (4, 6, 0.5)]],
    outputs=("dx",),
    mistakes=(
        *(_of_x_hat(mistake) for mistake in backward.BACKWARD if mistake.wrong in _APPLY),
        Mistake("unbiased variance in the forward pass", "torch.var divides by m - 1 unless correction=0; Algorithm 1 "
                "divides by m.", "Algorithm 1, line 2", _unbiased),
        Mistake("not divided by the standard deviation", "x_hat moves by 1 / sqrt(var + eps) for each unit of x.",
                "the paper's section 3, the equation for dx, first term",
                lambda x, dy, eps: _gradient(x, dy, eps) * np.sqrt(x.var(0) + eps)),
    ),
)


def _terms(x, eps, ones=1.0, along=1.0, m=None, ddof=0):
    """The two terms; the last four arguments hold what the known mistakes change."""
    std = np.sqrt(x.var(ddof=ddof) + eps)
    x_hat = (x - x.mean()) / std
    return np.eye(len(x)) / std, -(ones + along * np.outer(x_hat, x_hat)) / ((m or len(x)) * std)


terms = Check(
    exercise="02.4",
    law="With s = sqrt(var + eps): I / s through the value; -(1 + x_hat_i x_hat_j) / (m s) through the set, the mean's "
        "part and the variance's.",
    solution=lambda x, eps: _terms(x, eps),
    cases=lambda rng: [(rng.normal(1, 2, m), eps) for m, eps in [(6, 0.1), (4, 1e-2), (9, 0.5)]],
    outputs=("through the value", "through the set"),
    mistakes=(
        Mistake("the mean's part is missing", "Every x_j moves the mean by 1/m, and the mean moves every x_hat_i.",
                "the paper's section 2, the second Jacobian term", lambda x, eps: _terms(x, eps, ones=0.0)),
        Mistake("the variance's part is missing", "Every x_j moves the variance by 2 (x_j - mean) / m.",
                "the paper's section 2, the second Jacobian term", lambda x, eps: _terms(x, eps, along=0.0)),
        Mistake("no term through the set", "This is the mistake of the paper's section 2 (section 8 here).",
                "the paper's section 2, the second Jacobian term",
                lambda x, eps: (_terms(x, eps)[0], np.zeros((len(x),) * 2))),
        Mistake("the wrong sign", "Raising the mean lowers every x_hat_i.",
                "the paper's section 2, the second Jacobian term",
                lambda x, eps: (_terms(x, eps)[0], -_terms(x, eps)[1])),
        Mistake("1/m forgotten", "One example of m moves the mean by 1/m only.", "Algorithm 1, lines 1 and 2",
                lambda x, eps: _terms(x, eps, m=1)),
        Mistake("twice the variance's part", "The factor 2 of the square meets the 1/2 of the root.",
                "Algorithm 1, lines 2 and 3", lambda x, eps: _terms(x, eps, along=2.0)),
        Mistake("the whole Jacobian for the second term", "The two matrices are to be told apart: leave out I / s.",
                "the paper's section 2, the two Jacobian terms",
                lambda x, eps: (_terms(x, eps)[0], sum(_terms(x, eps)))),
        Mistake("eps ignored", "eps is added to the variance under the root.", "Algorithm 1, line 3",
                lambda x, eps: _terms(x, 0.0)),
        Mistake("unbiased variance", "Algorithm 1 divides the sum of squares by m.", "Algorithm 1, line 2",
                lambda x, eps: _terms(x, eps, ddof=1)),
    ),
)
