"""Where the course keeps things: what it brings, and what it writes.

In a clone both are the clone. A wheel brings notebooks and data inside the package (setup.py puts them there), and what
is written goes into a folder of the learner's own: `bncourse-lessons` in the home folder, or what BNCOURSE_HOME names.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = (PACKAGE / "course").is_dir()  # from a wheel: there is no clone around the package
COURSE = PACKAGE / "course" if INSTALLED else PACKAGE.parent  # notebooks, data/paper, data/runs; never written to
HOME = Path(os.path.expanduser(os.environ.get("BNCOURSE_HOME") or os.path.join("~", "bncourse-lessons"))).absolute()
ROOT = HOME if INSTALLED else PACKAGE.parent  # notebooks to work in, data/cache, build, progress
DATA = ROOT / "data"
