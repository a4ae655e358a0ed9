"""The frame of every check: ask the learner's function, compare, and say which known mistake it made.

A check holds the law, a solution, the cases on which both are asked, and the known mistakes as functions
of the same signature. An answer that differs from the solution and equals a mistake is named by it.
"""

import copy
import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bncourse.checks import progress


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that somebody has published or submitted.

    `rounding` marks one that is wrong only by rounding: its digits depend on the order of the operations,
    so it is recognised by the cases that it fails.
    """

    name: str
    why: str
    see: str
    wrong: Callable
    rounding: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a check says: `passed`, `not attempted yet` or `rejected`, and why."""

    exercise: str
    state: str
    text: str = ""
    mistake: str = ""

    @property
    def passed(self) -> bool:
        return self.state == "passed"

    def __repr__(self):
        return f"Exercise {self.exercise}: {self.state}" + (f"\n{self.text}" if self.text else "")


class Unanswered(Exception):
    """The stub was left as it is."""


class Rejection(Exception):
    """An answer that cannot be compared: it says what was found and what was expected."""


class Judge:
    """What all checks share: called with a learner's answer, a check returns a `Verdict` and remembers a pass.

    A check is shown by its exercise and by what it asks for, never with its solution or its mistakes.
    """

    exercise: str

    def judge(self, attempt: object) -> Verdict:
        """The verdict; raises Unanswered for a stub, Rejection for an answer that cannot be compared."""
        raise NotImplementedError

    def __call__(self, attempt: object, remember: bool = True) -> Verdict:
        """The verdict on a learner's answer.

        A pass is written down for the learner (`progress.remember`). With `remember=False` it is not, and the verdict
        says that it is on the course's own solution.
        """
        try:
            verdict = self.judge(attempt)
        except Unanswered:
            verdict = Verdict(self.exercise, "not attempted yet")
        except Rejection as found:
            verdict = Verdict(self.exercise, "rejected", f"{found}")
        if not remember:
            return replace(verdict, exercise=f"{self.exercise}, the solution")
        if verdict.passed:
            progress.remember(self.exercise)
        return verdict

    def says(self) -> list[str]:
        """What the answer is held to, in sentences, without the solution and without the mistakes."""
        raise NotImplementedError

    def __repr__(self):
        return f"Check {self.exercise}: " + "\n".join(self.says())  # what a cell shows that ends in the bare name


@dataclass(frozen=True, repr=False)
class Check(Judge):
    """Judges a function that has the arguments of the solution.

    `cases(rng)` gives the argument tuples; `outputs` names what is returned, in order. Values must agree
    within `tolerance`, relative to the largest expected one.
    """

    exercise: str
    law: str
    solution: Callable
    cases: Callable[[np.random.Generator], Sequence[tuple]]
    outputs: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-9

    def says(self) -> list[str]:
        return [self.law]

    def judge(self, attempt: object) -> Verdict:
        cases = self.cases(np.random.default_rng(0))
        wanted = [as_arrays(self.solution(*copy.deepcopy(case))) for case in cases]
        given = [self.ask(attempt, case) for case in cases]
        objections = [self.objection(g, w) for g, w in zip(given, wanted, strict=True)]
        if not any(objections):
            return Verdict(self.exercise, "passed", f"The law holds. {self.law}")
        first, case = next((o, c) for o, c in zip(objections, cases, strict=True) if o)
        text = f"{first}, for {self.describe(case)}.\nThe law is: {self.law}"
        mistake = self.recognise(cases, given, wanted)
        if mistake:
            text += f"\nThis is a known mistake: {mistake.name}. {mistake.why} See {mistake.see}."
        return Verdict(self.exercise, "rejected", text, mistake.name if mistake else "")

    def ask(self, attempt: object, case: tuple) -> list[np.ndarray]:
        """What the attempt returns for one case, as arrays; raises Unanswered for a stub, Rejection for no answer."""
        if attempt is None or attempt is ...:
            raise Unanswered
        if not callable(attempt):
            raise Rejection(f"The answer is {attempt!r}; expected a function of ({', '.join(self.arguments())}).")
        mine = copy.deepcopy(case)
        try:
            returned = attempt(*mine)
        except NotImplementedError:
            raise Unanswered from None
        except Exception as error:
            raise Rejection(self.describe_error(error, case)) from None
        if returned is ... or (returned is None and is_untouched_stub(attempt)):
            raise Unanswered
        if returned is None:
            raise Rejection(f"It returns None, for {self.describe(case)}; expected {', '.join(self.outputs)}. "
                            "Is a return missing?")
        self.refuse_changed_arguments(case, mine)
        return self.unpack(returned)

    def describe_error(self, error: Exception, case: tuple) -> str:
        """A sentence about an error of an attempt: what it raised and where, or which arguments it does not take."""
        _, *inside = traceback.extract_tb(error.__traceback__)
        if not inside:
            return f"It cannot be called with ({', '.join(self.arguments())}): {error}."
        return f"It raised {type(error).__name__}: {error}\nin the line `{inside[-1].line}`, for {self.describe(case)}."

    def refuse_changed_arguments(self, case: tuple, after: tuple) -> None:
        for name, old, new in zip(self.arguments(), case, after, strict=True):
            if not np.array_equal(old, new):
                raise Rejection(f"It changes its argument {name} in place. The caller still needs {name}: "
                                "compute the result anew.")

    def unpack(self, returned) -> list[np.ndarray]:
        """A returned value as one array for each of the outputs; raises Rejection where their number is another.

        An array or a list may stand for a single output, a tuple may not.
        """
        parts = list(returned) if isinstance(returned, tuple | list) or np.ndim(returned) else [returned]
        if len(self.outputs) == 1 and not isinstance(returned, tuple):
            parts = [returned]
        if len(parts) != len(self.outputs):
            found = (f"one array of shape {tuple(returned.shape)}" if hasattr(returned, "shape")
                     else "one value" if len(parts) == 1 else f"{len(parts)} values")
            raise Rejection(f"It returns {found}; expected {len(self.outputs)}: {', '.join(self.outputs)}.")
        return [numbers(name, part) for name, part in zip(self.outputs, parts, strict=True)]

    def objection(self, given: list[np.ndarray], wanted: list[np.ndarray]) -> str:
        """A clause about the first output of one case that is wrong; an empty text if all are right."""
        for name, g, w in zip(self.outputs, given, wanted, strict=True):
            if g.shape != w.shape:
                return f"{name} has shape {g.shape}, expected {w.shape}"
            if w.dtype.kind == g.dtype.kind == "f" and g.dtype != w.dtype:
                return f"{name} has dtype {g.dtype}, expected {w.dtype} (in PyTorch, .double())"
            if not close(g, w, self.tolerance).all():
                return f"{name}{worst_entry(g, w)}"
        return ""

    def recognise(self, cases, given, wanted) -> Mistake | None:
        """The known mistake that explains what the learner gave, if there is one.

        It gives the same digits in every case; or it is a mistake of rounding, and it fails in the same cases.
        """
        for mistake in self.mistakes:
            with np.errstate(all="ignore"):
                theirs = [as_arrays(mistake.wrong(*copy.deepcopy(case))) for case in cases]
            if mistake.rounding:
                same = [bool(self.objection(t, w)) == bool(self.objection(g, w))
                        for t, g, w in zip(theirs, given, wanted, strict=True)]
            else:
                same = [self.same_values(t, g) for t, g in zip(theirs, given, strict=True)]
            if all(same):
                return mistake
        return None

    def same_values(self, theirs: list[np.ndarray], given: list[np.ndarray]) -> bool:
        return all(t.shape == g.shape and close(g, t, 100 * self.tolerance).all()
                   for t, g in zip(theirs, given, strict=True))

    def arguments(self) -> list[str]:
        return list(inspect.signature(self.solution).parameters)

    def describe(self, case: tuple) -> str:
        parts = [f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else
                 f"{name} = {getattr(value, '__name__', value)}"
                 for name, value in zip(self.arguments(), case, strict=True)]
        return ", ".join(parts)


