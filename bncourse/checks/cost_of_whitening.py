"""The checks of lesson 02: ZCA of new examples, its cost, a test of a gradient, the two terms of the Jacobian."""

import numpy as np

from bncourse.checks.frame import Check, Mistake
from bncourse.checks.mistakes import backward
from bncourse.kernels.whiten import whiten_forward


def _mini_batches(rng):
    """A mini-batch of correlated features of unequal means and scales, new examples; once with too few examples."""
    cases = []
    for m, d, n, eps in [(9, 3, 5, 0.1), (7, 4, 6, 0.2), (12, 5, 2, 1e-2), (4, 6, 3, 0.1)]:
        mixing, mean = rng.normal(size=(d, d)), rng.normal(size=d)
        x, new = (rng.normal(size=(count, d)) @ mixing + mean for count in (m, n))
        cases.append((x, new, eps))
    return cases


def _axes(x, ddof=0):
    """The variances along the principal axes of x, and the axes in columns."""
    centred = x - x.mean(0)
    return np.linalg.eigh(centred.T @ centred / (len(x) - ddof))


def _with_scale(scale, mean=lambda x, new: x.mean(0), source=lambda x, new: x, ddof=0):
    """ZCA with another `scale(lam, eps)`, another mean that is subtracted, or a covariance of other examples."""

    def whiten(x, new, eps):
        lam, u = _axes(source(x, new), ddof)
        return (new - mean(x, new)) @ u * scale(lam, eps) @ u.T

    return whiten


def _root(lam, eps):
    return 1 / np.sqrt(lam + eps)


def _pca(x, new, eps):
    lam, u = _axes(x)
    return (new - x.mean(0)) @ u * _root(lam, eps)


def _turned_the_wrong_way(x, new, eps):
    lam, u = _axes(x)
    return (new - x.mean(0)) @ u.T * _root(lam, eps) @ u


def _not_centred(x, new, eps):
    lam, u = np.linalg.eigh(x.T @ x / len(x))
    return (new - x.mean(0)) @ u * _root(lam, eps) @ u.T


def _whitened(x, new, eps, method="zca"):
    """The matrix and the mean of x, applied to the new examples."""
    return (new - x.mean(0)) @ whiten_forward(x, method, eps)[1].a.T


