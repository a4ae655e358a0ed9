"""The frames of a lesson's explorers, so that sliders move on pages and slides that have no kernel.

A lesson's own cells make its explorers, in a process of its own, on the synthetic data. Eight frames stand in one
image, a sheet, since a WebP stores once what several frames share. Frames are true in two ways. They are kept under a
digest of all that they depend on: the cells, the files of the package that these import, the data of the course and
the versions of what draws. And the first picture of each explorer has to be the one that the notebook stores, which
the tests of notebooks keep true.
"""

import ast
import contextlib
import copy
import functools
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from bncourse import comparison
from bncourse.explorers import Explorer
from bncourse.explorers.frames import described, frames
from bncourse.lectures.lessons import Lesson, has_tag
from bncourse.lectures.slices import free, statements
from bncourse.paths import DATA, ROOT

ROWS = 8  # frames in a sheet
DPI = 150  # less than that of pictures that stand still: a course of frames is to stay below 5 MB
COLORS = 48
PROCESSES = 2
TOLD = "frames.json"
DRAWING = ("numpy", "matplotlib", "pillow", "torch")
REMEDY = "refresh this notebook too, or make slides and pages without frames (--still)"


class Stale(Exception):
    """A lesson whose explorer does not show the picture that the notebook stores, or cannot be made any more."""


def make(lessons: list[Lesson], folder: Path, say: Callable[[str], None] = print) -> dict[str, Path]:
    """The folder of each lesson's frames, by the lesson's name; what the folder does not hold yet is made.

    say is told which lessons are being made. Raises Stale.
    """
    kept = {lesson.name: folder / f"{lesson.name}-{digest(lesson)}" for lesson in lessons}
    missing = [lesson for lesson in lessons if not kept[lesson.name].exists()]
    if missing:
        say(f"drawing the frames of {', '.join(lesson.number for lesson in missing)}, once until their code changes")
    spawn = multiprocessing.get_context("spawn")  # a fresh interpreter, which no other lesson has changed
    with ProcessPoolExecutor(PROCESSES, spawn, max_tasks_per_child=1) as pool:
        done = [pool.submit(draw, lesson, kept[lesson.name]) for lesson in missing]
        for job in done:
            job.result()
    return kept


def digest(lesson: Lesson) -> str:
    """Twelve hexadecimal digits that change with anything that a lesson's frames depend on."""
    cells = [cell.source for cell in lesson.cells if cell.cell_type == "code"]
    files = imported("\n".join([*cells, "import bncourse.lectures.frames"]))
    files |= {path for name in ("paper", "runs") for path in (DATA / name).rglob("*") if path.is_file()}
    found = hashlib.sha256(repr([cells, *((name, version(name)) for name in DRAWING)]).encode())
    for path in sorted(files):
        found.update(path.relative_to(ROOT).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:12]


def imported(source: str) -> set[Path]:
    """The files of the course's package that a source imports, and those that they import."""
    found, waiting = set(), [source]
    while waiting:
        new = files_of(waiting.pop()) - found
        found |= new
        waiting += [path.read_text(encoding="utf-8") for path in new]
    return found


