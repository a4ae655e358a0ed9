"""An answer that reaches for its check is told from one that answers."""

import builtins
import sys

import numpy as np
import pytest

from bncourse.checks import frame, start_here, values
from bncourse.checks import minibatch_batchnorm as check
from bncourse.grading import tampering

CHECKS = "bncourse.checks.minibatch_batchnorm"


@pytest.mark.parametrize("source, clause", [
    ("check = print", "redefines check"),
    ("def check(x): ...", "redefines check"),
    ("class check:\n    pair = print", "redefines check"),
    ("for check in []: pass", "redefines check"),
    ("del check", "redefines check"),
    ("check.pair = print", "changes check.pair"),
    ("check.pair.judge = print", "changes check.pair.judge"),
    ("def my_pair(a, b, eps):\n    return check.pair.solution(a, b, eps)", "uses check.pair.solution"),
    ("print(check.pair.law)", "uses check.pair.law"),
    ("from bncourse.checks import frame", "imports bncourse.checks.frame"),
    ("from bncourse.checks.frame import Judge", "imports bncourse.checks.frame.Judge"),
    ("import bncourse.checks.frame as f", "imports bncourse.checks.frame"),
    ("import bncourse.grading.worker", "imports bncourse.grading.worker"),
    ("from bncourse import checks", "imports bncourse.checks"),
])
def test_what_reaches_for_the_check_is_named(source, clause):
    assert tampering.suspicion(source, CHECKS) == clause


@pytest.mark.parametrize("source", [
    "check.pair(my_pair)",
    "x = check.pair.case(0)\nprint(check.pair, check.pair.asks())",
    "from bncourse.checks import minibatch_batchnorm as check",
    "import numpy as np\nfrom bncourse.kernels import mlp",
    "checked = self.check = 3",
])
def test_what_a_learner_may_write_is_not(source):
    assert tampering.suspicion(source, CHECKS) == ""


@pytest.fixture(scope="module")
def before():
    return tampering.snapshot()


@pytest.mark.parametrize("place, name, clause", [
    (frame.Judge, "__call__", "frame.Judge.__call__"),
    (frame.Verdict, "passed", "Verdict.passed"),
    (frame, "close", "frame.close"),
    (np, "isclose", "numpy.isclose"),
    (builtins, "all", "builtins.all"),
    (values.size, "__code__", "values.size.__code__"),
])
def test_what_was_changed_is_named(before, monkeypatch, place, name, clause):
    monkeypatch.setattr(place, name, place.__code__.replace(co_name="x") if name == "__code__" else lambda *_: True)
    found = tampering.changes(before)
    monkeypatch.undo()
    assert found.startswith("changes ") and found.endswith(clause)


def test_what_was_not_changed_is_not(before):
    assert check.pair(check.pair.solution).passed
    assert tampering.changes(before) == ""


def test_a_check_whose_tolerance_or_key_was_changed_is_named(before):
    tolerance, sentences = check.pair.tolerance, start_here.sentences.sentences
    key, sentence = next(iter(sentences.items()))
    try:
        object.__setattr__(check.pair, "tolerance", 1e9)
        assert tampering.changes(before).endswith("minibatch_batchnorm.pair.tolerance")
        object.__setattr__(check.pair, "tolerance", tolerance)
        sentences[key] = frame.replace(sentence, true=not sentence.true)
        assert tampering.changes(before).endswith(f"sentences[{key!r}]")
    finally:
        object.__setattr__(check.pair, "tolerance", tolerance)
        sentences[key] = sentence


def test_who_traces_the_check_is_told_so(before):
    trace = sys.gettrace()
    try:
        sys.settrace(lambda *_: None)
        assert tampering.changes(before) == "traces the check"
    finally:
        sys.settrace(trace)
