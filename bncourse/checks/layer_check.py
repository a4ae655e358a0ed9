"""A check of a whole layer: the learner's class and PyTorch's do the same things, law by law, and are compared.

A law is a short script: it makes a layer with random state, uses the layer, and yields named arrays. The
layer has `gamma`, `beta`, `running_mean`, `running_var`, `training`, `forward(x)` and `backward(dy)`. Where a law
fails, the answer's numbers are compared with those of layers that make one known mistake.
"""

import copy
import functools
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bncourse.checks.frame import Judge, Mistake, Partial, Unanswered, Verdict, is_untouched_stub
from bncourse.checks.values import Rejection, close, difference, like_errors, numbers, relative_error

STATE = ("gamma", "beta", "running_mean", "running_var")
UNFINISHED = "Right so far; forward or backward returns nothing yet."
Observations = Iterator[tuple[str, np.ndarray]]


class PyTorch:
    """`torch.nn.functional.batch_norm`, which torch.nn's layers call, behind the interface of the exercise."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

    def forward(self, x):
        self.inputs = [torch.tensor(v, requires_grad=True) for v in (x, self.gamma, self.beta)]
        mean, var = torch.tensor(self.running_mean), torch.tensor(self.running_var)
        inputs, (gamma, beta) = self.inputs[0], self.inputs[1:]
        self.y = torch.nn.functional.batch_norm(inputs, mean, var, gamma, beta, self.training, self.momentum, self.eps)
        self.running_mean, self.running_var = mean.numpy(), var.numpy()
        return self.y.detach().numpy()

    def backward(self, dy):
        return tuple(d.numpy() for d in torch.autograd.grad(self.y, self.inputs, torch.tensor(dy)))


@dataclass(frozen=True)
class Law:
    """A sentence, and the script that shows whether it holds: `script(layer class, rng)` yields (name, array)."""

    says: str
    script: Callable[[type, np.random.Generator], Observations]


class WatchedLayer:
    """A learner's layer whose calls are checked: raises Rejection for errors, changed arguments and missing returns."""

    def __init__(self, cls: type, *arguments, **settings):
        self.layer = _call("__init__", cls, *arguments, **settings)

    def __getattr__(self, name):
        if not hasattr(self.layer, name):
            raise Rejection(f"The layer has no attribute {name}; it was set in __init__ of the stub.")
        value = getattr(self.layer, name)
        return _numbers("__init__", value, name) if name in STATE else value

    def forward(self, x: np.ndarray) -> np.ndarray:
        y = _call("forward", self.layer.forward, x)
        return _numbers("forward", y, "y")

    def backward(self, dy: np.ndarray) -> tuple[np.ndarray, ...]:
        names = ("dx", "dgamma", "dbeta")
        found = _call("backward", self.layer.backward, dy)
        if not (isinstance(found, tuple | list) and len(found) == 3):
            raise Rejection(f"backward returns {type(found).__name__}; expected three arrays: {', '.join(names)}.")
        return tuple(_numbers("backward", value, name) for value, name in zip(found, names, strict=True))

    def set(self, **values) -> None:
        """Set attributes that the layer must have."""
        for name, value in values.items():
            getattr(self, name)
            try:
                setattr(self.layer, name, value)
            except (TypeError, AttributeError) as error:
                raise Rejection(f"The layer's {name} cannot be set to {type(value).__name__}: {error}. Expected an "
                                f"attribute like those in __init__ of the stub, {name} as a NumPy array.") from None


def _call(name: str, function: Callable, *arguments, **settings):
    """The value of a learner's method `name` for copies of the arguments.

    Raises Unanswered where the method is still a stub, Refused where it raises a ValueError, and Rejection for any
    other error, for a changed argument and for a missing return.
    """
    mine = copy.deepcopy(arguments)
    try:
        found = function(*mine, **settings)
    except NotImplementedError:
        raise Unanswered from None
    except Refused:
        raise
    except Exception as error:
        _, *inside = traceback.extract_tb(error.__traceback__)
        if not inside:
            raise Rejection(f"{name} cannot be called as in the stub: {error}.") from None
        theirs = [frame for frame in inside if "site-packages" not in frame.filename] or inside
        reason = f"{name} raised {type(error).__name__}: {error}\nin the line `{theirs[-1].line}`."
        raise (Refused if isinstance(error, ValueError) else Rejection)(reason) from None
    for given, kept in zip(mine, arguments, strict=True):
        if not np.array_equal(given, kept):
            raise Rejection(f"{name} changes its argument in place. The layers around it still need it: compute into "
                            "a new array.")
    if found is ... or (found is None and is_untouched_stub(function)):
        raise Unanswered
    if found is None:
        raise Rejection(f"{name} returns None. Is a return missing?")
    return found


class Refused(Rejection):
    """The layer raised a ValueError; one law asks for it."""