zca = Check(
    exercise="02.1",
    law="x_hat = (Cov + eps I)^(-1/2) (new - mean), with the mean and the covariance of x, divided by m, and the root "
        "by way of the eigenvectors: U diag((lam + eps)^(-1/2)) U^T.",
    solution=lambda x, new, eps: _whitened(x, new, eps),
    cases=_mini_batches,
    outputs=("x_hat",),
    mistakes=(
        Mistake("the mini-batch itself whitened", "The new examples are asked for; x only gives the statistics.",
                "the exercise", lambda x, new, eps: _whitened(x, x, eps)),
        Mistake("the new examples' own statistics", "Mean and covariance are those of x: a new example must not depend "
                "on its company.", "the exercise", lambda x, new, eps: _whitened(new, new, eps)),
        Mistake("the new examples' own mean", "The covariance is that of x, and the mean must be too.",
                "the exercise", _with_scale(_root, mean=lambda x, new: new.mean(0))),
        Mistake("the new examples' own covariance", "The mean is that of x, and the covariance must be too.",
                "the exercise", _with_scale(_root, source=lambda x, new: new)),
        Mistake("PCA whitening", "It is white, but stands along the principal axes; turn back with U^T.",
                "section 4 of the notebook, the formula of ZCA", _pca),
        Mistake("PCA whitening, the largest axis first", "It is white, but stands along the principal axes; turn back "
                "with U^T.", "section 4 of the notebook, the formula of ZCA", lambda *case: _pca(*case)[:, ::-1]),
        Mistake("standardizing", "Each feature has mean 0 and variance 1, but they are still correlated.",
                "the paper's section 2, Cov[x]^(-1/2)",
                lambda x, new, eps: (new - x.mean(0)) / np.sqrt(x.var(0) + eps)),
        Mistake("Cholesky whitening", "It is white, but not symmetric: it treats the features in their order.",
                "section 4 of the notebook, the formula of ZCA",
                lambda x, new, eps: _whitened(x, new, eps, "cholesky")),
        Mistake("the inverse of the covariance", "Its inverse root is needed: variances are squares.",
                "the paper's section 2, Cov[x]^(-1/2)", _with_scale(lambda lam, eps: 1 / (lam + eps))),
        Mistake("the root of the covariance", "Dividing by the root of the eigenvalues was asked, not multiplying.",
                "the paper's section 2, Cov[x]^(-1/2)", _with_scale(lambda lam, eps: np.sqrt(lam + eps))),
        Mistake("mean not subtracted", "The covariance was centred, the examples were not.",
                "the paper's section 2, x - E[x]", _with_scale(_root, mean=lambda x, new: 0)),
        Mistake("covariance not centred", "E[x x^T] is the covariance only where the mean is 0.",
                "the paper's section 2, Cov[x] = E[x x^T] - E[x] E[x]^T", _not_centred),
        Mistake("mean put back", "Nothing is added at the end: over the mini-batch x_hat has the mean 0.",
                "section 4 of the notebook, the formula of ZCA",
                lambda x, new, eps: _whitened(x, new, eps) + x.mean(0)),
        Mistake("sum instead of covariance", "The sum of the products is divided by m.",
                "the paper's section 2, Cov[x] = E[x x^T] - E[x] E[x]^T",
                _with_scale(_root, source=lambda x, new: np.sqrt(len(x)) * x)),
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
        Mistake("the covariance counted half, being symmetric", "Half of it would do, but the product as it is counted "
                "here takes 2 m d^2.", "the exercise: 2 a b c", lambda m, d: (3 * m * d * d + 11 * d**3, 5 * m * d)),
        Mistake("the 9 of the eigenvectors forgotten", "They take 9 d^3 operations.", "the exercise: 9 d^3",
                lambda m, d: (4 * m * d * d + 3 * d**3, 5 * m * d)),
        Mistake("the two exchanged", "The stub asks for ZCA first.", "the stub", lambda m, d: _flops(m, d)[::-1]),
        Mistake("m and d exchanged", "The covariance is (d, d); m is the number of examples.", "the stub",
                lambda m, d: _flops(d, m)),
        Mistake("mean and subtraction counted in ZCA too", "Of ZCA only the eigenvectors and three products are "
                "counted.", "the exercise, the last line of the list",
                lambda m, d: (_flops(m, d)[0] + 2 * m * d, 5 * m * d)),
        Mistake("gamma and beta counted too", "The list ends with the multiplication that makes x_hat.",
                "the exercise, the third line of the list", lambda m, d: (_flops(m, d)[0], 7 * m * d)),
        Mistake("one of the five operations forgotten", "Each number is in the mean, in the subtraction, in the "
                "square, in the mean of the squares and in the multiplication.",
                "the exercise, the third line of the list", lambda m, d: (_flops(m, d)[0], 4 * m * d)),
        Mistake("batch norm counted once for each feature", "Its five operations are made for each of the m d numbers.",
                "Algorithm 1", lambda m, d: (_flops(m, d)[0], 5 * d)),
    ),
)


GRADIENTS = (
    (backward.right, True),
    (backward.variance_path_missing, False),
    (backward.mean_path_missing, False),
    (backward.right, True),
    (backward.statistics_held_constant, False),
    (backward.sums_for_means, False),
)  # a backward pass, and whether it is that of batch norm


