"""Sentences to be judged true or false: those that circulate about the paper, with what is right."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bncourse.checks.frame import Judge, Partial, Unanswered, Verdict
from bncourse.checks.values import Rejection


@dataclass(frozen=True)
class Statement:
    """A sentence, whether it is true, and the reason."""

    says: str
    true: bool
    why: str


@dataclass(frozen=True, repr=False)
class Statements(Judge):
    """Judges a dictionary of True and False, one for each sentence; None stands for no answer yet."""

    exercise: str
    sentences: Mapping[str, Statement]

    def asks(self) -> list[str]:
        return ["each of these sentences is to be judged, as true or as false:",
                *(f"{key}  {sentence.says}" for key, sentence in self.sentences.items())]

    def judge(self, answers: object) -> Verdict:
        """A verdict that names the first wrong answer with the reason; raises Partial where some are still open."""
        if answers is None or answers is ...:
            raise Unanswered
        if not isinstance(answers, Mapping):
            raise Rejection(f"The answer is {answers!r}; expected a dictionary, from each of "
                            f"{', '.join(self.sentences)} to True or False.")
        unknown = sorted(set(answers) - set(self.sentences), key=str)
        if unknown:
            return self.rejected(f"There is no sentence {unknown[0]!r}; expected {', '.join(self.sentences)}.")
        given = {key: answers.get(key) for key in self.sentences}
        odd = [key for key, answer in given.items() if not isinstance(answer, bool | np.bool_ | None)]
        if odd:
            return self.rejected(f"Sentence {odd[0]} is {given[odd[0]]!r}; expected True or False.")
        if all(answer is None for answer in given.values()):
            raise Unanswered
        for key, answer in given.items():
            if answer is not None and answer != self.sentences[key].true:
                is_it = "true" if self.sentences[key].true else "false"
                return self.rejected(f"Sentence {key} is {is_it}. {self.sentences[key].why}", mistake=key)
        still_open = [key for key, answer in given.items() if answer is None]
        if still_open:
            raise Partial(f"Right so far. Still open: {', '.join(still_open)}.")
        return Verdict(self.exercise, "passed", f"All {len(given)} are judged rightly.")

    def rejected(self, text: str, mistake: str = "") -> Verdict:
        return Verdict(self.exercise, "rejected", text, mistake)