def _numbers(method: str, value, name: str) -> np.ndarray:
    try:
        return numbers(name, value)
    except Rejection as found:
        raise Rejection(f"{method}: {found}") from None


@dataclass(frozen=True, repr=False)
class Assembled(Judge):
    """Judges a class by the laws, in their order; `solution` and the mistakes' `wrong` are classes too.

    Values must agree with PyTorch's within `tolerance`, relative to the largest expected one.
    """

    exercise: str
    laws: tuple[Law, ...]
    solution: type
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-9

    def asks(self) -> list[str]:
        return ["a class whose layers keep these laws:", *(f"{law.says}" for law in self.laws)]

    def judge(self, attempt: object) -> Verdict:
        if attempt is None or attempt is ...:
            raise Unanswered
        if not isinstance(attempt, type):
            raise Rejection(f"The answer is {attempt!r}; expected a class, as in the stub: neither an object of it "
                            "nor a function that makes one.")
        objections = [self.objection(law, attempt, first=place == 0) for place, law in enumerate(self.laws)]
        if not any(objections):
            return Verdict(self.exercise, "passed", f"All {len(self.laws)} laws hold, with PyTorch's numbers.")
        place = next(place for place, objection in enumerate(objections) if objection)
        mistake = self.recognise(self.laws[place], attempt)
        held = "\n".join(f"{'broken' if objection else 'holds '}  {law.says}"
                         for law, objection in zip(self.laws, objections, strict=True))
        text = f"{objections[place]}\n{held}"
        if mistake:
            text += f"\nThis is a known mistake: {mistake.name}. {mistake.why} See {mistake.see}."
        if objections[place] == UNFINISHED:
            raise Partial(text)
        return Verdict(self.exercise, "rejected", text, mistake.name if mistake else "")

    def objection(self, law: Law, attempt: type, first: bool) -> str:
        """A sentence about the first way in which the attempt breaks the law; an empty text if it keeps the law.

        Raises Unanswered for a stub, if this is the first law.
        """
        try:
            given = _observed(law, attempt)
        except Unanswered:
            if first:
                raise
            return UNFINISHED
        except Rejection as found:
            return f"{found}"
        clauses = (difference(name, g, w, self.tolerance)
                   for (name, g), (_, w) in zip(given, self.wanted(law), strict=True))
        return next((f"{clause}." for clause in clauses if clause), "")

    def wanted(self, law: Law) -> list[tuple[str, np.ndarray]]:
        return _by_pytorch(law)

    def recognise(self, law: Law, attempt: type) -> Mistake | None:
        """The known mistake that explains how the attempt breaks this law, if there is one.

        It gives the same arrays as the attempt; or it is a mistake of rounding, and each of its arrays is as far from
        the right one. A mistake that breaks an earlier law is another one: the attempt keeps those.
        """
        given = _seen(law, attempt)
        if not given or self.same_values(given, self.wanted(law)):
            return None
        for mistake in self.mistakes:
            theirs = _seen_of_a_mistake(law, mistake.wrong)
            alike = self.like_rounding if mistake.rounding else self.same_values
            if alike(given, theirs, law) and self.keeps_the_laws_before(law, mistake.wrong):
                return mistake
        return None

    def keeps_the_laws_before(self, law: Law, cls: type) -> bool:
        return not any(self.objection(kept, cls, first=False) for kept in self.laws[:self.laws.index(law)])

    def same_values(self, one: list, other: list, law: Law | None = None) -> bool:
        return len(one) == len(other) and all(
            g.shape == t.shape and close(g, t, 100 * self.tolerance).all()
            for (_, g), (_, t) in zip(one, other, strict=True))

    def like_rounding(self, one: list, other: list, law: Law) -> bool:
        return len(one) == len(other) and all(
            like_errors(relative_error(g, w), relative_error(t, w), self.tolerance)
            for (_, g), (_, t), (_, w) in zip(one, other, self.wanted(law), strict=True))


def _observed(law: Law, cls: type) -> list[tuple[str, np.ndarray]]:
    """What the law's script observes of a layer, without the warnings of a wrong one."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return list(law.script(_checked(cls), np.random.default_rng(0)))


def _seen(law: Law, cls: type) -> list[tuple[str, np.ndarray]]:
    """What the law's script observes of a layer; an empty list if the layer raises an error."""
    try:
        return _observed(law, cls)
    except (Rejection, Unanswered):
        return []


_seen_of_a_mistake = functools.cache(_seen)  # which is the same in every check, as an attempt is not


@functools.cache
def _by_pytorch(law: Law) -> list[tuple[str, np.ndarray]]:
    """What the law's script observes of PyTorch's layer, on one thread: the arrays are too small for a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return list(law.script(_checked(PyTorch), np.random.default_rng(0)))
    finally:
        torch.set_num_threads(threads)


def _checked(cls: type) -> Callable[..., WatchedLayer]:
    return lambda *arguments, **settings: WatchedLayer(cls, *arguments, **settings)
