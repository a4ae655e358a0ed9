"""The frame of every check: ask the learner's function, compare, and say which known mistake it made.

A check holds the law, a solution, the cases on which both are asked, and the known mistakes as functions
of the same signature. An answer that differs from the solution and equals a mistake is named by it. The law itself
is shown to those who found it: after a pass.
"""

import copy
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from bncourse.checks import progress
from bncourse.checks.values import Rejection, as_arrays, close, difference, like_errors, numbers, relative_error

ALMOST = 1e-4  # the relative error of an answer whose leading digits are right


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that somebody has published or submitted; `wrong` may raise the error that such an answer raises.

    `rounding` marks one that is wrong only by rounding: its digits depend on the order of the operations,
    so it is recognised by the size of its errors in each case.
    """

    name: str
    why: str
    see: str
    wrong: Callable
    rounding: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a check says: `passed`, `not attempted yet`, `right so far` or `rejected`, and why."""

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


class Partial(Exception):
    """An answer that is right as far as it goes: it says what is right and what is still open."""


class Judge:
    """What all checks share: called with a learner's answer, a check returns a `Verdict` and remembers a pass.

    A check is shown by its exercise and by what it asks for, never with its law, its solution or its mistakes.
    """

    exercise: str

    def judge(self, attempt: object) -> Verdict:
        """The verdict; raises Unanswered for a stub, Partial for a part, Rejection for what cannot be compared."""
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
        except Partial as found:
            verdict = Verdict(self.exercise, "right so far", f"{found}")
        except Rejection as found:
            verdict = Verdict(self.exercise, "rejected", f"{found}")
        if not remember:
            return replace(verdict, exercise=f"{self.exercise}, the solution")
        if verdict.passed:
            progress.remember(self.exercise)
        return verdict

    def asks(self) -> list[str]:
        """What the answer has to be, in sentences that do not give it away."""
        raise NotImplementedError

    def name(self) -> str:
        """How the lesson calls this check: "check.algorithm1", for instance; "check" if no lesson has it."""
        lessons = [module for module in vars(sys.modules[__package__]).values() if isinstance(module, ModuleType)]
        return next((f"check.{name}" for module in lessons for name, value in vars(module).items() if value is self),
                    "check")

    def __repr__(self):
        return f"Check {self.exercise}: " + "\n".join(self.asks())  # what a cell shows that ends in the bare name


