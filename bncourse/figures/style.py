"""One look for every figure of the course: colours with a fixed meaning, sizes, labels, captions.

Figures are made without pyplot, so that drawing changes no global state; `picture` turns the axes of a figure into what
a notebook shows and stores. A caption is text under the picture, an output of its own: it grows with the reader's type.
"""

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from bncourse.paper import PERCENTILES

SIZE = (6.4, 3.6)  # inches
PAGE_DPI = 100  # pixels of a page for an inch
DPI = 180  # sharp on a projector of 1920 x 1080 at the size that decks show it in
MARGIN = 0.08  # inches to the left and right of each axes, and the same above and below
THIN = 0.04167  # Matplotlib's own margin, for panels side by side

# Okabe and Ito's palette. A second mark (dashes, hollow) tells the same in grey.
WITH = {"color": "#0072B2", "linestyle": "-"}
WITHOUT = {"color": "#D55E00", "linestyle": "--"}
PAPER = {"color": "#000000", "marker": "o", "markerfacecolor": "none", "linestyle": "none"}
QUIET = "#767676"
COLORS = (16, 32, 48, 64, 96, 128, 192, 256)  # that a stored picture may have
COARSEST = 0.25  # grey levels: half of what pictures of two machines may differ by (`bncourse.comparison`)
LEGIBLE = 4.5  # contrast with white that text has to have (WCAG 2.2, 1.4.3)


