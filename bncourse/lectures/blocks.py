"""What stands on slides: blocks in pieces, each with the height that it will take at 1280 x 720.

Heights are reckoned, not measured: they follow from the sizes in deck.css and from the width of Source Sans Pro, the
typeface that decks bring with them. They err on the large side; the tests measure every slide in a browser.
"""

import ast
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from nbformat import NotebookNode, from_dict

from bncourse.lectures import markup
from bncourse.lectures.lessons import has_tag, is_hidden, notes, slide_type, text
from bncourse.runs.captions import for_a_room

LINE, GAP = 35, 14  # pixels: a line of text, the space below a block
CHARACTERS = 92  # of text in a line
CODE_LINE, CODE_CHARACTERS, CODE_FRAME = 26, 98, 22
TABLE_LINE, TABLE_CHARACTERS, NARROW, ROW_FRAME = 29, 114, 24, 11
FORMULA, SMALL_FORMULA, FORMULA_FRAME = 78, 48, 20
FIGURE, SHRINKS = 334, 34  # what a picture is given at least, and by how much less where that keeps things together
CAPTION_LINE, CAPTION_CHARACTERS = 26, 118
CONTROLS, IN_A_ROW = 44, 2  # a row of an explorer's controls
ANSWER = '<div class="answer">'


@dataclass(frozen=True)
class Block:
    """HTML that may be divided between its pieces: `before`, then the pieces, then `after`.

    heights are those of the pieces in pixels, frame that of the rest.
    """

    pieces: tuple[str, ...]
    heights: tuple[int, ...]
    before: str = ""
    after: str = ""
    frame: int = GAP
    fragment: bool = False

    @property
    def height(self) -> int:
        return sum(self.heights) + self.frame

    @property
    def html(self) -> str:
        return self.before + "\n".join(self.pieces) + self.after

    @property
    def is_picture(self) -> bool:
        return "<figure" in self.html

    @property
    def is_answer(self) -> bool:
        return self.before.startswith(ANSWER)

    @property
    def announces(self) -> bool:
        """Whether it ends in a colon, so that what follows belongs to it."""
        return re.sub(r"<[^>]*>", "", self.html).rstrip().endswith(":")

    def divide(self, room: int) -> tuple["Block", "Block"] | None:
        """This block as two blocks; the first fits into `room` pixels; None if no piece fits, or if all do."""
        used, count = self.frame, 0
        while count < len(self.pieces) and used + self.heights[count] <= room:
            used, count = used + self.heights[count], count + 1
        if not 0 < count < len(self.pieces):
            return None
        return (replace(self, pieces=self.pieces[:count], heights=self.heights[:count]),
                replace(self, pieces=self.pieces[count:], heights=self.heights[count:]))


@dataclass(frozen=True)
class Start:
    """Where a slide begins: `level` 1 beside the one before, 2 below it; its heading as HTML, the speaker's notes."""

    level: int
    heading: str = ""
    notes: str = ""


def of_lesson(cells: list[NotebookNode], link: markup.Link,
              only: Collection[str] | None = None) -> Iterator[Block | Start]:
    """The blocks of a lesson's slides, with a Start before each slide.

    Imports, hints and evidence are for the notebook only. With `only` the blocks are those of the cells with these ids.
    """
    heading = ""
    for cell in cells:
        if has_tag(cell, "imports") or has_tag(cell, "evidence") or slide_type(cell) in ("skip", "notes"):
            continue
        if slide_type(cell) in ("slide", "subslide"):
            yield Start(1 if slide_type(cell) == "slide" else 2, notes=notes(cell))
        elif has_tag(cell, "solution"):
            yield Start(2, f"{heading}: a solution")
        for part in of_text(cell, link) if cell.cell_type == "markdown" else of_code(cell, link):
            if isinstance(part, Start):
                heading = part.heading
            elif only is not None and cell.id not in only:
                continue
            elif slide_type(cell) == "fragment":
                part = replace(part, fragment=True)
            yield part


