"""What is made and not written of README.md and CLAIMS.md: counts, tables, the ledger, and pictures from lessons.

A made part stands between two comments that name it. A lesson's code cell tagged `readme` gives a picture, which is
named as the lesson is; the explorer of the lesson `SHOWN_FIRST` gives one that moves. `refresh` writes all of it,
`stale` says what differs.
"""

import base64
import io
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from bncourse import comparison, explanations, paper
from bncourse.explorers.frames import positions
from bncourse.lectures import frames, lessons
from bncourse.paths import INSTALLED, ROOT

README = ROOT / "README.md"
CLAIMS = ROOT / "CLAIMS.md"
PICTURES = ROOT / "pictures"
COLORS = 32
DPI = 120  # of the picture that moves
STEP, LAST_STEP = 900, 3000  # milliseconds that a frame stays


def lessons_table() -> str:
    """Markdown: each lesson with its question, the minutes of reading and the parts of the paper; then their sum.

    Where the course page is published, each lesson leads to its page and its slides too.
    """
    found, published = lessons.find(), address()
    ways = {"page": "lessons", "slides": "slides"} if published else {}
    head = ("lesson", "question", "minutes", "paper", *ways)
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for each in found:
        more = (f"[{way}]({published}/{folder}/{each.name}.html)" for way, folder in ways.items())
        row = (f"[{each.number} · {each.title}](notebooks/{each.path.name})", each.question, str(each.minutes or ""),
               without_links(each.paper), *more)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, "", f"{len(found)} lessons, {sum(each.minutes or 0 for each in found)} minutes of "
                      "reading, exercises apart."])


def address() -> str:
    """That of the published course page: the `Page` of pyproject.toml's urls, or "" where there is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"].get("Page", "").rstrip("/")


def without_links(text: str) -> str:
    """A Markdown text with the words of its links alone."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)


def fates() -> str:
    """Markdown: each of the paper's explanations, whether it survived, and links to the lesson and the claims."""
    files = notebook_files()
    lines = ["| the paper's explanation | today | lesson | claims |", "|---|---|---|---|"]
    for each in explanations.explanations().values():
        claims = ", ".join(f"[{id}](CLAIMS.md#{id.lower()})" for id in each.claims)
        lesson = f"[{each.lesson}](notebooks/{files[each.lesson]})"
        lines.append(f"| {each.says} | **{each.status}** | {lesson} | {claims} |")
    return "\n".join(lines)


def ledger() -> str:
    """Markdown: each claim, what was measured, the verdict, and links to the lessons that show it and to the tests."""
    parts, section = [], ""
    for claim in paper.claims().values():
        if claim.section != section:
            section = claim.section
            parts.append(f"## {section if section[0].isalpha() else f'Section {section}'}")
        parts.append(f'<a id="{claim.id.lower()}"></a>**{claim.id} · {claim.verdict}.** {claim.says}')
        if claim.measured:
            parts.append(f"*Measured here:* {claim.measured.removesuffix('.')}.")
        parts.append(places(claim))
    return "\n\n".join(parts)


def places(claim: paper.Claim) -> str:
    """Where a claim is shown, which functions compute it, and which tests hold it, on one line of Markdown."""
    files = notebook_files()
    shown = [f"[lesson {place.notebook}](notebooks/{files[place.notebook]}), *{place.section}*"
             for place in claim.shown]
    functions = [f"`{name.removeprefix('bncourse.')}`" for name in claim.function]
    tests = dict.fromkeys(place.test.partition("::")[0] for place in claim.shown)
    held = [f"[{Path(test).stem}]({test})" for test in tests]
    return " · ".join("; ".join(group) for group in (shown, functions, held) if group)


def notebook_files() -> dict[str, str]:
    """The names of the notebooks by the numbers of their lessons."""
    return {path.name[:2]: path.name for path in lessons.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}


MADE = {README: {"counts": paper.counted, "lessons": lessons_table, "explanations": fates},
        CLAIMS: {"counts": paper.counted, "explanations": explanations.table, "ledger": ledger}}


