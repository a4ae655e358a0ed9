"""Explorer: controls beside a Matplotlib picture that follows them, and that a page shows without a kernel.

The picture is one image widget fed by one Figure. Nothing here uses pyplot or captured output, so the page
does not jump while a slider is dragged, and a notebook stores the first picture as a plain PNG.

A picture has to be drawn in well under 100 ms. Laying out the axes costs as much as drawing them, so the axes are laid
out once: later pictures keep the axes where the first picture has them, and so the axes do not jump either. Most of the
remaining time goes into ticks and labels, which seldom change; so `draw` may return a function that draws only what
changes.
"""

import base64
import html
import io
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from traitlets import Unicode

from bncourse.figures import style

DPI = style.PAGE_DPI  # of the picture that moves
NAME_HANDLES = """(() => {
  const name = () => document.querySelectorAll(".bncourse-explorer .widget-slider").forEach(slider => {
    const label = slider.querySelector(".widget-label").textContent;
    slider.querySelectorAll("[role=slider]").forEach(handle => handle.setAttribute("aria-label", label));
  });
  name();
  [100, 1000, 5000].forEach(wait => setTimeout(name, wait));
})();"""


class Explorer(widgets.VBox):
    """Named controls (ipywidgets), a Reset button, and the picture that `draw` makes of their values.

    `draw(fig, **values)` draws on an empty figure of `figsize` inches, with one value for each control. It is
    called again after every change, on the emptied figure. If it returns a function `update(**values)`, what it
    drew is the background, which stays, and `update` is called instead, for the first picture too: it adds artists,
    which are taken away before the next update, and changes titles and what `moving` names. That is about three times
    as fast. Where nothing is added or named, everything is drawn again. `alt` says in words what the picture shows,
    and `caption` under it what it is made of.
    `grids` is what a page without a kernel offers: see `bncourse.explorers.frames`.

    Raises TypeError when a control is not a widget with a value, and whatever the first `draw` raises. A later
    error of `draw` is shown under the picture, which then still shows the last values that could be drawn.
    """

    def __init__(self, draw: Callable, /, *, alt: str, caption: str = "", figsize: tuple[float, float] = (6.4, 3.6),
                 grids: Sequence[Mapping[str, Sequence]] = (), **controls: Any):
        for name, control in controls.items():
            if not (isinstance(control, widgets.Widget) and control.has_trait("value")):
                raise TypeError(f"control {name} is {control!r}; expected a widget with a value, "
                                "such as IntSlider(1, 0, 9)")
        self.controls, self.alt, self.caption, self.grids = controls, alt, caption, grids
        self._initial = self.values()
        self._quiet = False
        self._drawing = threading.Lock()  # JupyterLab may send each control's changes to a thread of its own
        self._plot = Plot(draw, figsize, self._initial)
        width = f"{round(figsize[0] * DPI)}px"
        self.image = _Picture(value=self._plot.png(self._initial), format="png", tooltip=alt,
                              layout=widgets.Layout(width=width, max_width="100%"))
        self.message = widgets.HTML(tooltip="", layout=widgets.Layout(display="none"))
        self.reset_button = widgets.Button(description="Reset", tooltip="Back to the first setting")
        self.reset_button.on_click(lambda _button: self.reset())
        _align(controls, width)
        super().__init__([*controls.values(), self.reset_button, self.image, self.message, _names()])
        self.add_class("bncourse-explorer")
        for control in controls.values():
            control.observe(self._redraw, "value")

    def values(self) -> dict[str, Any]:
        """The value of each control, by name, as `draw` gets them."""
        return {name: control.value for name, control in self.controls.items()}

    def plot(self, dpi: int) -> "Plot":
        """Another plot of the same function, at its first values and of any resolution, in dots an inch."""
        return Plot(self._plot.draw, tuple(self.figure.get_size_inches()), self._initial, dpi)

    @property
    def initial(self) -> dict[str, Any]:
        """The first value of each control, by name."""
        return dict(self._initial)

    @property
    def figure(self) -> Figure:
        """The Matplotlib figure of the present picture; to change it changes nothing on the page."""
        return self._plot.figure

    def reset(self) -> None:
        """Set every control to its first value, and redraw once."""
        with self._one_redraw():
            for name, value in self._initial.items():
                self.controls[name].value = value

    def dead_controls(self) -> list[str]:
        """The names of the controls that change nothing: no other value of theirs gives another picture.

        Each is moved alone, from the present values, and put back.
        """
        return [name for name, control in self.controls.items() if not self._changes_the_picture(control)]

    def _changes_the_picture(self, control: widgets.Widget) -> bool:
        value, before = control.value, self.image.value
        try:
            for trait, other in other_settings(control):
                setattr(control, trait, other)
                if self.image.value != before:
                    return True
            return False
        finally:
            control.value = value

    @contextmanager
    def _one_redraw(self) -> Iterator[None]:
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._redraw()

    def _redraw(self, _change: Any = None) -> None:
        if self._quiet:
            return
        with self._drawing:
            values = self.values()
            try:
                self.image.value = self._plot.png(values)
            except Exception as error:
                self._say(f"{_call(values)} could not be drawn. {traceback.format_exception_only(error)[-1]}")
                raise
            self._say("")

    def _say(self, message: str) -> None:
        self.message.value = message and f'<pre role="alert">{html.escape(message)}</pre>'
        self.message.layout.display = None if message else "none"

    def __repr__(self) -> str:
        return f"Explorer({_call(self._initial)})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data = super()._repr_mimebundle_(**kwargs) or {"text/plain": repr(self)}
        sharp = style.compressed_png(self.plot(style.DPI).png(self.values()))
        data["image/png"] = base64.b64encode(sharp).decode("ascii")
        return data, {"image/png": {"alt": self.alt, "width": round(self.figure.get_figwidth() * DPI)}}

    def _ipython_display_(self) -> None:
        style.show(*self._repr_mimebundle_(), self.caption)


