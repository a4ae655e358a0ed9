"""Figures: f(arrays or Run, ax=None) -> ax. They draw; they never train, read files or call pyplot."""

from bncourse.figures.style import PAPER, WITH, WITHOUT, Picture, picture

__all__ = ["PAPER", "WITH", "WITHOUT", "Picture", "picture"]