def _gradients(rng):
    """Mini-batches with a gradient dx each, right or wrong, for eps = 0.

    One wrong gradient is small. Two wrong columns and their negatives follow, so that what should be zero has either
    sign. In three cases something cancels: the sums of two columns, their spreads, and the two parts of the sum of
    x dx.
    """
    cases = []
    for (gradient, _), (m, c) in zip(GRADIENTS, [(5, 3), (7, 2), (4, 3), (9, 4), (6, 2), (8, 3)], strict=True):
        x, dx_hat = rng.normal(2, 3, (m, c)), rng.normal(size=(m, c))
        cases.append((x, gradient(dx_hat, x, np.ones(c), np.zeros(c), 0.0)[0]))
    x, dx = cases[1]
    cases.append((x, 1e-3 * dx))
    for gradient in (backward.mean_path_missing, backward.variance_path_missing):
        x, dx_hat = rng.normal(2, 3, (6, 1)), rng.normal(1, 1, (6, 1))
        dx = gradient(dx_hat, x, np.ones(1), np.zeros(1), 0.0)[0]
        cases += [(x, dx), (x, -dx), (np.hstack([x, x]), np.hstack([dx, -dx]))]
    x, dx = rng.normal(2, 3, (6, 2)), rng.normal(size=(6, 2))
    return [*cases, (x, dx - x * (x * dx).sum(0) / (x * x).sum(0))]


def _near_zero(values, tolerance=1e-9):
    return bool(np.abs(values).max() < tolerance)


def _no_shift(x, dx):
    """Whether the loss stays when all examples are moved by the same amount."""
    return _near_zero(dx.sum(0))


def _no_spread(x, dx):
    """Whether the loss stays when the examples are spread around their mean."""
    return _near_zero(((x - x.mean(0)) * dx).sum(0))


gradient_test = Check(
    exercise="02.3",
    law="A gradient that went through batch norm has columns that sum to zero, as shifting all examples changes "
        "nothing; and for eps = 0 they are orthogonal to x_hat, as spreading all examples changes nothing either.",
    solution=lambda x, dx: _no_shift(x, dx) and _no_spread(x, dx),
    cases=_gradients,
    outputs=("passes",),
    mistakes=(
        Mistake("the sums alone", "If the variance alone is taken for a constant, the columns still sum to zero. What "
                "else does batch norm undo?", "section 9 of the notebook, the second direction", _no_shift),
        Mistake("the spread alone", "If the mean alone is taken for a constant, the columns are still orthogonal to "
                "x_hat.", "section 9 of the notebook, the row sums", _no_spread),
        Mistake("one of the two is enough", "A gradient of batch norm has both properties: and, not or.",
                "section 9 of the notebook", lambda x, dx: _no_shift(x, dx) or _no_spread(x, dx)),
        Mistake("one sum over all columns", "The sums of two columns may cancel; each must be zero by itself.",
                "the paper's section 3, each feature by itself",
                lambda x, dx: _near_zero(dx.sum()) and _no_spread(x, dx)),
        Mistake("one spread over all columns", "What two columns give may cancel; each must be zero by itself.",
                "the paper's section 3, each feature by itself",
                lambda x, dx: _no_shift(x, dx) and _near_zero(((x - x.mean(0)) * dx).sum())),
        Mistake("the sum of all numbers alone", "Each column is to be tested, and a second direction too.",
                "section 9 of the notebook", lambda x, dx: _near_zero(dx.sum())),
        Mistake("both sums over all columns", "What two columns give may cancel; each must be zero by itself.",
                "the paper's section 3, each feature by itself",
                lambda x, dx: _near_zero(dx.sum()) and _near_zero(((x - x.mean(0)) * dx).sum())),
        Mistake("x in place of x minus its mean", "The sum of x dx holds both directions at once, and the two may "
                "cancel: test each.", "section 9 of the notebook", lambda x, dx: _near_zero((x * dx).sum(0))),
        Mistake("a tolerance as large as a gradient", "Gradients of 0.001 are common; what is not zero because of "
                "rounding is far smaller.", "the exercise",
                lambda x, dx: bool(np.allclose(dx.sum(0), 0, atol=0.1) and
                                   np.allclose(((x - x.mean(0)) * dx).sum(0), 0, atol=0.1))),
        Mistake("the sign forgotten", "A sum far below zero is not zero either: compare its absolute value.",
                "the exercise", lambda x, dx: bool((dx.sum(0) < 1e-9).all() and
                                                   (((x - x.mean(0)) * dx).sum(0) < 1e-9).all())),
        Mistake("sums over the features", "The mean runs over the examples, so each column is summed, not each row.",
                "Algorithm 1, line 1", lambda x, dx: _near_zero(dx.sum(1)) and _no_spread(x, dx)),
        Mistake("every gradient passes", "The test must be able to fail.", "the exercise", lambda x, dx: True),
        Mistake("no gradient passes", "Sums of rounded numbers are seldom exactly zero: compare with a tolerance, as "
                "np.allclose does.", "the exercise", lambda x, dx: False),
        Mistake("the other way round", "True is for a gradient that passes.", "the stub",
                lambda x, dx: not (_no_shift(x, dx) and _no_spread(x, dx))),
    ),
)


