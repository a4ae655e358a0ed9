"""The networks of section 4.2 as configurations, each written as its difference from another.

The sentences of 4.2.1 and 4.2.2 are functions from a configuration to a configuration that differs in what the
sentence says and in nothing else, so that one change can be tried alone as well as all of them together:

    higher_learning_rate(baseline, 5)          the same network and data at five times the rate
    VARIANTS["bn-x5"].learning_rate()          0.0075, five times Inception's
    at_scale(VARIANTS["bn-x5"], SMALL)         the same variant of the small analogue: five times its rate

What the variants share, a `Scale` of scales.py holds. The paper trains Inception at 0.0015 with mini-batches of 32,
Dropout of 40 % and an exponential decay of the rate. Momentum, the weight of L2 and the constant of the decay are not
in the paper: those here are ours.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce

from bncourse.experiments.ranges import ConfigError, expect, expect_types, positive
from bncourse.experiments.scales import IMAGENET, SMALL, Scale
from bncourse.experiments.scales import TINY as TINY  # for the lessons
from bncourse.training.recipe import LARGEST_FACTOR, LARGEST_SEED


@dataclass(frozen=True)
class Config:
    """One training of section 4.2. Raises ConfigError naming the field that is out of range.

    batchnorm       batch norm before each nonlinearity; without it convolutions have a bias
    local_response  local response normalization around the second convolution
    rate            the learning rate at the start, as a multiple of the scale's
    decay           how many times as fast as the scale says the rate halves
    dropout         the fraction of the classifier's inputs that is dropped
    l2              the weight of L2 (ours: 0.0002; divided by 5 it is the 0.00004 of public implementations)
    momentum        of SGD (ours)
    shuffling       the order of the training examples (`bncourse.datasets.shuffling`): "fixed" is mixed once, and the
                    same examples always meet; "within-shard" is the paper's more thorough one
    distortion      of the colours (`bncourse.datasets.transforms`): "full", "less" or "none"
    init_gain, per_activation    of `bncourse.nn.BNInception`, for the ensemble
    data            scenes, or a folder of the data folder
    precision       "float32", or "bf16" where products may be rounded to bfloat16
    processes       that share each mini-batch; each normalizes its own share unless `synchronized`
    held_out        pictures of each class that are not trained on, but tested on in place of the validation set
    view            what is tested of a picture: its "center", 7/8 as wide as its shorter side, or the "whole" square
    """

    name: str
    scale: Scale = SMALL
    batchnorm: bool = False
    local_response: bool = True
    activation: str = "relu"
    rate: float | int = 1
    decay: float | int = 1
    dropout: float | int = 0.4
    l2: float | int = 2e-4
    momentum: float | int = 0.9
    shuffling: str = "fixed"
    distortion: str = "full"
    init_gain: float | int = 1
    per_activation: int = 0
    data: str = "scenes"
    seed: int = 0
    precision: str = "float32"
    processes: int = 1
    synchronized: bool = False
    held_out: int = 0
    view: str = "center"

    def __post_init__(self):
        expect_types(self)
        for name in ("rate", "decay", "init_gain"):
            expect(positive(getattr(self, name)), name, self, "a positive number")
        expect(0 < self.learning_rate() <= LARGEST_FACTOR, "rate", self,
               f"a factor of the scale's lr, {self.scale.lr:g}, with which it is above 0, at most {LARGEST_FACTOR:g}")
        for name in ("dropout", "momentum"):
            expect(0 <= getattr(self, name) < 1, name, self, "a fraction from 0 to below 1")
        expect(self.held_out >= 0, "held_out", self, "the number of pictures of each class, 0 for none")
        expect(0 <= self.l2 <= LARGEST_FACTOR, "l2", self, f"0 or more, at most {LARGEST_FACTOR:g}")
        expect(0 <= self.seed <= LARGEST_SEED, "seed", self, f"an int of 0 or more, at most {LARGEST_SEED:,}")
        expect(self.per_activation in range(11), "per_activation", self, "0 to 10, the number of modules")
        expect(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.data), "data", self,
               "letters, digits, '-', '_' and '.', as it names a file")
        expect(self.processes >= 1 and self.scale.batch % self.processes == 0, "processes", self,
               f"a number that divides the mini-batch of {self.scale.batch}")
        alone = self.scale.batch == 1 if self.synchronized else self.scale.batch == self.processes
        if self.batchnorm and alone:
            raise ConfigError(f"batch is {self.scale.batch} for {self.processes} process(es); expected 2 or more "
                              "examples in each, or batch norm has a single value in a map of 1x1")
        for name, known in CHOICES.items():
            expect(getattr(self, name) in known, name, self, f"one of {', '.join(map(repr, known))}")

    def learning_rate(self) -> float | int:
        """The rate of the first step."""
        return self.rate * self.scale.lr

    def halving(self) -> float:
        """The steps in which the rate halves: it is learning_rate() * 2 ** (-step / halving())."""
        return (self.scale.halving or self.scale.steps) / self.decay

    def variant(self) -> str:
        """A name for the run's file, with the first digits of a SHA-256 of all that the configuration says."""
        digest = hashlib.sha256(json.dumps(to_record(self), sort_keys=True).encode()).hexdigest()
        return f"{self.data}-{self.name}-{self.scale.steps}steps-seed{self.seed}-{digest[:8]}"


