"""A check of sentences passes right answers, explains each wrong one, and takes them one at a time."""

import numpy as np
import pytest

from bncourse import checks
from bncourse.checks.statements import Statements

SENTENCES = [c for c in checks.exercises().values() if isinstance(c, Statements)]


def ids(check):
    return check.exercise


@pytest.mark.parametrize("check", SENTENCES, ids=ids)
def test_right_answers_pass_and_each_wrong_one_is_explained(check):
    right = {key: s.true for key, s in check.sentences.items()}
    assert check(right).passed
    for key, sentence in check.sentences.items():
        verdict = check({**right, key: not sentence.true})
        assert verdict.mistake == key and sentence.why in verdict.text


@pytest.mark.parametrize("check", SENTENCES, ids=ids)
def test_sentences_may_be_answered_one_at_a_time(check):
    key, sentence = next(iter(check.sentences.items()))
    assert check({}).state == "not attempted yet"
    part = check({key: sentence.true})
    assert part.state == "right so far" and "Still open: " in part.text
    assert "expected True or False" in check({key: "yes"}).text
    assert "There is no sentence 'zz'" in check({"zz": True}).text
    assert "There is no sentence 1" in check({1: True, "zz": True}).text


@pytest.mark.parametrize("check", SENTENCES, ids=ids)
def test_something_else_than_sentences_is_said_to_be_so(check):
    key = next(iter(check.sentences))
    assert check(None).state == check(...).state == "not attempted yet"
    for answer in ([True, False], {key}, key, 3, len):
        assert "expected a dictionary, from each of " in check(answer).text
    for answer in (1, np.array([True, False]), "True"):
        assert f"Sentence {key} is {answer!r}; expected True or False." in check({key: answer}).text
