"""What decks and pages need beside themselves, copied from installed packages, so that no network is needed.

sphinx-revealjs brings reveal.js with its typeface, jupyter-server-mathjax brings MathJax; both are in the extra
`lectures`. Only what is used is copied.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from bncourse.paths import INSTALLED

HERE = Path(__file__).parent
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE")
TYPEFACE = "dist/theme/fonts/source-sans-pro"
MATHJAX = ("LICENSE", "MathJax.js", "config/TeX-AMS-MML_HTMLorMML-full.js", "extensions/AssistiveMML.js",
           "extensions/TeX", "fonts", "jax/element", "jax/input", "jax/output/HTML-CSS")
FACES = ("regular", "italic", "semibold", "semibolditalic")


class Missing(Exception):
    """A package of the extra `lectures` is not installed."""


def copy_reveal(folder: Path) -> None:
    """Copy reveal.js, its notes plugin and the course's deck.css and deck.js into a folder. Raises Missing."""
    source = package("sphinx_revealjs") / "_static" / "revealjs"
    for name in REVEAL:
        copy(source / name, folder / "reveal" / name)
    strip_map(folder / "reveal" / "dist" / "reveal.js")
    copy(HERE / "deck.css", folder / "deck.css")
    copy(HERE / "deck.js", folder / "deck.js")


def copy_common(folder: Path) -> None:
    """Copy MathJax, the typeface and the style that decks and pages share into a folder. Raises Missing."""
    mathjax, fonts = package("jupyter_server_mathjax") / "static", package("sphinx_revealjs") / "_static" / "revealjs"
    for name in MATHJAX:
        copy(mathjax / name, folder / "mathjax" / name)
    for face in FACES:
        name = f"source-sans-pro-{face}.woff"
        copy(fonts / TYPEFACE / name, folder / "fonts" / name)
    copy(fonts / TYPEFACE / "LICENSE", folder / "fonts" / "LICENSE")
    for name in ("common.css", "explorers.js", "mathematics.js"):
        copy(HERE / name, folder / name)


def package(name: str) -> Path:
    """The folder of an installed package, found without importing the package. Raises Missing."""
    found = find_spec(name)
    if found is None:
        raise Missing(f"the package {name.replace('_', '-')} is not installed; expected the extra `lectures`: "
                      f"python3 -m pip install {'bncourse' if INSTALLED else '-e .'}[lectures]")
    return Path(found.submodule_search_locations[0])


def copy(source: Path, target: Path) -> None:
    """Copy a file or a whole folder, and make the folders above the target."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def strip_map(script: Path) -> None:
    """Remove from a script the comment that names its source map, since source maps are not copied."""
    text = script.read_text(encoding="utf-8")
    script.write_text(re.sub(r"\n?//# sourceMappingURL=.*", "", text), encoding="utf-8", newline="\n")
