"""Words of a page that lead to where they are explained: the numbers of claims, and the words of the glossary.

The page is taken as text between tags, and only text that is read counts: not that of links, code, headings,
mathematics, summaries, buttons.
"""

import re
from collections.abc import Iterable, Iterator

TAG = re.compile(r"(<[^>]*>)")
MATH = re.compile(r"(\$\$.*?\$\$|\$[^$]*\$)", re.S)
CLOSED = {"a", "code", "pre", "h1", "h2", "h3", "h4", "summary", "button", "label", "legend", "script"}
CLAIM = re.compile(r"\bC([1-9]|[1-5]\d|6[01])\b")


def texts(page: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a page in order, each with whether links may be put into it."""
    inside = 0
    for piece in TAG.split(page):
        if piece.startswith("<"):
            name = re.match(r"</?([a-z0-9]*)", piece)[1]
            if name in CLOSED:
                inside += -1 if piece.startswith("</") else 1
            yield piece, False
        else:
            for place, part in enumerate(MATH.split(piece)):
                yield part, inside == 0 and place % 2 == 0


def to_claims(page: str, address: str) -> str:
    """The page with every number of a claim, such as C12, as a link to the ledger at the address."""
    return "".join(CLAIM.sub(rf'<a href="{address}#\g<0>">\g<0></a>', text) if free else text
                   for text, free in texts(page))


def to_words(page: str, words: Iterable[tuple[str, str]], address: str) -> str:
    """The page with the first place of each word, given with its anchor, as a link to the glossary at the address."""
    left = {word.lower(): anchor for word, anchor in words}
    if not left:
        return page
    any_word = re.compile(r"\b(" + "|".join(sorted(map(re.escape, left), key=len, reverse=True)) + r")\b", re.I)

    def link(found: re.Match) -> str:
        anchor = left.pop(found[0].lower(), None)
        return f'<a class="word" href="{address}#{anchor}">{found[0]}</a>' if anchor else found[0]

    return "".join(any_word.sub(link, text) if free else text for text, free in texts(page))