CHOICES = {"activation": ("relu", "sigmoid"), "shuffling": ("full", "within-shard", "fixed"),
           "distortion": ("full", "less", "none"), "precision": ("float32", "bf16"),
           "view": ("center", "whole")}


# The seven sentences of 4.2.1.

def higher_learning_rate(config: Config, times: int = 5) -> Config:
    """Increase learning rate."""
    return replace(config, rate=config.rate * times)


def no_dropout(config: Config) -> Config:
    """Remove Dropout."""
    return replace(config, dropout=0.0)


def weaker_l2(config: Config) -> Config:
    """Reduce the L2 weight regularization, by a factor of 5."""
    return replace(config, l2=config.l2 / 5)


def faster_decay(config: Config) -> Config:
    """Accelerate the learning rate decay: 6 times faster."""
    return replace(config, decay=config.decay * 6)


def no_local_response(config: Config) -> Config:
    """Remove Local Response Normalization."""
    return replace(config, local_response=False)


def thorough_shuffling(config: Config) -> Config:
    """Shuffle training examples more thoroughly: within the shards."""
    return replace(config, shuffling="within-shard")


def less_distortion(config: Config) -> Config:
    """Reduce the photometric distortions."""
    return replace(config, distortion="less")


SEVEN: dict[str, Callable[[Config], Config]] = {
    "learning-rate": higher_learning_rate,
    "dropout": no_dropout,
    "l2": weaker_l2,
    "decay": faster_decay,
    "local-response": no_local_response,
    "shuffling": thorough_shuffling,
    "distortion": less_distortion,
}


# The networks of 4.2.2, and the two that it says fail.

def batch_normalized(config: Config) -> Config:
    """Same as Inception with Batch Normalization before each nonlinearity."""
    return replace(config, batchnorm=True)


def sigmoid(config: Config) -> Config:
    """The nonlinearity is the sigmoid instead of ReLU."""
    return replace(config, activation="sigmoid")


def all_seven(config: Config, times: int) -> Config:
    """The modifications of 4.2.1, with the initial learning rate increased by this factor."""
    six = [change for change in SEVEN.values() if change is not higher_learning_rate]
    return reduce(lambda changed, change: change(changed), six, higher_learning_rate(config, times))


def renamed(name: str, config: Config) -> Config:
    """The same configuration under another name."""
    return replace(config, name=name)


INCEPTION = Config("inception", scale=IMAGENET)
BASELINE = renamed("bn-baseline", batch_normalized(INCEPTION))
X5 = renamed("bn-x5", all_seven(BASELINE, times=5))
X30 = renamed("bn-x30", all_seven(BASELINE, times=30))
X5_SIGMOID = renamed("bn-x5-sigmoid", sigmoid(X5))
INCEPTION_X5 = renamed("inception-x5", higher_learning_rate(INCEPTION, 5))
INCEPTION_SIGMOID = renamed("inception-sigmoid", sigmoid(INCEPTION))

VARIANTS = {config.name: config for config in (INCEPTION, BASELINE, X5, X30, X5_SIGMOID, INCEPTION_X5,
                                               INCEPTION_SIGMOID)}

