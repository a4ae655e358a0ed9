"""Frames: what an explorer shows at chosen stops of its controls, for a page that has no kernel.

An explorer's `grids` name the stops: each grid maps names of controls to values, and the controls of one grid move
together, so a grid has a frame for each combination. To move a control puts those of all other grids back to their
first values. An explorer without grids has one, of every position of every control; where that is too many frames, each
control has a grid of its own, of stops far apart.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure
from PIL import Image

from bncourse.explorers.base import Explorer

MOST = 240  # frames of an explorer
APART = 12  # stops of a control, where nobody has chosen them
CHOICES = (widgets.Dropdown, widgets.ToggleButtons, widgets.RadioButtons, widgets.Select, widgets.SelectMultiple)


def grids(explorer: Explorer) -> list[dict[str, list]]:
    """The grids of an explorer: name of a control -> its stops in order, with the first value among them.

    Raises ValueError where the explorer's own grids do not name each control once or name a value that a control cannot
    have, and where there would be more than `MOST` frames.
    """
    given = explorer.grids or usual(explorer)
    named = sorted(name for grid in given for name in grid)
    if named != sorted(explorer.controls):
        raise ValueError(f"the grids name {', '.join(named)}; expected each of {', '.join(explorer.controls)} once")
    found = [{name: with_first(explorer, name, grid[name]) for name in explorer.controls if name in grid}
             for grid in given]
    count = sum(map(size, found))
    if count > MOST:
        raise ValueError(f"{explorer!r} would have {count} frames; expected at most {MOST}: give it grids of fewer "
                         "stops")
    return found


def usual(explorer: Explorer) -> list[dict[str, list]]:
    """The grids of an explorer that names none."""
    whole = {name: positions(control) for name, control in explorer.controls.items()}
    if size(whole) <= MOST:
        return [whole]
    return [{name: values[::math.ceil(len(values) / APART)] + values[-1:]} for name, values in whole.items()]


def size(grid: dict[str, list]) -> int:
    """The number of combinations of a grid's stops."""
    return math.prod(map(len, grid.values()))


def with_first(explorer: Explorer, name: str, stops: Any) -> list:
    """The stops of a control and its first value, in the order of its positions. Raises ValueError."""
    possible, wanted = positions(explorer.controls[name]), [*stops, explorer.initial[name]]
    if isinstance(explorer.controls[name], widgets.SelectMultiple):
        return [*dict.fromkeys(wanted)]
    if strange := [stop for stop in wanted if stop not in possible]:
        raise ValueError(f"{name} has the stop {strange[0]!r}, which its control does not reach; expected some of "
                         f"{possible[0]!r} to {possible[-1]!r}")
    return [value for value in possible if value in wanted]


def positions(control: widgets.Widget) -> list:
    """The values that a control can have; of a selection of several, each option by itself."""
    if control.has_trait("options"):
        values = [value for _, value in options(control)]
        return [(value,) for value in values] if isinstance(control.value, tuple) else values
    if isinstance(control.value, bool):
        return [False, True]
    count = round((control.max - control.min) / control.step)
    return [round(control.min + place * control.step, 10) for place in range(count + 1)]


def options(control: widgets.Widget) -> list[tuple[str, Any]]:
    """The options of a selection, as (label, value)."""
    return [option if isinstance(option, tuple) else (str(option), option) for option in control.options]


def described(explorer: Explorer) -> dict[str, Any]:
    """What a page has to know of an explorer's frames, in the words of JSON.

    controls: for each its name, its kind (range, check or choice), the labels of its stops, the place of the first
    value among them, and the grid that it belongs to. grids: the number of frames before each grid. Within a grid the
    frames are in the order of the controls, the last control fastest. Raises ValueError.
    """
    found, starts, start = {}, [], 0
    for place, grid in enumerate(grids(explorer)):
        starts.append(start)
        start += size(grid)
        for name, stops in grid.items():
            control = explorer.controls[name]
            found[name] = {"name": control.description, "kind": kind(control), "grid": place,
                           "stops": [label(control, stop) for stop in stops],
                           "first": stops.index(explorer.initial[name])}
    return {"controls": [found[name] for name in explorer.controls], "grids": starts}


def kind(control: widgets.Widget) -> str:
    """What shows a control on a page: a range, a check box, or a choice from a list."""
    return "check" if isinstance(control.value, bool) else "choice" if isinstance(control, CHOICES) else "range"


def label(control: widgets.Widget, value: Any) -> str:
    """A value as a control writes it."""
    if control.has_trait("options"):
        names = {option: name for name, option in options(control)}
        return ", ".join(names[one] for one in value) if isinstance(value, tuple) else names[value]
    return str(value) if isinstance(value, bool) else f"{value:g}"


def settings(explorer: Explorer) -> Iterator[dict[str, Any]]:
    """The values of the controls in each frame, in the order of `described`. Raises ValueError."""
    for grid in grids(explorer):
        for values in itertools.product(*grid.values()):
            yield {**explorer.initial, **dict(zip(grid, values, strict=True))}


def frames(explorer: Explorer, dpi: int) -> Iterator[tuple[Image.Image, str]]:
    """Each frame of an explorer as a picture, and the titles that stand in it. Raises ValueError."""
    plot = explorer.plot(dpi)
    for values in settings(explorer):
        yield plot.image(values), titles(plot.figure)


def titles(figure: Figure) -> str:
    """The titles of a figure and of its axes, on one line."""
    found = [figure.get_suptitle(), *(ax.get_title(loc) for ax in figure.axes for loc in ("left", "center", "right"))]
    return ". ".join(" ".join(title.split()) for title in found if title.strip())
