"""Figures to play with: sliders beside a picture, and a bar that shows how far a computation is."""

from bncourse.explorers.base import Explorer
from bncourse.explorers.progress import Progress

__all__ = ["Explorer", "Progress"]