@functools.cache
def files_of(source: str) -> set[Path]:
    """The files of the course's package that a source imports; for `from a.b import c` those of a.b and a.b.c."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {path for path in map(file_of, names) if path}


def file_of(module: str) -> Path | None:
    """The file of a module of the course, or None where the name is not that of one."""
    if not module.startswith("bncourse."):
        return None
    place = ROOT.joinpath(*module.split("."))
    return next(filter(Path.is_file, (place.with_suffix(".py"), place / "__init__.py")), None)


def draw(lesson: Lesson, folder: Path) -> None:
    """Write the sheets of a lesson's explorers and what a page has to know of them; older ones are removed.

    From here on this process works on the synthetic data.
    """
    os.environ["BNCOURSE_DATASET"] = "glyphs"
    draft = Path(tempfile.mkdtemp(prefix=f".{lesson.name}-", dir=made(folder.parent)))
    try:
        told = {id: write(explorer, draft / id) for id, explorer in explorers(lesson).items()}
        (draft / TOLD).write_text(json.dumps(told, indent=1), encoding="utf-8", newline="\n")
        for old in folder.parent.glob(f"{lesson.name}-*"):
            shutil.rmtree(old)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def explorers(lesson: Lesson) -> dict[str, Explorer]:
    """The explorers of a lesson by the ids of their cells, made by no more of the lesson than they need.

    Raises Stale where one does not show the picture that is stored, or what it needs of the lesson raises anything.
    """
    found, names = {}, {"__name__": "lesson"}
    cells = [cell for cell in lesson.cells if cell.cell_type == "code" and not has_tag(cell, "solution")]
    with contextlib.redirect_stdout(io.StringIO()):
        for place, cell in enumerate(cells):
            if not is_explorer(cell.source):
                continue
            *before, shown = ast.parse(cell.source).body
            sources = [*(each.source for each in cells[:place]), *map(ast.unparse, before)]
            try:
                exec("\n".join(statements(sources, free(ast.unparse(shown)))), names)
                found[cell.id] = eval(ast.unparse(shown), names)
            except Exception as error:
                raise Stale(f"{lesson.path.name}: the explorer of cell {cell.id} fails with {type(error).__name__}: "
                            f"{error}; {REMEDY}") from error
            refuse_stale(lesson, cell.outputs, found[cell.id])
    return found


def is_explorer(source: str) -> bool:
    """Whether a cell ends in the call of a function whose name says that it makes an explorer."""
    last = ast.parse(source).body[-1] if source.strip() else None
    return (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)
            and ast.unparse(last.value.func).endswith("_explorer"))


def refuse_stale(lesson: Lesson, stored: list, explorer: Explorer) -> None:
    """Raises Stale where an explorer's first picture is not the one among a cell's stored outputs."""
    data, metadata = explorer._repr_mimebundle_()
    now = comparison.pictures([{"data": data, "metadata": metadata}])
    for difference in comparison.different_pictures(now, comparison.pictures(stored)):
        raise Stale(f"{lesson.path.name}: the explorer's {difference}; {REMEDY}")


def write(explorer: Explorer, folder: Path) -> dict:
    """Write the sheets of an explorer into a new folder. Returns what a page has to know: of `described`, and more.

    size is that of a frame in pixels, rows the number of frames in a sheet, says the titles in each frame.
    """
    folder.mkdir()
    pictures, says = zip(*frames(explorer, DPI), strict=True)
    width, height = pictures[0].size
    for number, start in enumerate(range(0, len(pictures), ROWS)):
        rows = pictures[start:start + ROWS]
        sheet = Image.new("RGB", (width, height * len(rows)))
        for row, picture in enumerate(rows):
            sheet.paste(picture, (0, row * height))
        sheet = sheet.quantize(COLORS, dither=Image.Dither.NONE).convert("RGB")
        sheet.save(folder / f"{number}.webp", lossless=True, quality=80)
    return {**described(explorer), "size": [width, height], "rows": ROWS, "says": says}


def place(lesson: Lesson, source: Path, target: Path, address: str) -> Lesson:
    """Copy a lesson's frames into a folder. Returns the lesson with what a page has to know, in its pictures' metadata.

    source is the lesson's folder of `make`, and address that of target for the page.
    """
    told = json.loads((source / TOLD).read_text(encoding="utf-8"))
    notebook = copy.deepcopy(lesson.notebook)
    for cell in notebook.cells:
        if cell.id in told:
            name = f"{lesson.number}_{cell.id}"
            shutil.copytree(source / cell.id, target / name, dirs_exist_ok=True)
            picture = next(output for output in cell.outputs if "image/png" in output.data)
            picture.metadata["image/png"]["frames"] = {**told[cell.id], "folder": f"{address}{name}/"}
    return replace(lesson, notebook=notebook)


def place_all(lessons: list[Lesson], made: Mapping[str, Path], target: Path, address: str) -> list[Lesson]:
    """The lessons of which frames are made with their frames in place, and the others as they are."""
    return [place(lesson, made[lesson.name], target, address) if lesson.name in made else lesson for lesson in lessons]
