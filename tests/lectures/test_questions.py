"""Every question is read, and comes back from GIFT as it went in."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from bncourse.lectures import gift, questions
from bncourse.lectures.questions import Malformed, bank, markdown, parse

GIFT_SPECIAL = "~=#{}:"


def unescaped(text):
    r"""A piece of GIFT as Moodle reads it: \\ and an escaped sign stand for themselves."""
    assert not re.search(r"(?<!\\)(?:\\\\)*\\[^\\~=#{}:]", text), f"a backslash stands alone in {text!r}"
    return re.sub(r"\\(.)", r"\1", text)


def split(text, signs):
    """The text between signs that are not escaped, each with its sign."""
    parts = re.split(rf"(?<!\\)((?:\\\\)*)([{re.escape(signs)}])", text)
    pieces = [("", parts[0])]
    for slashes, sign, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pieces[-1] = (pieces[-1][0], pieces[-1][1] + slashes)
        pieces.append((sign, rest))
    return pieces


def read(entry):
    """A question in GIFT, by its grammar: ::name::[format]text {=right ~wrong #### why}."""
    found = re.fullmatch(r"::(?P<name>.*?)(?<!\\)::\[html\](?P<rest>.*)", entry, re.S)
    (_, text), (opening, inside), (closing, after) = split(found["rest"], "{}")
    assert (opening, closing, after.strip()) == ("{", "}", "")
    answers, why = re.split(r"(?<!\\)####", inside)
    blank, *options = split(answers, "=~")
    assert not blank[1].strip()
    assert not any(sign for sign, _ in split(text + why, "~=#{}")[1:])
    return {"name": unescaped(found["name"]), "text": unescaped(text.strip()),
            "options": [(sign, unescaped(option.strip())) for sign, option in options], "why": unescaped(why.strip())}


def test_every_lesson_has_five_questions_and_each_is_read(course):
    found = bank(course)
    for lesson in course:
        of_lesson = [question for question in found if question.lesson == lesson.number]
        assert [question.number for question in of_lesson] == [1, 2, 3, 4, 5], lesson.name
        assert all(len(question.options) == 4 and question.why for question in of_lesson), lesson.name


def test_no_letter_is_right_more_often_than_once_in_three_questions(course):
    found = bank(course)
    assert max(Counter(question.answer for question in found).values()) <= len(found) / 3
    for lesson in course:
        answers = Counter(question.answer for question in found if question.lesson == lesson.number)
        assert max(answers.values()) <= 2, lesson.name


def test_the_longest_option_is_seldom_the_right_one(course):
    found = bank(course)
    right_is_longest = [question.name for question in found if len(question.options[question.answer])
                        > max(len(text) for letter, text in question.options.items() if letter != question.answer)]
    assert len(right_is_longest) <= len(found) / 3, right_is_longest


@pytest.mark.parametrize("old, new", [("A. yes", "A) yes"), ("**B.** A is", "**C.** A is"), ("B. `no`", "D. `no`"),
                                      ("**Question 1.**", "Question"), ("</details>", "")])
def test_a_question_of_another_form_is_refused_with_its_place(small, old, new):
    cell = next(cell for cell in small.cells if cell.id == "question")
    cell.source = cell.source.replace(old, new)
    with pytest.raises(Malformed, match=r"98_small.ipynb, (cell question is tagged question; expected|question 1 has)"):
        parse(small, cell)


def test_the_bank_shows_every_question_and_its_answer_apart(small):
    with_answers, without = markdown(bank([small])), markdown(bank([small]), answers=False)
    assert "**98.1** Is $a=b$" in without and "most say" not in without
    assert with_answers.startswith(without.rstrip("\n")) and "**98.1: B.** A is what most say" in with_answers


def test_a_question_comes_back_from_gift(small):
    entry = read(gift.gift(bank([small])).split("\n\n", 1)[1].strip())
    assert entry["name"] == "98.1"
    assert entry["text"] == r"<p>Is \(a=b\) or {a: ~b}?</p>"
    assert entry["options"] == [("~", "<p>yes, #1</p>"), ("=", r"<p><code>no</code>, for \(\nabla\ell \ne 0\)</p>")]


def test_a_reason_names_an_option_by_its_text_since_moodle_shuffles(small):
    entry = read(gift.gift(bank([small])).split("\n\n", 1)[1].strip())
    assert "“yes, #1” is what most say; a shift is" in entry["why"]


def test_a_letter_in_a_formula_names_no_option(small):
    question, = bank([small])
    assert gift.with_texts(replace(question, why="$(B-2)/A$ is less than B.")) == "$(B-2)/A$ is less than “`no`, for " \
        "$\\nabla\\ell \\ne 0$”."


def test_every_question_of_the_course_is_valid_gift_with_one_right_option(course):
    found = bank(course)
    category, *entries = [part for part in gift.gift(found).strip().split("\n\n")]
    assert category == f"$CATEGORY: bncourse/{course[0].number} {course[0].title}"
    entries = [read(entry) for entry in entries if not entry.startswith("$CATEGORY")]
    assert [entry["name"] for entry in entries] == [question.name for question in found]
    for entry, question in zip(entries, found, strict=True):
        signs = "".join("=" if letter == question.answer else "~" for letter in question.options)
        assert "".join(sign for sign, _ in entry["options"]) == signs
        assert "$" not in entry["text"] + entry["why"] + str(entry["options"]), question.name


def test_whatever_is_escaped_comes_back(rng):
    letters = list(GIFT_SPECIAL + "\\nab (")
    for _ in range(300):
        text = "".join(rng.choice(letters, size=8))
        assert unescaped(gift.escape(text)) == text
        assert [sign for sign, _ in split(gift.escape(text), GIFT_SPECIAL)] == [""]


def test_questions_are_frozen(small):
    with pytest.raises(AttributeError):
        bank([small])[0].answer = "A"
    assert isinstance(bank([small])[0], questions.Question)