def of_text(cell: NotebookNode, link: markup.Link) -> Iterator[Block | Start]:
    """The blocks of a Markdown cell. A heading begins a slide, an answer is a fragment, a hint is left out."""
    answer, hint = False, False
    for element in markup.elements(text(cell)):
        raw = element.get("raw", "") if element["type"] == "block_html" else ""
        if element["type"] == "heading":
            yield Start(2, re.sub(r"</?h\d[^>]*>", "", markup.element_html(element, link)).strip())
            continue
        if "<details" in raw:
            last = raw[raw.rfind("<details"):]
            answer, hint = "<summary>Answer" in last, "<summary>Hint" in last
        inside = re.sub(r"</?details[^>]*>|<summary>.*?</summary>", "", raw).strip()
        if not hint and not (raw and not inside):
            block = of_element(element, link)
            yield replace(block, before=ANSWER + block.before, after=block.after + "</div>",
                          fragment=True) if answer else block
        if raw.rfind("</details>") > raw.rfind("<details"):
            answer = hint = False


def of_code(cell: NotebookNode, link: markup.Link) -> Iterator[Block]:
    """The blocks of a code cell: its pictures and tables, or else its code and output.

    Asserts speak to a reader and not to a room: without a solution they are left out, and with them what only asserts.
    """
    outputs = markup.with_captions(cell.outputs)
    pictures = [output for output in outputs if markup.kind(output) == "picture"]
    yield from map(of_picture, pictures)
    tables = [output for output in outputs if markup.kind(output) == "markdown"]
    for output in tables:
        yield from (of_element(element, link) for element in markup.elements(output.data["text/markdown"]))
    source = cell.source if has_tag(cell, "solution") else without_asserts(cell.source)
    if pictures or tables or not source:
        return
    yield preformatted("code", markup.code_lines(source), source.split("\n"))
    if not (has_tag(cell, "stub") or has_tag(cell, "solution") or is_hidden(cell)):
        for output in cell.outputs:
            if is_progress(output):
                continue
            lines = markup.shown_text(output).rstrip().split("\n")
            yield preformatted("output", [markup.html.escape(line) for line in lines], lines)


def of_picture(output: NotebookNode) -> Block:
    """The block of a picture, with the controls above it and the caption under it, as far as it has them."""
    told = output.get("metadata", {}).get("image/png", {})
    caption = for_a_room(told.get("caption", ""))
    if caption:
        output = from_dict({**output, "metadata": {"image/png": {**told, "caption": caption}}})
    under = CAPTION_LINE * math.ceil(len(caption) / CAPTION_CHARACTERS)
    return Block((markup.picture(output),), (FIGURE + controls_height(output) + under,))


def controls_height(picture: NotebookNode) -> int:
    """The height of the controls that move a picture, and of the button under them; 0 where nothing does."""
    told = picture.get("metadata", {}).get("image/png", {}).get("frames")
    return CONTROLS * math.ceil((len(told["controls"]) + 1) / IN_A_ROW) if told else 0


def without_asserts(source: str) -> str:
    """A source without the statements that only assert, loops over asserts among them; empty if there are no others."""
    lines = source.split("\n")
    for statement in reversed(ast.parse(source).body):
        if only_asserts(statement):
            del lines[statement.lineno - 1:statement.end_lineno]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def is_progress(output: NotebookNode) -> bool:
    """Whether an output is a bar of progress, which says nothing once it has ended."""
    return markup.shown_text(output).startswith("Progress(")


def only_asserts(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.For, ast.With)):
        return all(map(only_asserts, statement.body))
    return isinstance(statement, ast.Assert)


def preformatted(kind: str, lines: list[str], plain: list[str]) -> Block:
    """The block of some code or output, with a line for each piece."""
    heights = tuple(CODE_LINE * max(1, math.ceil(len(line) / CODE_CHARACTERS)) for line in plain)
    return Block(tuple(lines), heights, f'<pre class="{kind}"><code>', "</code></pre>", CODE_FRAME + GAP)


