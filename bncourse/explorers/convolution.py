"""The explorer of lesson 06: choose what is averaged together in the block of N, C and H W, and read its name."""

from collections.abc import Callable

import ipywidgets as widgets

from bncourse.explorers.base import Explorer
from bncourse.figures.convolution import SIZE, corner, cube, cube_axes

NAMES = {
    (True, 1, True): "batch norm (paper, section 3.2)",
    (True, 1, False): "batch norm per activation (paper, section 3)",
    (False, 1, True): "instance norm",
    (False, SIZE["C"], True): "layer norm",
    (False, SIZE["C"], False): "layer norm at each location",
    (True, SIZE["C"], True): "one mean for everything",
    (False, 1, False): "each value by itself: all become 0",
}


def name(examples: bool, channels: int, locations: bool) -> str:
    """What the normalization over these values is called, where it has a name."""
    grouped = 1 < channels < SIZE["C"] and locations and not examples
    return NAMES.get((examples, channels, locations), "group norm" if grouped else "no name in use")


def facts(examples: bool, channels: int, locations: bool) -> list[str]:
    """The numbers beside the cube: how large a set is, how many there are, what that means at inference."""
    total = SIZE["N"] * SIZE["C"] * SIZE["HW"]
    m = (SIZE["N"] if examples else 1) * channels * (SIZE["HW"] if locations else 1)
    return [
        f"{m} value{'s' * (m > 1)} in a set",
        f"{total // m} such set{'s' * (m < total)} in the block of {total}",
        "other examples take part:" if examples else "other examples take no part:",
        "running statistics are needed" if examples else "training and inference agree",
    ]


def draw_cube(fig, **_) -> Callable:
    """The cube with one set lit, its name as the title, its numbers beside it."""
    ax = cube_axes(fig.add_subplot())

    def update(examples: bool, channels: int, locations: bool) -> None:
        cube(corner(examples, channels, locations), ax)
        ax.set_title(name(examples, channels, locations), fontsize=14, loc="left")
        for line, text in enumerate(facts(examples, channels, locations)):
            ax.annotate(text, (10.2, SIZE["HW"] - 0.4 - 1.1 * line), fontsize=11)

    return update


def axes_explorer() -> Explorer:
    """Choose the axes that are averaged together (examples, 1 to 6 channels, locations) and read the method's name."""
    return Explorer(
        draw_cube,
        alt="A block of 4 examples, 6 feature maps and 6 locations. Lit is what batch norm averages together: one map, "
            "in all examples, at all locations.",
        examples=widgets.Checkbox(True, description="over the examples", indent=False),
        channels=widgets.SelectionSlider(options=[1, 2, 3, 6], value=1, description="maps together"),
        locations=widgets.Checkbox(True, description="over the locations", indent=False),
    )
