"""Cells as HTML: Markdown with its mathematics left for MathJax, code with its words marked, stored outputs."""

import base64
import html
import io
import json
import re
from collections.abc import Callable
from functools import cache

from mistune import BlockState
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode, from_dict
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

Link = Callable[[str], str]


class Renderer(IPythonRenderer):
    """Headings moved down by `deeper` levels, and the addresses of links as `link` gives them; none: plain text."""

    def __init__(self, link: Link = lambda url: url, deeper: int = 0):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.readdress, self.deeper = link, deeper

    def heading(self, text: str, level: int, **attributes) -> str:
        level = min(level + self.deeper, 6)
        return f'<h{level} id="{anchor(text)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        address = self.readdress(url)
        return super().link(text, address, title) if address else text

    def block_math(self, body: str) -> str:
        return f'<span class="display-math">{super().block_math(body)}</span>'


def anchor(heading: str) -> str:
    """The id of a heading, from its text: '3 Algorithm 1, line by line' -> '3-algorithm-1-line-by-line'."""
    plain = re.sub(r"<[^>]*>", "", html.unescape(heading))
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def markdown(text: str, link: Link = lambda url: url, deeper: int = 0) -> str:
    """A Markdown text as HTML."""
    return MarkdownWithMath(renderer=Renderer(link, deeper)).render(text)


def elements(text: str) -> list[dict]:
    """A Markdown text as mistune's elements: paragraphs, lists, tables, headings, pieces of HTML."""
    parsed, _ = MarkdownWithMath(renderer=None).parse(text)
    return [element for element in parsed if element["type"] != "blank_line"]


def element_html(element: dict, link: Link) -> str:
    """One of `elements` as HTML."""
    return MarkdownWithMath(renderer=Renderer(link)).renderer.render_tokens([element], BlockState())


def code_lines(source: str) -> list[str]:
    """Python as HTML, line by line, its words in spans with Pygments' classes."""
    return highlighted(source).split("\n")


@cache
def highlighted(source: str) -> str:
    """The same as one text; kept, because a cell is on up to four decks and pages."""
    return highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")


def code(source: str) -> str:
    return f'<pre class="code"><code>{"<br>".join(code_lines(source))}</code></pre>'.replace("<br>", "\n")


def with_captions(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell, each caption in the metadata of the picture above it, where `picture` finds it."""
    found = []
    for output in outputs:
        if kind(output) == "caption":
            told = {**found[-1].metadata["image/png"], "caption": output.data["text/markdown"]}
            found[-1] = from_dict({**found[-1], "metadata": {"image/png": told}})
        else:
            found.append(output)
    return found


def picture(output: NotebookNode) -> str:
    """A stored picture with its alternative text, inside the page itself, and its caption if it has one.

    Where there are frames, what moves it is with it.
    """
    told = output.get("metadata", {}).get("image/png", {})
    alt, width = html.escape(told.get("alt", "")), told.get("width", 640)
    png = "".join(output.data["image/png"]).replace("\n", "")
    across, down = Image.open(io.BytesIO(base64.b64decode(png))).size
    moves = f' data-frames="{html.escape(json.dumps(told["frames"]))}"' if "frames" in told else ""
    under = f"<figcaption>{inline(told['caption'])}</figcaption>" if "caption" in told else ""
    return (f'<figure{moves} style="--across:{across};--down:{down}">'
            f'<img src="data:image/png;base64,{png}" alt="{alt}" width="{width}">{under}</figure>')


def inline(text: str) -> str:
    """A Markdown text of one paragraph as HTML without the paragraph."""
    return markdown(text).strip().removeprefix("<p>").removesuffix("</p>")


def kind(output: NotebookNode) -> str:
    """picture, caption, markdown or text: how an output is shown."""
    if output.get("metadata", {}).get("caption"):
        return "caption"
    data = output.get("data", {})
    return "picture" if "image/png" in data else "markdown" if "text/markdown" in data else "text"


def shown_text(output: NotebookNode) -> str:
    """The plain text of an output."""
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


def output(stored: NotebookNode, link: Link = lambda url: url) -> str:
    """A stored output as HTML."""
    if kind(stored) == "picture":
        return picture(stored)
    if kind(stored) == "markdown":
        return markdown(stored.data["text/markdown"], link)
    return f'<pre class="output">{html.escape(shown_text(stored).rstrip())}</pre>'
