"""Blocks spread over slides of 1280 x 720, so that every slide fits.

What is too much for one slide goes on below it, under the same heading and with the same notes. The rule: fill a
slide from the top; what does not fit begins the next one; what would not fit on an empty slide is divided. A picture
gives way a little for its answer; an answer takes its picture along, and a formula the words that announce it; no slide
is left with two lines, where the one before or after has room.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bncourse.lectures.blocks import GAP, LINE, SHRINKS, Block, Start

ROOM = 566  # pixels below the heading
TITLE = 100  # of them that the title of the lesson takes from the first slide
WORTH_DIVIDING = 250  # with less room than this a block that has to be divided begins on the next slide
FEW = 2 * LINE + GAP  # pixels: two lines, too few for a slide


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
        return self.limit - self.height

    @property
    def height(self) -> int:
        return sum(block.height for block in self.blocks)

    @property
    def spare(self) -> int:
        """The pixels that its pictures can give to what belongs to them."""
        return SHRINKS * sum(block.is_picture for block in self.blocks)


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
                page = Page(heading, said, number(heading, found[-1]), ROOM if any(found) else ROOM - TITLE)
                found[-1].append(page)
            part, full = place_on(part, page)
            if full:
                page = Page(heading, said, page.part + 1, blocks=taken_along(page, part))
                found[-1].append(page)
    filled = [[page for page in stack if page.blocks] for stack in found]
    return [without_orphans(stack) for stack in filled if stack]


def number(heading: str, stack: list[Page]) -> int:
    """Which of the slides with this heading the next one is."""
    return 1 + sum(page.heading == heading for page in stack)


def place_on(block: Block, page: Page) -> tuple[Block | None, bool]:
    """Put a block, or the pieces that fit, on a page; returns the rest, and whether the rest needs a new page."""
    if block.height <= page.room + (page.spare if block.is_answer or block.height <= FEW else 0):
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


def taken_along(page: Page, block: Block) -> list[Block]:
    """What leaves the end of a page because the block that begins the next one belongs to it."""
    last = page.blocks[-1]
    belongs = last.announces or (last.is_picture and block.is_answer)
    fits = last.height + block.height <= ROOM + (SHRINKS if last.is_picture else 0)
    return [page.blocks.pop()] if belongs and fits and page.height - last.height > FEW else []


def without_orphans(stack: list[Page]) -> list[Page]:
    """The pages of a stack, none with fewer lines than FEW where its neighbours can help.

    A page that goes on gets something from the one before. What stands alone under a heading goes on to the next page
    where that has a heading of its own: the opening words of the exercises go to the first exercise.
    """
    kept = []
    for page in stack:
        before = kept[-1] if kept else None
        if before and page.height <= FEW and before.heading == page.heading:
            hand_on(before, page)
        elif before and before.height <= FEW and before.heading != page.heading and before.height <= page.room:
            page.blocks[:0] = kept.pop().blocks
        kept.append(page)
    return kept


def hand_on(before: Page, page: Page) -> None:
    """Move the end of a page to the beginning of the next: some pieces of a divided block, or else its last block."""
    last, first = before.blocks[-1], page.blocks[0]
    if len(last.pieces) > 1 and (last.before, last.after) == (first.before, first.after):
        cut = len(last.pieces) // 2
        before.blocks[-1] = replace(last, pieces=last.pieces[:cut], heights=last.heights[:cut])
        page.blocks[0] = replace(first, pieces=last.pieces[cut:] + first.pieces,
                                 heights=last.heights[cut:] + first.heights)
    elif before.height - last.height > FEW and last.height <= page.room + (SHRINKS if last.is_picture else 0):
        page.blocks.insert(0, before.blocks.pop())
