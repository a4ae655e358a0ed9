"""Questions that answer a click: radio buttons whose order each visit shuffles, and a word on the choice.

A page for students does not give the reasons away, and holds no letter of an answer: an option carries a number that
only tells whether it is the right one. Whoever wants to find it out can, as by clicking.
"""

import zlib

from bncourse.lectures.gift import with_texts
from bncourse.lectures.markup import inline, markdown
from bncourse.lectures.questions import Question


def form(question: Question, reason: bool) -> str:
    """A question as HTML: its text, its options, and with `reason` why the answer is right."""
    name = f"q{question.name.replace('.', '-')}"
    options = "\n".join(f'<label><input type="radio" name="{name}" value="{mark(question.name, text)}"> '
                        f"<span>{inline(text)}</span></label>" for text in question.options.values())
    why = f'<div class="why" hidden>{markdown(with_texts(question))}</div>' if reason else ""
    right = mark(mark(question.name, question.options[question.answer]), question.name)
    return (f'<fieldset class="quiz" data-name="{question.name}" data-right="{right}">'
            f"<legend>Question {question.name}</legend>{markdown(question.text)}\n<div class='options'>{options}</div>"
            f'<p class="verdict-line" role="status"></p>{why}</fieldset>')


def mark(salt: str, text: str) -> str:
    """A number for a text, the one that site.js computes too: CRC-32 in hexadecimal digits."""
    return f"{zlib.crc32(f'{salt}|{text}'.encode()):08x}"