def new_figure(height: Real = SIZE[1], *, margin: Real = MARGIN) -> Figure:
    """An empty figure of the course's width and of a height in inches, with `margin` inches around each axes."""
    figure = Figure(figsize=(SIZE[0], height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=margin, h_pad=margin)
    return figure


def blank(ax: Axes | None = None, *, title: str = "", xlabel: str = "", ylabel: str = "") -> Axes:
    """`ax` in the course's look, or new axes of the course's size; returns the axes.

    The title states the finding; the axes state the quantities with their units.
    """
    ax = ax or new_figure().add_subplot()
    ax.set_title(title, fontsize=12, loc="left", wrap=True)
    ax.set_xlabel(xlabel, fontsize=11)
    ax.set_ylabel(ylabel, fontsize=11)
    ax.tick_params(labelsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def label_end(ax: Axes, x: Real, y: Real, text: str, color: str, away: Real = 8) -> None:
    """Write a line's name where it ends, `away` points behind, in its colour, instead of a legend."""
    ax.annotate(text, (x, y), (away, 0), textcoords="offset points", va="center", color=color, fontsize=11,
                annotation_clip=False)


def spread_labels(ends: Mapping[str, Real], *, gap: Real = 0, factor: Real = 1, down: bool = False) -> dict[str, Real]:
    """Heights for the names of lines, so that no two names overlap: each at its line's end, or farther up.

    ends maps a name to the height at which its line ends. From the lowest end to the highest, a name stands at least
    `factor` times the height of the name below it plus `gap`. With `down` the highest name stays at its end and the
    others move down by the same rule. Returns the heights in the order in which they were found.
    """
    heights: dict[str, Real] = {}
    for name, end in sorted(ends.items(), key=lambda item: item[1], reverse=down):
        last = next(reversed(heights.values()), None)
        if last is None:
            heights[name] = end
        else:
            heights[name] = min(end, (last - gap) / factor) if down else max(end, factor * last + gap)
    return heights


def spread(ax: Axes, x: np.ndarray, runs: np.ndarray, style: dict, label: str = "") -> None:
    """Draw the median of several runs as a line and their range as a band; runs is (seeds, points), x is (points,)."""
    runs = np.asarray(runs)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=style["color"], alpha=0.2, linewidth=0)
    middle = np.median(runs, axis=0)
    ax.plot(x, middle, linewidth=2, **style)
    if label:
        label_end(ax, x[-1], middle[-1], label, style["color"])


def density(ax: Axes, values: np.ndarray, grid: np.ndarray, style: dict) -> None:
    """A filled density of the values with lines at the percentiles that the paper's Figure 1 draws.

    The density is a Gaussian kernel estimate with Scott's width, evaluated on the grid.
    """
    values = np.asarray(values, float).ravel()
    width = max(values.std() * values.size ** -0.2, 1e-3 * (grid[-1] - grid[0]))
    height = np.exp(-0.5 * ((grid[:, None] - values) / width) ** 2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
    ax.fill_between(grid, height, color=style["color"], alpha=0.25, linewidth=0)
    ax.plot(grid, height, linewidth=2, **style)
    for q in np.percentile(values, PERCENTILES):
        ax.plot([q, q], [0, np.interp(q, grid, height)], color=style["color"], linewidth=1)


def contrast(color: str | Sequence[float]) -> float:
    """The contrast of a colour with white, from 1 to 21 (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (0.05 + float(np.dot(linear, (0.2126, 0.7152, 0.0722))))


def ink(color: str | Sequence[float]) -> str:
    """The colour, or the lightest shade of its hue, that is dark enough for text on white; white stays white."""
    shades = (tuple(share * part for part in to_rgb(color)) for share in np.linspace(1, 0, 101).tolist())
    return to_hex(next(shade for shade in shades if contrast(shade) >= LEGIBLE or min(shade) == 1))


def write_legibly(texts: Iterable[Text]) -> None:
    """Give texts colours that can be read: a line may be light, and its name is not. White is for dark cells."""
    for text in texts:
        text.set_color(ink(text.get_color()))


@dataclass(frozen=True)
class Picture:
    """A picture as a notebook shows and stores it, and its caption.

    png is the file. alt is the text for those who do not see the picture. width is in pixels of the page. live says
    that another machine draws the picture otherwise, so that its pixels are not compared when notebooks are tested.
    """

    png: bytes
    alt: str
    width: int
    live: bool = False
    caption: str = ""

    def __repr__(self):
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}
        told = {"alt": self.alt, "width": self.width} | ({"live": True} if self.live else {})
        return data, {"image/png": told}

    def _ipython_display_(self):
        show(*self._repr_mimebundle_(), self.caption)


def show(data: Mapping[str, str], metadata: Mapping[str, dict], caption: str) -> None:
    """Display a bundle of MIME types, and under it the caption as an output that its metadata calls one."""
    display(data, metadata=metadata, raw=True)
    if caption:
        display({"text/markdown": re.sub(r"([\\`*_|<>$~[\]])", r"\\\1", caption)}, metadata={"caption": True}, raw=True)


def picture(ax: Axes, *, alt: str, caption: str = "", live: bool = False) -> Picture:
    """The figure of these axes as a `Picture`.

    alt tells the finding and the numbers that matter; the caption says which data, how many seeds and which
    configuration made the figure. `live` marks a picture that differs between machines: one of measured time, or one of
    a training in float32 at a learning rate where rounding errors grow. The pixels of a live picture are not compared;
    what has to hold of it on every machine stands in an assert of the notebook.
    """
    fig = ax.figure
    write_legibly(fig.findobj(Text))
    return Picture(_png(fig), alt, round(fig.get_figwidth() * PAGE_DPI), live, caption)


def _png(fig: Figure) -> bytes:
    """The figure as the bytes of a compressed PNG."""
    drawn = io.BytesIO()
    fig.savefig(drawn, format="png", pil_kwargs={"compress_level": 1})  # for a moment
    return compressed_png(drawn.getvalue())


def compressed_png(png: bytes | memoryview) -> bytes:
    """The PNG with the fewest of `COLORS` that keep it within `COARSEST` of what it is: less than an eye would see."""
    image, file = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    codes = np.asarray(image, np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    codes, place, count = np.unique(codes, return_inverse=True, return_counts=True)
    shades = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(float)
    for colors in COLORS:
        palette, nearest = _settled(_palette(shades, count, colors), shades, count)
        if np.average(np.abs(shades - palette[nearest]).mean(axis=1), weights=count) <= COARSEST:
            break
    drawn = Image.fromarray(nearest[place].astype(np.uint8))
    drawn.putpalette(palette.ravel().tolist())
    drawn.save(file, "PNG", optimize=True)
    return file.getvalue()


def _palette(shades: np.ndarray, count: np.ndarray, colors: int) -> np.ndarray:
    """So many colours of a picture or fewer, `(colors, 3)`, by the median cut.

    It is that of a small picture with the same shades `(S, 3)`, in the same shares, and each at least once.
    """
    often = np.maximum(count * 2**14 // count.sum(), 1)
    small = Image.fromarray(np.repeat(shades.astype(np.uint8), often, axis=0)[None])
    return np.array(small.quantize(colors).getpalette(), float).reshape(-1, 3)[:colors]


def _settled(palette: np.ndarray, shades: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The palette `(C, 3)` after a few rounds of k-means over a picture's shades `(S, 3)`, and each shade's colour.

    A shade weighs as often as it occurs: a picture has many times more pixels than shades.
    """
    for _ in range(4):
        parts = np.array_split(shades, len(shades) // 2**14 + 1)  # which bounds the memory
        nearest = np.concatenate([((palette**2).sum(axis=1) - 2 * part @ palette.T).argmin(axis=1) for part in parts])
        weight = np.maximum(np.bincount(nearest, count, len(palette)), 1)
        sums = [np.bincount(nearest, count * shade, len(palette)) for shade in shades.T]
        palette = np.stack(sums, axis=1) / weight[:, None]
    return palette.round().astype(np.uint8), nearest
