"""What a notebook shows on other processors: it is run as they would compute, and each number that moves is listed.

Two ways, both by environment variables, so that they reach the kernel and the processes that it starts. *Draws* move
each normally distributed number (initial weights, above all) and each initial weight of PyTorch by one unit in its
last place, up or down by chance: sitecustomize.py, in this folder, does so wherever Python starts with it on its
path. *Processors* choose the instructions that OpenBLAS, NumPy and PyTorch use, and the number of threads.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from bncourse import comparison, notebooks

HERE = Path(__file__).parent
OLD_NUMPY = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR X86_V3"}
PROCESSORS = {
    "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem", "ATEN_CPU_CAPABILITY": "default", **OLD_NUMPY},
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"},
    "Zen": {"OPENBLAS_CORETYPE": "Zen", "OMP_NUM_THREADS": "2"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
}


class Difference(NamedTuple):
    """What a cell shows otherwise now: the cell's id, in words how, and whether that is too far to pass."""

    cell: str
    what: str
    far: bool


def variants(draws: int, processors: bool) -> dict[str, dict[str, str]]:
    """The environments to run under, by name: `draws` of moved weights, and each imitated processor if asked for."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    moved = {f"draw {draw}": {"PYTHONPATH": path, "BNCOURSE_DRAW": str(draw)} for draw in range(draws)}
    return moved | (imitable() if processors else {})


def imitable() -> dict[str, dict[str, str]]:
    """The processors that this one can imitate: OpenBLAS uses AVX-512 when told to, whether it is there or not."""
    flags = Path("/proc/cpuinfo")
    lacking = flags.exists() and "avx512f" not in flags.read_text(encoding="utf-8")
    return {name: variables for name, variables in PROCESSORS.items() if not (lacking and name == "SkylakeX")}


def differences(path: Path, variables: Mapping[str, str]) -> list[Difference]:
    """What a notebook shows otherwise under these environment variables than is stored; or the cell that fails."""
    stored = notebooks.read(path)
    try:
        now = notebooks.run(path, {"BNCOURSE_DATASET": "glyphs", **variables})
    except notebooks.NotebookError as error:
        return [Difference("a cell fails", str(error), True)]
    return [difference for new, old in zip(now.cells, stored.cells, strict=True) if new.cell_type == "code"
            for difference in _of_cell(new, old)]


def _of_cell(new: NotebookNode, old: NotebookNode) -> Iterator[Difference]:
    if len(new.outputs) != len(old.outputs):
        yield Difference(old.id, f"{len(new.outputs)} outputs, {len(old.outputs)} stored", True)
        return
    for now, stored in zip(new.outputs, old.outputs, strict=True):
        for place, text in comparison.texts(now).items():
            yield from _of_text(old, text, comparison.texts(stored).get(place, ""))
    drawn, kept = comparison.pictures(new.outputs), comparison.pictures(old.outputs)
    far = list(comparison.different_pictures(drawn, kept))
    yield from (Difference(old.id, sentence, True) for sentence in far)
    for each in [] if far else map(comparison.distance, drawn, kept):
        if each:
            yield Difference(old.id, f"a picture by {each:.3f} of {comparison.GREY_LEVELS} grey levels", False)


def _of_text(cell: NotebookNode, now: str, stored: str) -> Iterator[Difference]:
    moved = comparison.moved_numbers(now, stored, cell.metadata.get("tags", []))
    if moved is None:
        pairs = zip(now.splitlines(), stored.splitlines(), strict=False)
        was, is_now = next(((b, a) for a, b in pairs if a != b), (stored, now))
        yield Difference(cell.id, f"{was!r} -> {is_now!r}", True)
    for each in moved or []:
        yield Difference(cell.id, f"{each.stored} -> {each.now}, {each.units} of {each.room} units", each.far)