# From the baseline one change of the seven at a time, of which the paper gives only the sum, and a pair.
PAIR = {"rate-and-decay": lambda config: faster_decay(higher_learning_rate(config))}
ABLATIONS = {f"bn-baseline-{name}": renamed(f"bn-baseline-{name}", change(BASELINE))
             for name, change in (SEVEN | PAIR).items()}

# What Figure 2 lacks: batch norm at a higher rate with nothing else changed, and the changes without batch norm.
CONTROLS = {config.name: config for config in (
    renamed("bn-baseline-x30", higher_learning_rate(BASELINE, 30)),
    renamed("inception-seven-x5", all_seven(INCEPTION, times=5)),
    renamed("inception-seven-x30", all_seven(INCEPTION, times=30)),
    renamed("inception-sigmoid-gain4", replace(INCEPTION_SIGMOID, init_gain=4)))}

# All seven changes at other rates than the paper's, without batch norm and with it: is x5 the best rate of either?
OTHER_RATES = {config.name: config for config in (
    *(renamed(f"inception-seven-x{times}", all_seven(INCEPTION, times)) for times in (1, 2, 10)),
    *(renamed(f"bn-x{times}", all_seven(BASELINE, times)) for times in (2, 10)))}

# Each of the two rates with the other's last rate: they fall by other factors, so that BN-x30 ends where BN-x5 does.
TO_BE_LEVEL = math.log2(X30.rate / X5.rate)  # halvings from the one rate to the other
ANNEALED = {config.name: config for config in (
    replace(X30, name="bn-x30-ends-as-x5", decay=X30.decay + TO_BE_LEVEL),
    replace(X5, name="bn-x5-ends-as-x30", decay=X5.decay - TO_BE_LEVEL))}

# The ensemble of 4.2.3: each is BN-x30 "modified via some of" three changes. Which has which, the gain of 1.5 and
# the two modules are ours; Dropout of 5 % or 10 % is the paper's.
MEMBER_CHANGES = {1: {"init_gain": 1.5}, 2: {"dropout": 0.05}, 3: {"dropout": 0.1}, 4: {"per_activation": 2},
                  5: {"init_gain": 1.5, "dropout": 0.05}, 6: {"dropout": 0.1, "per_activation": 2}}
MEMBERS = {f"member-{k}": replace(X30, name=f"member-{k}", **changes) for k, changes in MEMBER_CHANGES.items()}

KNOWN = VARIANTS | ABLATIONS | CONTROLS | OTHER_RATES | ANNEALED | MEMBERS


def variant_named(name: str) -> Config:
    """The configuration of a variant, an ablation, a control or a member at full scale. Raises ConfigError."""
    if name not in KNOWN:
        raise ConfigError(f"variant is {name!r}; expected one of {', '.join(VARIANTS)}; of the ensemble, member-1 to "
                          f"member-{len(MEMBERS)}; of the ablation, bn-baseline- and one of {', '.join(SEVEN | PAIR)}; "
                          f"of the controls, {', '.join(CONTROLS | OTHER_RATES | ANNEALED)}")
    return KNOWN[name]


def at_scale(config: Config, scale: Scale) -> Config:
    """The same variant at another scale."""
    return replace(config, scale=scale)


UNRECORDED = {"processes": 1, "synchronized": False, "held_out": 0, "view": "center"}  # what a record leaves out


def from_record(record: dict) -> Config:
    """The configuration that a run recorded: `from_record(run.config)`. Raises ConfigError."""
    try:
        scale = Scale(**record["scale"])
        absent = [field.name for field in fields(Config) if field.name not in (*record, *UNRECORDED)]
        if absent:
            raise KeyError(f"it lacks {', '.join(absent)}")
        return Config(**(record | {"scale": scale}))
    except (TypeError, KeyError) as error:
        raise ConfigError(f"config does not describe a training of section 4.2: {error}") from None


def to_record(config: Config) -> dict:
    """The configuration as a run records it: its fields, without those of `UNRECORDED` that have the value there.

    The first runs were recorded before these fields were there; so their names and records stay what they are.
    """
    return {name: value for name, value in asdict(config).items()
            if name not in UNRECORDED or value != UNRECORDED[name]}
