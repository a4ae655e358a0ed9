"""Blocks spread over slides of 1280 x 720, so that every slide fits.

What is too much for one slide goes on below it, under the same heading and with the same notes. The rule: fill a
slide from the top; what does not fit begins the next one; what would not fit on an empty slide is divided.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bncourse.lectures.blocks import Block, Start

ROOM = 566  # pixels below the heading
TITLE = 100  # of them that the title of the lesson takes from the first slide
WORTH_DIVIDING = 250  # with less room than this a block that has to be divided begins on the next slide


@dataclass
class Page:
    """One slide: its heading, its blocks, and what the speaker reads beside it."""

    heading: str
    notes: str
    part: int = 1
    limit: int = ROOM
    blocks: list[Block] = field(default_factory=list)

    @property
    def room(self) -> int:
        return self.limit - sum(block.height for block in self.blocks)


def stacks(parts: Iterable[Block | Start]) -> list[list[Page]]:
    """Slides side by side, each a stack of slides one below the other.

    A Start without a heading keeps the heading above it. A Start that no block follows makes no slide; its heading and
    its notes go to the next one.
    """
    found: list[list[Page]] = [[]]
    heading = said = ""
    page = None
    for part in parts:
        if isinstance(part, Start):
            heading, said = part.heading or heading, part.notes or (said if part.level == 2 else "")
            if part.level == 1 and found[-1]:
                found.append([])
            page = None
            continue
        while part is not None:
            if page is None:
                page = Page(heading, said, limit=ROOM if any(found) else ROOM - TITLE)
                found[-1].append(page)
            part, full = place_on(part, page)
            if full:
                page = Page(heading, said, page.part + 1)
                found[-1].append(page)
    return [stack for stack in ([page for page in stack if page.blocks] for stack in found) if stack]


def place_on(block: Block, page: Page) -> tuple[Block | None, bool]:
    """Put a block, or the pieces that fit, on a page; returns the rest, and whether the rest needs a new page."""
    if block.height <= page.room:
        page.blocks.append(block)
        return None, False
    pair = block.divide(page.room) if block.height > page.limit and page.room >= WORTH_DIVIDING else None
    if pair:
        page.blocks.append(pair[0])
        return pair[1], True
    if not page.blocks:  # nothing can be divided off: it stands alone
        page.blocks.append(block)
        return None, False
    return block, True
