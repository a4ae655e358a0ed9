"""Every check of the course accepts its solution and rejects, by name, each mistake it knows."""

import numpy as np
import pytest
import torch

from bncourse import checks
from bncourse.checks.frame import Check, as_arrays
from bncourse.checks.mistakes.layers import MEMORY
from bncourse.checks.statements import Statements

EXERCISES = checks.exercises()
FUNCTIONS = [c for c in EXERCISES.values() if isinstance(c, Check)]
SENTENCES = [c for c in EXERCISES.values() if isinstance(c, Statements)]
MISTAKES = [(c, m) for c in FUNCTIONS for m in c.mistakes]


def ids(value):
    return getattr(value, "exercise", None) or getattr(value, "name", None)


def changed(check, change):
    """The solution with `change` applied to the first thing it returns."""

    def answer(*arguments):
        first, *rest = as_arrays(check.solution(*arguments))
        return (change(first), *rest) if rest else change(first)

    return answer


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_the_solution_passes(check):
    assert check(check.solution).passed


@pytest.mark.parametrize(("check", "mistake"), MISTAKES, ids=ids)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_each_known_mistake_is_rejected_and_named(check, mistake):
    verdict = check(mistake.wrong)
    assert verdict.state == "rejected"
    assert verdict.mistake == mistake.name
    assert mistake.see in repr(verdict)


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
@pytest.mark.parametrize("stub", [None, ..., lambda *a: None, lambda *a: ...], ids=["None", "...", "None()", "...()"])
def test_a_stub_left_alone_is_not_attempted(check, stub):
    assert check(stub).state == "not attempted yet"