@dataclass(frozen=True)
class Objection:
    """What is wrong with an answer to one case: the place of the first wrong output, and a clause about it.

    The clause is empty where that output is still None.
    """

    place: int
    clause: str


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

    def asks(self) -> list[str]:
        return [f"a function of ({', '.join(self.arguments())}) that returns {', '.join(self.outputs)}. "
                f"{self.name()}.case(0) gives arguments that it is tried with."]

    def case(self, number: int) -> tuple:
        """The arguments of a case, 0 for the first; raises IndexError if there is none of this number."""
        cases = self.cases(np.random.default_rng(0))
        if not 0 <= number < len(cases):
            raise IndexError(f"there is no case {number!r}; {self.name()} has the cases 0 to {len(cases) - 1}")
        return cases[number]

    def judge(self, attempt: object) -> Verdict:
        if attempt is None or attempt is ...:
            raise Unanswered
        if not callable(attempt):
            raise Rejection(f"The answer is {attempt!r}; expected a function of ({', '.join(self.arguments())}).")
        cases = self.cases(np.random.default_rng(0))
        wanted = [as_arrays(self.solution(*copy.deepcopy(case))) for case in cases]
        given = []
        for number, case in enumerate(cases):
            try:
                given.append(self.ask(attempt, case))
            except Rejection as found:
                return self.rejection(f"{found}", number, self.recognise_error(found.__cause__, cases))
        found = [self.objection(g, w) for g, w in zip(given, wanted, strict=True)]
        if not any(found):
            return Verdict(self.exercise, "passed", f"The law holds. {self.law}")
        first, number = min(((o, n) for n, o in enumerate(found) if o), key=lambda pair: pair[0].place)
        return self.explain(first, number, cases, given, wanted)

    def explain(self, first: Objection, number: int, cases, given, wanted) -> Verdict:
        """The verdict on an answer whose first objection is to the case of this number."""
        right = ", ".join(self.outputs[:first.place])
        if not first.clause:
            raise Partial(f"Right so far: {right}. Still open: {self.outputs[first.place]}.")
        mistake = self.recognise(cases, given, wanted)
        text = (f"Right so far: {right}.\n" if right else "") + f"{first.clause}, for {self.describe(cases[number])}."
        off = [relative_error(g, w) for pairs in zip(given, wanted, strict=True) for g, w in zip(*pairs, strict=False)]
        if mistake is None and max(off) < ALMOST:
            text += ("\nThe leading digits are right: is something in between computed in float32, by small "
                     "differences, or without a small number such as eps?")
        return self.rejection(text, number, mistake)

    def rejection(self, text: str, number: int, mistake: Mistake | None) -> Verdict:
        """A rejection for the case of this number: the text, how to get the case, and the mistake or the hints."""
        text += f"\n{self.name()}.case({number}) gives these arguments."
        if mistake:
            text += f"\nThis is a known mistake: {mistake.name}. {mistake.why} See {mistake.see}."
        else:
            text += f"\nThe hints are folded under the words of exercise {self.exercise}."
        return Verdict(self.exercise, "rejected", text, mistake.name if mistake else "")

    def ask(self, attempt: Callable, case: tuple) -> list[np.ndarray]:
        """What the attempt returns for one case, as arrays; raises Unanswered for a stub, Rejection for no answer."""
        mine = copy.deepcopy(case)
        try:
            returned = attempt(*mine)
        except NotImplementedError:
            raise Unanswered from None
        except Exception as error:
            raise Rejection(self.describe_error(error, case)) from error
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
        """A returned value as arrays, one for each output up to the first that is still None.

        An array or a list may stand for a single output, a tuple may not. Raises Rejection where the number of
        outputs is another, or where one is no array of numbers.
        """
        parts = list(returned) if isinstance(returned, tuple | list) or np.ndim(returned) else [returned]
        if len(self.outputs) == 1 and not isinstance(returned, tuple):
            parts = [returned]
        if len(parts) != len(self.outputs):
            found = (f"one array of shape {tuple(returned.shape)}" if hasattr(returned, "shape")
                     else "one value" if len(parts) == 1 else f"{len(parts)} values")
            raise Rejection(f"It returns {found}; expected {len(self.outputs)}: {', '.join(self.outputs)}.")
        done = next((n for n, part in enumerate(parts) if part is None or part is ...), len(parts)) or len(parts)
        return [numbers(name, part) for name, part in zip(self.outputs, parts[:done], strict=False)]

    def objection(self, given: list[np.ndarray], wanted: list[np.ndarray]) -> Objection | None:
        """The objection to the first output of one case that is wrong or open; None if all are right."""
        for place, (name, g, w) in enumerate(zip(self.outputs, given, wanted, strict=False)):
            if clause := difference(name, g, w, self.tolerance):
                return Objection(place, clause)
        return Objection(len(given), "") if len(given) < len(wanted) else None

    def recognise(self, cases, given, wanted) -> Mistake | None:
        """The known mistake that explains what the learner gave, if there is one.

        It gives the same digits in every case; or it is a mistake of rounding, and its errors are of the same size.
        """
        for mistake in self.mistakes:
            theirs = [outcome(mistake.wrong, case) for case in cases]
            if any(isinstance(t, Exception) for t in theirs):
                continue
            if all(self.like_rounding(t, g, w) if mistake.rounding else self.same_values(t[:len(g)], g)
                   for t, g, w in zip(theirs, given, wanted, strict=True)):
                return mistake
        return None

    def recognise_error(self, raised: BaseException | None, cases) -> Mistake | None:
        """The known mistake that raises the same error in one of the cases, if there is one."""
        for mistake in self.mistakes if raised else ():
            theirs = [outcome(mistake.wrong, case) for case in cases]
            if any(type(t) is type(raised) and str(t) == str(raised) for t in theirs):
                return mistake
        return None

    def same_values(self, theirs: list[np.ndarray], given: list[np.ndarray]) -> bool:
        return len(theirs) == len(given) and all(
            t.shape == g.shape and close(g, t, 100 * self.tolerance).all() for t, g in zip(theirs, given, strict=True))

    def like_rounding(self, theirs: list[np.ndarray], given: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
        return len(theirs) == len(given) and all(
            like_errors(relative_error(t, w), relative_error(g, w), self.tolerance)
            for t, g, w in zip(theirs, given, wanted, strict=True))

    def arguments(self) -> list[str]:
        return list(inspect.signature(self.solution).parameters)

    def describe(self, case: tuple) -> str:
        parts = [f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else
                 f"{name} = {getattr(value, '__name__', value)}"
                 for name, value in zip(self.arguments(), case, strict=True)]
        return ", ".join(parts)


def outcome(function: Callable, case: tuple) -> list[np.ndarray] | Exception:
    """What a function returns for a case, as arrays, or the error that it raises."""
    try:
        with np.errstate(all="ignore"):
            return as_arrays(function(*copy.deepcopy(case)))
    except Exception as raised:
        return raised


def is_untouched_stub(attempt: Callable) -> bool:
    """Whether a function's body does nothing, like the `...` in the stubs of the course."""
    code, nothing = getattr(attempt, "__code__", None), (lambda: ...).__code__
    return code is not None and len(code.co_code) == len(nothing.co_code)
