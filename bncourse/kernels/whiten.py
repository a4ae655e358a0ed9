"""Section 2's full whitening, by ZCA, PCA or Cholesky, with the derivative through the covariance.

All three subtract the mean and multiply by a matrix A with `A Cov[x] Aᵀ = I`: the output has zero mean,
unit variances and no correlations. With `Cov = U diag(lam) Uᵀ = L Lᵀ` they are

    zca        A = Cov^(-1/2) = U diag(lam)^(-1/2) Uᵀ    symmetric: the output nearest to x
    pca        A = diag(lam)^(-1/2) Uᵀ                   an output for each principal axis
    cholesky   A = L^(-1)                                triangular: each feature given those before it

and differ by a rotation. The gradient has the form of batch norm's for all of them,

    dx = (dy - mean(dy) - y S / m) A,    S_ij = w_ij G_ij + w_ji G_ji,    G = dyᵀ y,

where batch norm keeps the diagonal of G, and w (with `w_ij + w_ji = 1`) says how the method shares a
correlation between two features. The cost grows as N D² + D³ against batch norm's N D: the paper's
reason to normalize each feature on its own.

The letters: N examples, which are the m values of the mini-batch; D features; Cov, A, U and L are `(D, D)`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bncourse.kernels.arguments import Rows, check_array, check_floating

Array = np.ndarray


class SingularCovariance(ValueError):
    """The covariance has no inverse: along some direction x has no variance, and no scale makes it one."""


class EqualEigenvalues(ValueError):
    """Two principal axes have the same variance: any rotation of the two serves as well, so PCA has no gradient."""


class Whitened(NamedTuple):
    """What `whiten_backward` needs: the method, the output y `(N, D)`, and the matrix A `(D, D)`.

    `eigen` are the eigenvalues `(D,)` and eigenvectors `(D, D)` of Cov; None for Cholesky, which uses none.
    """

    method: str
    y: Array
    a: Array
    eigen: tuple[Array, Array] | None


def whiten_forward(x: Rows, method: str = "zca", eps: float | int = 0.0) -> tuple[Float[Array, "N D"], Whitened]:
    """Whiten a mini-batch: `(x - mean) Aᵀ`, with `Cov = E[(x - mean)ᵀ (x - mean)] + eps I` (section 2).

    x is the mini-batch, `(N, D)`; the expectation is its mean, with 1/m. method is "zca", "pca" or "cholesky". eps is
    added to each feature's variance. Returns the output, shaped and typed like x, and the cache that
    `whiten_backward` takes. The outputs of PCA go from the largest variance to the smallest, and the sign of each
    axis is such that its largest entry is positive. Raises SingularCovariance where Cov has no inverse; with
    eps = 0 that is so whenever there are not more examples than features (section 3). Raises TypeError for an x
    that is not floating point, ValueError for another shape and for an unknown method.
    """
    _check(x, method, eps)
    centred = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    centred = centred - centred.mean(0)
    centred -= centred.mean(0)
    cov = centred.T @ centred / len(x) + eps * np.eye(x.shape[1], dtype=centred.dtype)
    if method == "cholesky":
        a, eigen = _inverse_cholesky(cov, len(x)), None
    else:
        lam, u = eigen = _eigenvectors(cov, len(x))
        a = u.T / np.sqrt(lam)[:, None]
        a = u @ a if method == "zca" else a
    y = centred @ a.T
    return y.astype(x.dtype, copy=False), Whitened(method, y, a, eigen)


def whiten_backward(dy: Float[Array, "N D"], cache: Whitened) -> Float[Array, "N D"]:
    """Gradient of `whiten_forward`: `dx = (dy - mean(dy) - y S / m) A`, shaped and typed like dy.

    dy is the gradient of the loss for the output, `(N, D)`. The gradients of ZCA and Cholesky are finite for every
    invertible Cov. That of PCA grows without bound as two eigenvalues approach each other; raises EqualEigenvalues
    where two cannot be told apart in this precision. Raises ValueError for a dy that is not shaped like the output.
    """
    method, y, a, eigen = cache
    check_array(dy=dy)
    if dy.shape != y.shape:
        raise ValueError(f"dy has shape {dy.shape}, but the output has {y.shape}; expected the same")
    shared = _SHARED[method](dy.T @ y, eigen)
    dx = (dy - dy.mean(0) - y @ shared / len(y)) @ a
    return dx.astype(dy.dtype, copy=False)


def _shared_zca(g: Array, eigen: tuple[Array, Array]) -> Array:
    """Among the eigenvectors, `w_ij = s_j / (s_i + s_j)` with `s = sqrt(lam)`: a sum, never a difference."""
    lam, u = eigen
    s = np.sqrt(lam)
    return u @ _symmetric(u.T @ g @ u, s / (s[:, None] + s)) @ u.T


def _shared_pca(g: Array, eigen: tuple[Array, Array]) -> Array:
    """`w_ij = lam_j / (lam_j - lam_i)`: eigenvectors turn fast where eigenvalues are close."""
    lam, _ = eigen
    gaps = lam[:-1] - lam[1:]
    if gaps.size and gaps.min() <= 8 * np.finfo(lam.dtype).eps * lam[0]:
        k = int(gaps.argmin())
        raise EqualEigenvalues(
            f"eigenvalues {k} and {k + 1} of the covariance are both {lam[k]:.6g}, so PCA whitening has no "
            'gradient here; use method "zca" or "cholesky", whose gradients stay finite'
        )
    difference = lam - lam[:, None]
    np.fill_diagonal(difference, 2 * lam)
    return _symmetric(g, lam / difference)


def _shared_cholesky(g: Array, eigen: None) -> Array:
    """`w_ij = 1` where i > j, 1/2 where i = j: of two features, the later one is changed to decorrelate them."""
    return _symmetric(g, np.tri(len(g), dtype=g.dtype) - 0.5 * np.eye(len(g), dtype=g.dtype))


_SHARED = {"zca": _shared_zca, "pca": _shared_pca, "cholesky": _shared_cholesky}


def _symmetric(g: Array, w: Array) -> Array:
    s = w * g
    return s + s.T


def _eigenvectors(cov: Array, m: int) -> tuple[Array, Array]:
    """Eigenvalues `(D,)` from the largest down, and the eigenvectors `(D, D)` in columns."""
    lam, u = np.linalg.eigh(cov)
    lam, u = lam[::-1], u[:, ::-1]
    if lam[-1] <= _rounding(lam[0], len(lam)):
        raise _singular(m, len(cov))
    largest = u[np.abs(u).argmax(0), np.arange(len(u))]
    return lam, u * np.sign(largest)


def _inverse_cholesky(cov: Array, m: int) -> Array:
    """`L^(-1)`, lower triangular.

    Row j of it subtracts from feature j what the features before it explain, and scales the rest to variance 1. Where
    a feature is explained entirely, the rest is a rounding error, scaled up; then Cov counts as singular.
    """
    try:
        a = np.tril(np.linalg.inv(np.linalg.cholesky(cov)))
    except np.linalg.LinAlgError:
        raise _singular(m, len(cov)) from None
    before = np.square(np.abs(a) @ np.sqrt(np.diag(cov)))
    if _rounding(before.max(), len(cov)) >= 1:
        raise _singular(m, len(cov))
    return a


def _rounding(variance: np.floating, d: int) -> np.floating:
    """How far rounding alone may move a variance of this size in a factorisation of d features."""
    return d * np.finfo(variance.dtype).eps * variance


def _singular(m: int, d: int) -> SingularCovariance:
    return SingularCovariance(
        f"the covariance of x is singular, with m = {m} examples of d = {d} features: "
        + (
            f"m examples vary in at most m - 1 directions; use more than {d} examples, or eps > 0"
            if m <= d
            else "some feature is constant or depends on the others; remove it, standardize x, or use eps > 0"
        )
    )


def _check(x: Array, method: str, eps: float | int) -> None:
    if method not in _SHARED:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(map(repr, _SHARED))}")
    check_floating(x, eps)
    if x.ndim != 2 or not x.shape[1]:
        raise ValueError(f"x has shape {x.shape}; expected (N, D) with D of 1 or more")
    if len(x) == 0:
        raise _singular(*x.shape)