def _terms(x, eps, ones=1.0, along=1.0, m=None, ddof=0, std=None):
    """The two terms; the last five arguments hold what the known mistakes change."""
    std = std or np.sqrt(x.var(ddof=ddof) + eps)
    x_hat = (x - x.mean()) / std
    return np.eye(len(x)) / std, -(ones + along * np.outer(x_hat, x_hat)) / ((m or len(x)) * std)


def _raw_terms(x, eps):
    std = np.sqrt(x.var() + eps)
    return np.eye(len(x)) / std, -(1 + np.outer(x, x)) / (len(x) * std)


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
        Mistake("no term through the set", "This is the mistake of the paper's section 2 (section 7 here).",
                "the paper's section 2, the second Jacobian term",
                lambda x, eps: (_terms(x, eps)[0], np.zeros((len(x),) * 2))),
        Mistake("the wrong sign", "Raising the mean lowers every x_hat_i.",
                "the paper's section 2, the second Jacobian term",
                lambda x, eps: (_terms(x, eps)[0], -_terms(x, eps)[1])),
        Mistake("1/m forgotten", "One example of m moves the mean by 1/m only.", "Algorithm 1, lines 1 and 2",
                lambda x, eps: _terms(x, eps, m=1)),
        Mistake("1/s forgotten in the first term", "x_hat_i is (x_i - mean) / s, so its derivative by its own "
                "x_i is 1 / s.", "Algorithm 1, line 3", lambda x, eps: (np.eye(len(x)), _terms(x, eps)[1])),
        Mistake("twice the variance's part", "The factor 2 of the square meets the 1/2 of the root.",
                "Algorithm 1, lines 2 and 3", lambda x, eps: _terms(x, eps, along=2.0)),
        Mistake("the whole Jacobian for the second term", "The two matrices are to be told apart: leave out I / s.",
                "the paper's section 2, the two Jacobian terms",
                lambda x, eps: (_terms(x, eps)[0], sum(_terms(x, eps)))),
        Mistake("the two exchanged", "The stub asks for the term through the value first.", "the stub",
                lambda x, eps: _terms(x, eps)[::-1]),
        Mistake("x for x_hat", "The variance's part holds the normalized values.", "Algorithm 1, line 3", _raw_terms),
        Mistake("eps outside the root", "eps is added to the variance, and then the root is taken.",
                "Algorithm 1, line 3", lambda x, eps: _terms(x, eps, std=x.std() + eps)),
        Mistake("eps ignored", "eps is added to the variance under the root.", "Algorithm 1, line 3",
                lambda x, eps: _terms(x, 0.0)),
        Mistake("eps ignored in x_hat", "x_hat is divided by sqrt(var + eps) as well.", "Algorithm 1, line 3",
                lambda x, eps: _terms(x, eps, along=1 + eps / x.var())),
        Mistake("unbiased variance", "Algorithm 1 divides the sum of squares by m.", "Algorithm 1, line 2",
                lambda x, eps: _terms(x, eps, ddof=1)),
    ),
)