def _names() -> widgets.Output:
    """A script on the page that names the handles of sliders after their labels, since ipywidgets leaves them nameless.

    A page that runs no scripts in outputs is as it was.
    """
    script = {"output_type": "display_data", "data": {"application/javascript": NAME_HANDLES}, "metadata": {}}
    return widgets.Output(outputs=(script,), layout=widgets.Layout(height="0", overflow="hidden", margin="0"))


class _Picture(widgets.Image):
    """An image whose tooltip reaches the page as its title, by which a screen reader names it.

    The page's code asks a widget with a tooltip for its description, which a plain Image does not have.
    """

    description = Unicode("").tag(sync=True)


def moving(*artists: Artist) -> None:
    """Name artists that an explorer's `update` changes: they are drawn anew, above the background."""
    for artist in artists:
        artist.set_animated(True)


class Plot:
    """One figure, laid out once for the first values of the controls, and drawn for any values afterwards."""

    def __init__(self, draw: Callable, figsize: tuple[float, float], values: dict[str, Any], dpi: int = DPI):
        self.draw = draw
        self.figure = Figure(figsize=figsize, dpi=dpi, layout="constrained")
        self.canvas = FigureCanvasAgg(self.figure)
        self.update = draw(self.figure, **values)
        style.write_legibly(self.figure.findobj(Text))
        self.still, self.moving, self.background = set(self._artists()), [], None
        if callable(self.update):
            self._move(values)
        self.figure.draw_without_rendering()
        self.places = [ax.get_position(original=True) for ax in self.figure.axes]
        self.figure.set_layout_engine("none")
        if self.moving:
            self.canvas.draw()
            self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def png(self, values: dict[str, Any]) -> bytes:
        """The picture of these values as the bytes of a PNG."""
        file = io.BytesIO()
        self.image(values).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def image(self, values: dict[str, Any]) -> Image.Image:
        """The picture of these values, in RGB."""
        if callable(self.update):
            self._move(values)
        else:
            self.figure.clear()
            self.draw(self.figure, **values)
            style.write_legibly(self.figure.findobj(Text))
            for ax, place in zip(self.figure.axes, self.places, strict=False):
                ax.set_position(place)
        if self.background:
            self.canvas.restore_region(self.background)
        else:
            self.canvas.draw()
        for artist in self.moving:
            self.figure.draw_artist(artist)
        size, pixels = self.canvas.get_width_height(), self.canvas.buffer_rgba()
        return Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")

    def _move(self, values: dict[str, Any]) -> None:
        """Remove the artists that the last update added, and update."""
        for artist in self.moving:
            if artist not in self.still:
                artist.remove()
        self.update(**values)
        style.write_legibly(artist for artist in self._artists() if isinstance(artist, Text))
        moving(*(artist for artist in self._artists() if artist not in self.still))
        if any(map(Artist.get_animated, self._artists())):
            moving(*(text for ax in self.figure.axes for text in ax.get_children() if isinstance(text, Text)
                     and text not in ax.texts))  # its titles
        self.moving = sorted(filter(Artist.get_animated, self._artists()), key=Artist.get_zorder)

    def _artists(self) -> list[Artist]:
        """All artists on the figure and on its axes."""
        return [*self.figure.get_children(), *(artist for ax in self.figure.axes for artist in ax.get_children())]


def other_settings(control: widgets.Widget) -> list[tuple[str, Any]]:
    """Settings of a control that differ from the present one, as (trait, value); ends of a range first.

    Raises TypeError for a kind of control that has neither options, nor bounds, nor two states.
    """
    if control.has_trait("options"):
        indices = range(len(control.options))
        several = isinstance(control.index, tuple)
        settings = [("index", (i,) * max(len(control.index), 1) if several else i) for i in indices]
    elif control.has_trait("min"):
        ends = [control.base**end if control.has_trait("base") else end for end in (control.max, control.min)]
        several = isinstance(control.value, tuple)
        settings = [("value", (end, end) if several else end) for end in ends]
    elif isinstance(control.value, bool):
        settings = [("value", not control.value)]
    else:
        raise TypeError(f"no other setting is known for {control!r}; use a slider, a selection or a checkbox")
    return [(trait, setting) for trait, setting in settings if setting != getattr(control, trait)]


def _align(controls: dict[str, widgets.Widget], width: str) -> None:
    """Name the controls that have no description, and give all of them one width and one column of names."""
    for name, control in controls.items():
        control.description = control.description or name
        if control.has_trait("tooltip"):
            control.tooltip = control.tooltip or control.description  # without one the page shows "null"
    column = f"{max((len(control.description) for control in controls.values()), default=0) + 1}ch"
    for control in controls.values():
        control.layout.width, control.layout.max_width = width, "100%"
        if control.style.has_trait("description_width"):
            control.style.description_width = column


def _call(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