def of_element(element: dict, link: markup.Link) -> Block:
    """The block of a paragraph, a list or a table; lists and tables are in pieces."""
    if element["type"] == "list":
        return of_list(element, link)
    if element["type"] == "table":
        return of_table(element, link)
    return Block((markup.element_html(element, link),), (text_height(element),))


def of_list(element: dict, link: markup.Link) -> Block:
    """The block of a list, with an item for each piece; each item of an ordered list bears its number."""
    tag = "ol" if element["attrs"]["ordered"] else "ul"
    items = [re.sub(r"\A<[ou]l[^>]*>\n|</[ou]l>\n\Z", "", markup.element_html({**element, "children": [item]}, link))
             for item in element["children"]]
    heights = [text_height(item) + 8 for item in element["children"]]
    if tag == "ol":
        first = element["attrs"].get("start", 1)
        items = [item.replace("<li>", f'<li value="{number}">', 1) for number, item in enumerate(items, first)]
    return Block(tuple(items), tuple(heights), f"<{tag}>", f"</{tag}>")


def of_table(element: dict, link: markup.Link) -> Block:
    """The block of a table, with a row for each piece; the head is outside the pieces, so both halves have it."""
    head, body = element["children"]
    whole = markup.element_html(element, link)
    before, rows, after = re.fullmatch(r"(.*<tbody>\s*)(.*?)(\s*</tbody>.*)", whole, re.S).groups()
    cells = [[len(plain(cell)) for cell in row["children"]] for row in body["children"]]
    widths = [max(column) for column in zip(*cells, [len(plain(cell)) for cell in head["children"]], strict=True)]
    heights = [TABLE_LINE * table_lines(row, widths) + ROW_FRAME for row in cells]
    return Block(tuple(re.findall(r"<tr>.*?</tr>", rows, re.S)), tuple(heights), before, after,
                 TABLE_LINE + ROW_FRAME + GAP)


def table_lines(row: list[int], widths: list[int]) -> int:
    """How many lines the highest cell of a row takes; row and widths are in characters.

    Narrow columns take what they need; wide columns share what is left of the line, in proportion to their widths.
    """
    left = TABLE_CHARACTERS - 2 * len(widths)
    if sum(widths) <= left:
        return 1
    rest = left - sum(width for width in widths if width <= NARROW)
    wide = sum(width for width in widths if width > NARROW)
    return max(math.ceil(1.1 * length * wide / width / rest)
               for length, width in zip(row, widths, strict=True) if width > NARROW)


def text_height(element: dict) -> int:
    """The height of a paragraph or of an item: lines of text, and its displayed formulas."""
    formulas = list(displayed_formulas(element))
    text = len(plain(element))
    lines = math.ceil(text / CHARACTERS) + (text > 0 and bool(formulas))
    breaks = sum(child["type"] == "linebreak" for child in element.get("children", []))
    return LINE * (max(lines, 1) + breaks if text else 0) + sum(map(formula_height, formulas))


def displayed_formulas(element: dict) -> Iterator[str]:
    """The displayed formulas of an element, in order."""
    if element["type"] == "block_math":
        yield element["raw"]
    for child in element.get("children", []):
        yield from displayed_formulas(child)


def formula_height(tex: str) -> int:
    rows = [row for row in re.split(r"\\\\(?![a-z])", tex) if row.strip()]
    tall = re.compile(r"\\d?frac|\\sum|\\Big|\\boxed|\\underbrace|\\prod")
    return sum(FORMULA if tall.search(row) else SMALL_FORMULA for row in rows) + FORMULA_FRAME


def plain(element: dict) -> str:
    """About the characters that an element shows; a command of TeX counts as one character."""
    if element["type"] == "inline_math":
        return re.sub(r"\\[a-zA-Z]+\*?|[{}^_\\]", "x", element["raw"]).replace("xx", "x")
    if element["type"] == "block_math":
        return ""
    own = element.get("raw", "") if element["type"] != "block_html" else re.sub(r"<[^>]*>", "", element["raw"])
    return own + "".join(plain(child) for child in element.get("children", []))
