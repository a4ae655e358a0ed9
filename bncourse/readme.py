"""The parts of README.md that are made and not written: two tables from the ledgers, the picture from a lesson.

A lesson's code cell tagged `readme` is where the picture comes from; `refresh` writes all, `stale` says which differ.
"""

import base64
import json
import re
from pathlib import Path

from bncourse import explanations, paper
from bncourse.paths import ROOT

README = ROOT / "README.md"
PICTURE = ROOT / "pictures" / "same_numbers.png"
MAP = re.compile(r"(?<=<!-- map -->\n).*?(?=<!-- /map -->)", re.S)
EXPLANATIONS = re.compile(r"(?<=<!-- explanations -->\n).*?(?=<!-- /explanations -->)", re.S)


def with_map(text: str) -> str:
    """The README with its map made anew from the ledger of claims."""
    return MAP.sub(lambda _: paper.section_map() + "\n", text)


def with_explanations(text: str) -> str:
    """The README with its table of explanations made anew."""
    return EXPLANATIONS.sub(lambda _: explanations.table() + "\n", text)


def picture(notebooks: Path = ROOT / "notebooks") -> bytes:
    """The PNG stored in the cell tagged `readme`. Raises ValueError unless exactly one cell has it."""
    cells = [cell for path in sorted(notebooks.glob("*.ipynb"))
             for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
             if "readme" in cell["metadata"].get("tags", [])]
    pictures = [output["data"]["image/png"] for cell in cells for output in cell["outputs"] if "data" in output]
    if len(pictures) != 1:
        raise ValueError(f"{len(pictures)} pictures stand in cells tagged readme; expected one")
    return base64.b64decode(pictures[0])


def stale() -> list[str]:
    """What `refresh` would change."""
    text = README.read_text(encoding="utf-8")
    found = [] if with_map(text) == text else ["README.md: the map differs from data/paper/claims.toml"]
    if with_explanations(text) != text:
        found.append("README.md: the explanations differ from data/paper/explanations.toml")
    if not PICTURE.exists() or PICTURE.read_bytes() != picture():
        found.append(f"pictures/{PICTURE.name} differs from the lesson's")
    return found


def refresh() -> None:
    """Make the two tables and the picture anew."""
    text = with_explanations(with_map(README.read_text(encoding="utf-8")))
    README.write_text(text, encoding="utf-8", newline="\n")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture())
