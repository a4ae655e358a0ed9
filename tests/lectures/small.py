"""A small lesson with one of everything, for tests to spoil."""

from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bncourse.lectures import lessons

QUESTION = """**Question 1.** Is $a=b$ or {a: ~b}?

A. yes, \\#1{space}{space}
B. `no`, for $\\nabla\\ell \\ne 0$

<details><summary>Answer</summary>

**B.** A is what most say; a shift is B's.
</details>""".replace("{space}", " ")


def small_lesson():
    """A lesson with one of everything."""
    def text(source, id, **metadata):
        return new_markdown_cell(source, id=id, metadata=metadata)

    def code(source, id, *outputs, **metadata):
        return new_code_cell(source, id=id, metadata=metadata, execution_count=1, outputs=list(outputs))

    def said():
        return new_output("stream", name="stdout", text="42\n")

    cells = [
        text("# 98 · Small\n\n**Does it *work*?**", "title", slideshow={"slide_type": "slide", "notes": "Ask: why?"}),
        code("import math", "imports", tags=["imports"]),
        text("## 1 Words\n\nText with $x_i$.\n\n<details><summary>Answer</summary>\n\nRead on.\n</details>", "words"),
        code("print(42)", "number", said()),
        text("### Exercise 03.1 · One\n\nDo it.\n\n<details><summary>Hint 1</summary>Look up.</details>", "exercise",
             tags=["exercise"]),
        code("def mine():\n    ...\n\ncheck(mine)", "stub", tags=["stub"]),
        code("def solved():\n    return 42\n\ncheck(solved)", "solution", said(), tags=["solution"],
             jupyter={"source_hidden": True}),
        text(QUESTION, "question", tags=["question"], slideshow={"slide_type": "subslide"}),
    ]
    return lessons.Lesson(Path("98_small.ipynb"), "98", "Small", "Does it *work*?", new_notebook(cells=cells))