def is_untouched_stub(attempt: Callable) -> bool:
    """Whether a function's body does nothing, like the `...` in the stubs of the course."""
    code, nothing = getattr(attempt, "__code__", None), (lambda: ...).__code__
    return code is not None and len(code.co_code) == len(nothing.co_code)


def numbers(name: str, part) -> np.ndarray:
    """A returned value as an array; name is that of the value. Raises Rejection unless it holds real numbers."""
    try:
        array = np.asarray(part.detach() if hasattr(part, "detach") else part)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Rejection(f"{name} cannot be read as an array; expected numbers. {error}") from None
    if array.dtype.kind == "c":
        raise Rejection(f"{name} is complex ({array.dtype}); expected real numbers.")
    if array.dtype.kind not in "fiub":
        raise Rejection(f"{name} is of type {type(part).__name__}; expected numbers.")
    return array


def worst_entry(given: np.ndarray, wanted: np.ndarray) -> str:
    """A clause that names the entry with the largest error, with enough digits to see the error."""
    off = np.abs(np.subtract(given, wanted, dtype=float))
    place = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    found, expected = distinct_texts(given[place], wanted[place])
    return f"{[int(i) for i in place] or ''} is {found}, expected {expected}"


def distinct_texts(given: np.generic, wanted: np.generic) -> tuple[str, str]:
    """Two different values as two different texts, with 6, 9, 12 or 17 digits; booleans and whole numbers as such."""
    if wanted.dtype.kind == "b":
        return f"{bool(given)}", f"{bool(wanted)}"
    if all(float(v).is_integer() and abs(v) < 1e15 for v in (given, wanted)):
        return f"{int(given)}", f"{int(wanted)}"
    digits = next((d for d in (6, 9, 12) if f"{given:.{d}g}" != f"{wanted:.{d}g}"), 17)
    return f"{given:.{digits}g}", f"{wanted:.{digits}g}"


def as_arrays(returned) -> list[np.ndarray]:
    """A function's return value as a list of arrays, one for each thing returned."""
    return [np.asarray(part) for part in (returned if isinstance(returned, tuple | list) else (returned,))]


def close(given: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays agree, entry by entry, as an array of booleans.

    They agree within the tolerance times the largest finite wanted value, or times 1 if that value is below 1.
    """
    finite = wanted[np.isfinite(wanted)]
    scale = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
    return np.asarray(np.isclose(given, wanted, rtol=0, atol=tolerance * scale, equal_nan=True))
