"""Covariate shift: a small classifier learns digits under one condition and is tested under another.

Every pixel is standardized, with the mean and the variance of the training pictures or of the test pictures
themselves (`normalize.batchnorm_inference` with gamma 1 and beta 0 does it). The second undoes a shift that only
rescales pixels. `run` measures what the test pictures' own statistics do where other people wrote the digits:

    run(Config(train="glyphs", test="mnist")).columns["own"]
"""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bncourse import datasets, runs
from bncourse.experiments.protocol import Progress, from_record, recorded_run, tell, unusual
from bncourse.kernels import mlp
from bncourse.kernels.normalize import batch_statistics, batchnorm_inference

Pixels = Float[np.ndarray, "N D"]
Labels = Int[np.ndarray, "N"]
TOLERANCE = dict.fromkeys(("home", "training", "own"), 0.002)  # of a replay: 4 test pictures in 2,000


@dataclass(frozen=True)
class Config:
    """One classifier: trained on `train_images` pictures of one data set, tested on pictures of two.

    eps is added to the variance of a pixel, which lies between 0 and 1. Raises ValueError for an unknown data set.
    """

    train: str = "glyphs"
    test: str = "mnist"
    seed: int = 0
    steps: int = 600
    train_images: int = 6000
    test_images: int = 2000
    eps: float = 1e-3

    def __post_init__(self):
        datasets.check_dataset("train", self.train)
        datasets.check_dataset("test", self.test)

    def variant(self) -> str:
        """A name for the run's file: both data sets, every other field that is not the usual one, the seed."""
        return "-".join([f"{self.train}-to-{self.test}", *unusual(self, "train", "test", "seed"), f"seed{self.seed}"])


PLAN = {"writers": tuple(Config(seed=seed) for seed in range(5))}


def pictures(dataset: str, split: str, n: int) -> tuple[Float[np.ndarray, "n 28 28"], Labels]:
    """The first n pictures, 0 for paper and 1 for ink, and their labels. Raises ValueError when there are fewer."""
    images, labels = datasets.load(dataset, split)
    if n > len(images):
        raise ValueError(f"n is {n}, but {dataset} has {len(images)} {split} pictures; expected at most as many")
    return images[:n] / 255, labels[:n]


def classifier(x: Pixels, t: Labels, seed: int, steps: int = 600, progress: Progress | None = None) -> mlp.Network:
    """One hidden layer of 50 sigmoids, trained by steps of 60 examples at rate 0.5, without batch norm.

    The dtype of x is that of all arithmetic.
    """
    rng = np.random.default_rng(seed)
    network = mlp.init((x.shape[1], 50, 10), batchnorm=False, std=0.05, rng=rng, dtype=x.dtype.type)
    for step in range(1, steps + 1):
        rows = rng.integers(len(x), size=60)
        _, gradients, _ = mlp.loss_and_gradients(network, x[rows], t[rows])
        mlp.sgd_step(network, gradients, lr=0.5)
        tell(progress, step, steps)
    return network


def run(config: Config, progress: Progress | None = None) -> runs.Run:
    """Train and test one classifier; nothing is written.

    One row. `home`: accuracy on the training set's own test pictures; `training` and `own`: on those of the
    other set, standardized with the statistics of the training pictures or with their own.
    """
    start = time.perf_counter()
    train, home, abroad = data = [
        (flat(images), t) for images, t in (pictures(config.train, "train", config.train_images),
                                            pictures(config.train, "test", config.test_images),
                                            pictures(config.test, "test", config.test_images))]
    training, own = batch_statistics(train[0]), batch_statistics(abroad[0])
    x, t = standardized(train[0], training, config.eps), train[1]
    network = classifier(x, t, config.seed, config.steps, progress)

    def accuracy(examples, statistics):
        x, t = examples
        return float(np.mean(mlp.predict(network, standardized(x, statistics, config.eps)) == t))

    columns = {"home": [accuracy(home, training)], "training": [accuracy(abroad, training)],
               "own": [accuracy(abroad, own)]}
    return recorded_run(config, columns, data=f"{config.train} and {config.test}",
                        sha256=runs.fingerprint(*(array for examples in data for array in examples)),
                        seconds=time.perf_counter() - start)


def replay(recorded: runs.Run, steps: int) -> runs.Run:
    """The whole of a recorded run again: its one row comes after the last step, whatever `steps` is."""
    return run(from_record(Config, recorded.config))


def flat(images: Float[np.ndarray, "N H W"]) -> Pixels:
    """A row of pixels for each picture."""
    return images.reshape(len(images), -1)


def standardized(x: Pixels, statistics: tuple, eps: float) -> Pixels:
    """(x - mean) / sqrt(var + eps), pixel by pixel."""
    mean, var = statistics
    return batchnorm_inference(x, np.ones_like(mean), np.zeros_like(mean), mean, var, eps)