@pytest.mark.parametrize("mistakes", [*(check.mistakes for check in FUNCTIONS), MEMORY])
def test_no_two_mistakes_have_one_name(mistakes):
    names = [mistake.name for mistake in mistakes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("check", EXERCISES.values(), ids=ids)
def test_the_bare_name_of_a_check_shows_its_law_and_nothing_of_the_key(check):
    shown = repr(check)
    laws = [law.says for law in getattr(check, "laws", ())]
    sentences = [statement.says for statement in getattr(check, "sentences", {}).values()]
    assert shown.startswith(f"Check {check.exercise}: ")
    assert all(text in shown for text in [getattr(check, "law", ""), *laws, *sentences])
    hidden = [text for mistake in getattr(check, "mistakes", ()) for text in (repr(mistake.name), mistake.why)]
    hidden += [statement.why for statement in getattr(check, "sentences", {}).values()]
    assert not any(text in shown for text in [*hidden, "True", "False", "Mistake(", "<function", " at 0x"])


def test_a_stub_that_raises_not_implemented_is_not_attempted():
    def stub(*arguments):
        raise NotImplementedError

    assert FUNCTIONS[0](stub).state == "not attempted yet"


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_an_answer_without_return_is_told_so(check):
    def answer(*arguments):
        check.solution(*arguments)

    assert "It returns None, for " in check(answer).text and "Is a return missing?" in check(answer).text


def test_none_in_one_case_alone_is_no_untouched_stub():
    check = EXERCISES["12.3"]
    assert "Is a return missing?" in check(lambda *a: check.solution(*a) or None).text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_a_wrong_shape_is_rejected_with_both_shapes(check):
    verdict = check(changed(check, lambda y: y[None]))
    assert verdict.state == "rejected" and "has shape" in verdict.text and "expected" in verdict.text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_a_wrong_dtype_is_rejected_with_both_types(check):
    if as_arrays(check.solution(*check.cases(np.random.default_rng(0))[0]))[0].dtype.kind != "f":
        return
    verdict = check(changed(check, lambda y: y.astype(np.float32)))
    assert verdict.state == "rejected" and "float32" in verdict.text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_an_edit_in_place_is_rejected_and_the_argument_is_named(check):
    cases = check.cases(np.random.default_rng(0))
    place = next((i for i, a in enumerate(cases[0]) if isinstance(a, np.ndarray)), None)
    if place is None:
        return

    def answer(*arguments):
        right = check.solution(*arguments)
        arguments[place][...] += 1
        return right

    assert f"its argument {check.arguments()[place]} in place" in check(answer).text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_no_mistake_is_the_solution_and_no_two_are_alike(check):
    cases = check.cases(np.random.default_rng(0))
    with np.errstate(all="ignore"):
        every = [[as_arrays(f(*case)) for case in cases] for f in (check.solution, *(m.wrong for m in check.mistakes))]
    for i, one in enumerate(every):
        for other in every[i + 1:]:
            assert not all(check.same_values(a, b) for a, b in zip(one, other, strict=True))


def test_an_unknown_mistake_is_rejected_without_a_name_and_with_the_first_number():
    verdict = EXERCISES["03.1"](lambda x, gamma, beta, eps: np.full_like(x, 7.0))
    assert verdict.state == "rejected" and verdict.mistake == ""
    assert "] is 7, expected" in verdict.text and "The law is: " in verdict.text


def test_an_error_in_the_answer_is_reported_with_its_line():
    def answer(x, gamma, beta, eps):
        return x / "two"

    text = EXERCISES["03.1"](answer).text
    assert "TypeError" in text and 'x / "two"' in text


def test_an_answer_with_other_arguments_is_told_which_are_expected():
    text = EXERCISES["03.1"](lambda x, gamma: x).text
    assert text.startswith("It cannot be called with (x, gamma, beta, eps): ") and "2 positional arguments" in text


def test_something_else_than_a_function_is_said_to_be_so():
    assert "expected a function of (x, gamma, beta, eps)" in EXERCISES["03.1"](3).text


def test_a_whole_number_may_come_as_a_float_and_truth_as_0_or_1():
    check = EXERCISES["00.1"]
    assert check(lambda *a: float(check.solution(*a))).passed
    check = EXERCISES["04.3"]
    assert check(lambda backward: np.array(check.solution(backward), dtype=int)).passed


def test_a_whole_number_may_stand_for_a_float_and_is_shown_whole():
    check = EXERCISES["12.3"]
    assert check(lambda *a: check.solution(*a) or 0).passed
    assert " is 84295700, expected " in EXERCISES["11.2"](lambda *a: 84_295_700).text


def test_a_tuple_for_a_single_output_and_a_hole_in_several_are_rejected_in_words():
    check = EXERCISES["03.1"]
    assert "It returns 2 values; expected 1: y" in check(lambda *a: (check.solution(*a), {})).text
    assert "beta is of type NoneType; expected numbers" in EXERCISES["03.2"](lambda x, eps: (x.std(0), None)).text
    assert "expected numbers" in check(lambda *a: [[1, 2], [3]]).text


def test_a_tensor_with_its_graph_is_an_answer_and_what_is_no_real_number_is_said():
    check = EXERCISES["03.1"]
    assert check(lambda *a: torch.tensor(check.solution(*a), requires_grad=True) * 1).passed
    assert "y cannot be read" in check(lambda *a: torch.ones(2, dtype=torch.bfloat16)).text
    assert "y is complex (complex128); expected real numbers" in check(lambda *a: check.solution(*a) + 0j).text


def test_an_array_for_several_outputs_is_named_as_what_it_is():
    text = EXERCISES["03.2"](lambda x, eps: x.std(0)).text
    assert "It returns one array of shape (3,); expected 2: gamma, beta" in text


def test_a_small_difference_is_shown_with_digits_enough_to_see_it():
    text = EXERCISES["03.2"](lambda x, eps: (x.std(0), x.mean(0))).text
    found, expected = text.split(" is ")[1].split(",")[0], text.split("expected ")[1].split(",")[0]
    assert found != expected


def test_too_few_outputs_are_counted_and_named():
    assert "expected 2: gamma, beta" in EXERCISES["03.2"](lambda x, eps: x.std(0)).text


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
    assert "still open" in check({key: sentence.true}).text
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
