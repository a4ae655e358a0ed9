"""What pages refer to, and how: the glossary, the links of words, questions that answer, the public names."""

import re
import zlib

import pytest

from bncourse.lectures import api, linking, quiz, reference
from bncourse.lectures.questions import bank


def test_the_glossary_has_every_word_that_a_lesson_explains_once_and_in_order(course):
    entries = reference.glossary(course)
    words = [entry.word for entry in entries]
    assert words == sorted(words, key=str.lower) and len(set(entry.anchor for entry in entries)) == len(entries)
    assert {"whitening", "patch", "ghost batch norm", "mini-batch"} <= set(words)
    shown = {entry.word: [lesson.number for lesson, _ in entry.meanings] for entry in entries}
    assert shown["population statistics"] == ["00", "05", "09"]
    assert 'lang="ko"' in next(entry for entry in entries if entry.word == "mean").elsewhere


def test_a_claim_is_a_link_and_what_only_looks_like_one_is_not():
    page = "<p>C7 and C61, not C62, XC7 or <code>C7</code>, $C7$</p><h2>C1</h2><a href='#'>C2</a>"
    found = linking.to_claims(page, "claims.html")
    assert re.findall(r'claims.html#(\w+)">\1</a>', found) == ["C7", "C61"]
    assert re.sub(r'<a href="claims[^>]*>(\w+)</a>', r"\1", found) == page


def test_the_first_place_of_a_word_is_a_link_and_no_other():
    words = [("whitening", "whitening"), ("step", "step"), ("moving average", "moving-average")]
    page = "<h2>Whitening</h2><p>Whitening, whitening, a Moving average; stepping, $step$.</p>"
    found = linking.to_words(page, words, "g.html")
    assert found.count("<a ") == 2 and '<p><a class="word" href="g.html#whitening">Whitening</a>, whitening' in found
    assert '<a class="word" href="g.html#moving-average">Moving average</a>' in found
    assert re.sub(r"</?a[^>]*>", "", found) == page


@pytest.mark.parametrize("reason", [True, False])
def test_a_question_knows_its_answer_and_does_not_say_it(small, reason):
    question, = bank([small])
    form = quiz.form(question, reason)
    right = re.search(r'data-right="(\w+)"', form)[1]
    values = re.findall(r'value="(\w+)"', form)
    assert [f"{zlib.crc32(f'{value}|98.1'.encode()):08x}" == right for value in values] == [False, True]
    assert right not in values and ("is what most say" in form) == reason


def test_a_docstring_keeps_its_tables_and_lists():
    lines = ["Text |x|:", "    a  b", "    c  d", "more", "- one", "  goes on", "- two", "end"]
    api.as_written(lines)
    told = "\n".join(lines)
    assert told == "Text \\|x\\|:\n\n::\n\n    a  b\n    c  d\n\nmore\n\n- one\n  goes on\n- two\n\nend"
