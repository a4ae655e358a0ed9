"""Every check of the course accepts its solution and rejects, by name, each mistake it knows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bncourse import checks
from bncourse.checks.frame import Check, Mistake, outcome
from bncourse.checks.mistakes.layers import MEMORY
from bncourse.checks.values import as_arrays

EXERCISES = checks.exercises()
FUNCTIONS = [c for c in EXERCISES.values() if isinstance(c, Check)]
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
    assert mistake.see in repr(verdict) and check.law not in verdict.text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
@pytest.mark.parametrize("stub", [None, ..., lambda *a: None, lambda *a: ...], ids=["None", "...", "None()", "...()"])
def test_a_stub_left_alone_is_not_attempted(check, stub):
    assert check(stub).state == "not attempted yet"


@pytest.mark.parametrize("mistakes", [*(check.mistakes for check in FUNCTIONS), MEMORY])
def test_no_two_mistakes_have_one_name(mistakes):
    names = [mistake.name for mistake in mistakes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("check", EXERCISES.values(), ids=ids)
def test_the_bare_name_of_a_check_shows_what_it_asks_for_and_nothing_of_the_key(check):
    shown = repr(check)
    laws = [law.says for law in getattr(check, "laws", ())]
    sentences = [statement.says for statement in getattr(check, "sentences", {}).values()]
    assert shown.startswith(f"Check {check.exercise}: ")
    assert all(text in shown for text in [*getattr(check, "outputs", ()), *laws, *sentences])
    hidden = [check.law] if isinstance(check, Check) else []
    hidden += [text for mistake in getattr(check, "mistakes", ()) for text in (repr(mistake.name), mistake.why)]
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
def test_digits_of_float32_are_enough_and_those_of_float16_are_not(check):
    if as_arrays(check.solution(*check.case(0)))[0].dtype.kind != "f":
        return
    assert check(changed(check, lambda y: y.astype(np.float32))).passed
    with np.errstate(over="ignore"):
        verdict = check(changed(check, lambda y: y.astype(np.float16)))
    assert verdict.passed or "float16" in verdict.text


def test_float32_where_its_digits_do_not_suffice_is_told_so():
    check = EXERCISES["03.1"]

    def in_float32(*case):
        x, gamma, beta, eps = map(np.float32, case)
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta

    early = check(in_float32)
    assert early.state == "rejected" and "it has dtype float32, which keeps about 6 digits" in early.text
    between = check(lambda *case: check.solution(*case).astype(np.float32).astype(float))
    assert between.state == "rejected" and "in float32" in between.text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_the_law_is_for_those_who_found_it(check):
    assert check.law in check(check.solution).text
    assert check.law not in check(changed(check, lambda y: y[None])).text


@pytest.mark.parametrize("check", FUNCTIONS, ids=ids)
def test_a_rejection_says_how_to_get_the_case_and_it_is_that_case(check):
    text = check(changed(check, lambda y: y[None])).text
    assert f"{check.name()}.case(0) gives these arguments." in text and check.name() != "check"
    assert f"exercise {check.exercise}" in text
    count = len(check.cases(np.random.default_rng(0)))
    assert check.describe(check.case(0)) in text
    with pytest.raises(IndexError, match=f"there is no case {count}; .* 0 to {count - 1}"):
        check.case(count)


SEVERAL = [check for check in FUNCTIONS if len(check.outputs) > 1]


@pytest.mark.parametrize("check", SEVERAL, ids=ids)
def test_outputs_are_judged_in_their_order_and_those_before_the_first_wrong_one_are_praised(check):
    def answer(*case):
        *right, last = as_arrays(check.solution(*case))
        return (*right, last[None])

    *right, last = check.outputs
    assert check(answer).text.startswith(f"Right so far: {', '.join(right)}.\n{last} has shape")


@pytest.mark.parametrize("check", SEVERAL, ids=ids)
def test_outputs_that_are_still_none_are_open_and_not_wrong(check):
    verdict = check(lambda *case: (as_arrays(check.solution(*case))[0], *[None] * (len(check.outputs) - 1)))
    assert verdict.state == "right so far" and f"Still open: {check.outputs[1]}." in verdict.text


def test_a_mistake_is_named_though_later_outputs_are_open():
    check = EXERCISES["04.1"]
    wrong = next(mistake for mistake in check.mistakes if mistake.name == "gamma forgotten")
    assert check(lambda *case: (wrong.wrong(*case)[0], *[None] * 5)).mistake == wrong.name


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
    every = [[outcome(f, case) for case in cases] for f in (check.solution, *(m.wrong for m in check.mistakes))]
    for i, one in enumerate(every):
        for other in every[i + 1:]:
            assert not all(alike(check, a, b) for a, b in zip(one, other, strict=True))


def alike(check, one, other):
    """Whether two outcomes of a case are the same: the same error, or the same values."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other) and str(one) == str(other)
    return check.same_values(one, other)


def test_an_unknown_mistake_is_rejected_without_a_name_and_with_the_first_number():
    verdict = EXERCISES["03.1"](lambda x, gamma, beta, eps: np.full_like(x, 7.0))
    assert verdict.state == "rejected" and verdict.mistake == ""
    assert "] is 7, expected" in verdict.text


def test_a_mistake_that_raises_an_error_is_named_by_the_error():
    class Raises(Exception):
        pass

    def raising(*arguments):
        raise Raises("rows are examples")

    check = EXERCISES["03.1"]
    check = replace(check, mistakes=(Mistake("rows and columns exchanged", "Why.", "where", raising), *check.mistakes))
    verdict = check(raising)
    assert verdict.mistake == "rows and columns exchanged" and "Raises: rows are examples" in verdict.text
    assert check(lambda *case: check.solution(*case) + 1).mistake == ""


def test_an_error_of_another_size_is_not_taken_for_rounding():
    check = EXERCISES["03.1"]
    assert "one-pass variance" in [mistake.name for mistake in check.mistakes]
    verdict = check(lambda *case: check.solution(*case) * (1 + 1e-8))
    assert verdict.state == "rejected" and verdict.mistake == ""


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
    assert "gamma is of type NoneType; expected numbers" in EXERCISES["03.2"](lambda x, eps: (None, x.mean(0))).text
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
