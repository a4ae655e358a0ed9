"""The parts of README.md that are made and not written: two tables from the ledgers, the pictures from lessons.

A lesson's code cell tagged `readme` gives a picture, which is named as the lesson is; `refresh` writes the tables and
the pictures, `stale` says which differ.
"""

import base64
import json
import re
from pathlib import Path

from bncourse import explanations, paper
from bncourse.paths import INSTALLED, ROOT

README = ROOT / "README.md"
PICTURES = ROOT / "pictures"
MAP = re.compile(r"(?<=<!-- map -->\n).*?(?=<!-- /map -->)", re.S)
EXPLANATIONS = re.compile(r"(?<=<!-- explanations -->\n).*?(?=<!-- /explanations -->)", re.S)


def with_map(text: str) -> str:
    """The README with its map made anew from the ledger."""
    return MAP.sub(lambda _: paper.section_map() + "\n", text)


def with_explanations(text: str) -> str:
    """The README with its table of explanations made anew."""
    return EXPLANATIONS.sub(lambda _: explanations.table() + "\n", text)


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


def stale() -> list[str]:
    """What `refresh` would change, and the pictures that README.md does not show; nothing outside a clone."""
    if INSTALLED:
        return []
    text, wanted = README.read_text(encoding="utf-8"), pictures()
    kept = {path.name: path.read_bytes() for path in PICTURES.glob("*.png")}
    found = [] if with_map(text) == text else ["README.md: the map differs from data/paper/claims.toml"]
    if with_explanations(text) != text:
        found.append("README.md: the explanations differ from data/paper/explanations.toml")
    found += [f"pictures/{name} differs from the lesson's" for name in sorted(wanted.keys() | kept.keys())
              if wanted.get(name) != kept.get(name)]
    return found + [f"README.md does not show pictures/{name}" for name in wanted if f"(pictures/{name})" not in text]


def refresh() -> None:
    """Make the tables and the pictures anew, in a clone."""
    if INSTALLED:
        return
    text = with_explanations(with_map(README.read_text(encoding="utf-8")))
    README.write_text(text, encoding="utf-8", newline="\n")
    PICTURES.mkdir(exist_ok=True)
    wanted = pictures()
    for path in PICTURES.glob("*.png"):
        if path.name not in wanted:
            path.unlink()
    for name, png in wanted.items():
        (PICTURES / name).write_bytes(png)