def with_part(text: str, name: str, made: str) -> str:
    """The text with what stands between the comments of this name replaced."""
    return re.sub(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", lambda _: made + "\n", text, flags=re.S)


def pictures(notebooks: Path = ROOT / "notebooks") -> dict[str, bytes]:
    """The PNG of each cell tagged `readme`, by its file name, "rate_and_scale.png" for 07_rate_and_scale.ipynb.

    Raises ValueError where a lesson has several such cells, or such a cell has no picture.
    """
    found = {}
    for path in sorted(notebooks.glob("*.ipynb")):
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
                 if "readme" in cell["metadata"].get("tags", [])]
        stored = [png for cell in cells for output in cell["outputs"]
                  if (png := output.get("data", {}).get("image/png"))]
        if len(stored) != len(cells) or len(cells) > 1:
            raise ValueError(f"{path.name} has {len(cells)} cells tagged readme, with {len(stored)} pictures; "
                             "expected one of each, or none")
        found |= {f"{path.stem[3:]}.png": base64.b64decode(png) for png in stored}
    return found


def moving_picture() -> tuple[str, bytes]:
    """The name and the GIF of the explorer of the lesson `SHOWN_FIRST`, at every stop of its first control.

    Raises `lectures.frames.Stale` where the notebook stores another picture of it.
    """
    lesson, = lessons.find([lessons.SHOWN_FIRST])
    explorer = next(iter(frames.explorers(lesson).values()))
    plot, (name, control) = explorer.plot(DPI), next(iter(explorer.controls.items()))
    drawn = [plot.image({**explorer.initial, name: value}) for value in positions(control)]
    palette = drawn[-1].quantize(COLORS, Image.Quantize.MAXCOVERAGE)  # the last frame has every colour
    first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in drawn)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, loop=0, duration=[STEP] * len(others) + [LAST_STEP])
    return f"{lesson.name[3:]}.gif", file.getvalue()


def pixels(picture: bytes) -> list[np.ndarray]:
    """The frames of a picture that moves, as arrays (height, width, 3)."""
    with Image.open(io.BytesIO(picture)) as image:
        return [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(image)]


def stale() -> list[str]:
    """What `refresh` would change, and the pictures that README.md does not show; nothing outside a clone."""
    if INSTALLED:
        return []
    found = [f"{path.name}: what stands under {name} is not what data/paper and the notebooks give"
             for path, parts in MADE.items() for name, make in parts.items()
             if with_part(text := path.read_text(encoding="utf-8"), name, make()) != text]
    return [*found, *stale_pictures()]


def stale_pictures() -> Iterator[str]:
    """The pictures that are not those of the lessons, and those that README.md does not show."""
    text, wanted = README.read_text(encoding="utf-8"), pictures()
    kept = {path.name: path.read_bytes() for path in PICTURES.iterdir()}
    try:
        name, gif = moving_picture()
    except frames.Stale as complaint:
        yield str(complaint)
        return
    now, before = pixels(gif), pixels(kept.get(name, gif))
    if name not in kept or any(comparison.different_pictures(now, before)):
        yield f"pictures/{name} differs from the lesson's explorer"
    for still in sorted(wanted.keys() | kept.keys() - {name}):
        if wanted.get(still) != kept.get(still):
            yield f"pictures/{still} differs from the lesson's"
    for each in [name, *wanted]:
        if f"pictures/{each}" not in text:
            yield f"README.md does not show pictures/{each}"


def refresh() -> None:
    """Make what is made anew, in a clone. Raises `lectures.frames.Stale`."""
    if INSTALLED:
        return
    for path, parts in MADE.items():
        text = path.read_text(encoding="utf-8")
        for name, make in parts.items():
            text = with_part(text, name, make())
        path.write_text(text, encoding="utf-8", newline="\n")
    PICTURES.mkdir(exist_ok=True)
    name, gif = moving_picture()
    wanted = {name: gif, **pictures()}
    for path in PICTURES.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (PICTURES / name).write_bytes(content)
