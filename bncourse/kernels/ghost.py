"""Ghost batch norm (Hoffer et al. 2017): a large mini-batch is normalized in small parts, each by its own statistics.

The parts are the ghost batches, "virtual batches" in other libraries. A step over 1,024 examples so has the noise that
batch norm has in mini-batches of 32, and the statistics that inference needs are of that size too.
"""

import numpy as np
from jaxtyping import Float

from bncourse.kernels.arguments import Array, Batch, PerChannel, check_gradient, check_input, check_part_size
from bncourse.kernels.normalize import BatchnormCache, batchnorm_backward, batchnorm_forward


def ghostnorm_forward(x: Batch, gamma: PerChannel, beta: PerChannel, virtual_batch_size: int, eps: float | int = 1e-5
                      ) -> tuple[Float[Array, "N C *spatial"], list[BatchnormCache]]:
    """Batch norm of each ghost batch of x, with one gamma and one beta for all of them.

    x is `(N, C)` or `(N, C, *spatial)` and is divided in its order into N // virtual_batch_size parts, whose sizes
    differ by one at most, so each has at least virtual_batch_size examples. A smaller x is one part. gamma and beta
    are `(C,)`. Returns y, shaped and typed like x, and the cache that `ghostnorm_backward` takes. Raises as
    `batchnorm_forward` does, and ValueError for a virtual_batch_size below 1.
    """
    check_input(x, eps)
    check_part_size(virtual_batch_size)
    parts = np.array_split(x, max(len(x) // virtual_batch_size, 1))
    ys, caches = zip(*(batchnorm_forward(part, gamma, beta, eps) for part in parts), strict=True)
    return np.concatenate(ys), list(caches)


def ghostnorm_backward(dy: Batch, cache: list[BatchnormCache]
                       ) -> tuple[Float[Array, "N C *spatial"], Float[Array, "C"], Float[Array, "C"]]:
    """dx, shaped and typed like x, and dgamma and dbeta of shape `(C,)`: those of the ghost batches, added up.

    Raises ValueError for a dy that is not shaped like y.
    """
    sizes = [part.shape[0] for part in cache]
    check_gradient(dy, (sum(sizes), *cache[0].shape[1:]))
    parts = np.split(dy, np.cumsum(sizes)[:-1])
    dx, dgamma, dbeta = zip(*map(batchnorm_backward, parts, cache), strict=True)
    return np.concatenate(dx), sum(dgamma), sum(dbeta)
