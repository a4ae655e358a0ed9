r"""The questions in GIFT, the text format that Moodle imports.

Texts go as HTML, with mathematics between \( and \), which Moodle's MathJax filter takes. GIFT gives ~ = # { } : a
meaning, and \n too: these are escaped with a backslash, and a backslash is doubled, so that TeX survives.
"""

import re

from bncourse.lectures.markup import markdown
from bncourse.lectures.questions import Question

SPECIAL = re.compile(r"[~=#{}:]")
# An option's letter alone; A only where it cannot be the article.
LETTER = re.compile(r"(?<![\w$\\*])([B-Z]|A(?= is\b| and\b| or\b|[,.;]))(?![\w$'=(])")
MATH = re.compile(r"(?<![\\$])\$([^$]+)\$(?!\$)")


def gift(questions: list[Question]) -> str:
    """The whole bank, one category for each lesson. Answers are shuffled by Moodle; the reason is the feedback."""
    parts, lesson = [], ""
    for question in questions:
        if question.lesson != lesson:
            lesson = question.lesson
            parts.append(f"$CATEGORY: bncourse/{lesson} {question.title.replace('/', '//')}")
        parts.append(entry(question))
    return "\n\n".join(parts) + "\n"


def entry(question: Question) -> str:
    """One question in GIFT: its name, its text, each option marked = or ~, and the reason after ####.

    Moodle shuffles the options, so where the reason names one by its letter its text is put there.
    """
    lines = [f"::{escape(question.name)}::[html]{html(question.text)} {{"]
    for letter, text in question.options.items():
        lines.append(f"\t{'=' if letter == question.answer else '~'}{html(text)}")
    return "\n".join([*lines, f"\t####{html(with_texts(question))}", "}"])


def with_texts(question: Question) -> str:
    """Why the answer of a question is right, in Markdown, each option named by its text instead of its letter.

    A letter inside a formula names no option.
    """
    parts = re.split(r"(\$[^$]*\$)", question.why)
    parts[::2] = [LETTER.sub(lambda found: quoted_option(question, found[1]), part) for part in parts[::2]]
    return "".join(parts)


def quoted_option(question: Question, letter: str) -> str:
    return f"“{question.options[letter]}”" if letter in question.options else letter


def html(text: str) -> str:
    """Markdown as HTML on one line, escaped for GIFT."""
    shown = MATH.sub(r"\\(\1\\)", markdown(text)).strip()
    return escape(" ".join(shown.split()))


def escape(text: str) -> str:
    return SPECIAL.sub(lambda found: "\\" + found[0], text.replace("\\", "\\\\"))
