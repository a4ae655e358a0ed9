"""The explorer of lesson 11: one module of BN-Inception at a time, what it holds and what it computes."""

from collections.abc import Callable

import ipywidgets as widgets
from matplotlib.figure import Figure

from bncourse.explorers.base import Explorer, moving
from bncourse.figures.inception import BRANCHES, light_module, module_row, module_words, modules
from bncourse.nn import BNInception
from bncourse.nn.anatomy import Part, on_paper, parts
from bncourse.nn.inception import READINGS, table

ROWS = {reading: table(reading) for reading in READINGS}
NAMES = modules(ROWS["literal"])[0]
PRINTED = dict(zip(("conv1x1", "conv3x3", "double3x3", "pool"), BRANCHES, strict=True))  # in the code and in Figure 5


def anatomy(reading: str) -> list[Part]:
    """The parts of the network in a reading of the table, for an image of 224x224."""
    return parts(on_paper(BNInception, reading=reading), (3, 224, 224))


def facts(found: list[Part], name: str) -> str:
    """Four lines about a module: its branches, their widths, its parameters and its multiply-adds."""
    part = next(part for part in found if part.name == name)
    widths = " + ".join(f"{width}" for width in part.branches.values())
    held = part.parameters / sum(other.parameters for other in found)
    done = part.multiply_adds / sum(other.multiply_adds for other in found)
    return "\n".join([
        ", ".join(PRINTED[branch] for branch in part.branches),
        f"{widths} = {part.outputs[0]}",
        f"{part.parameters / 1e6:.2f} million parameters, {held:.1%}",
        f"{part.multiply_adds / 1e6:.0f} million multiply-adds, {done:.1%}",
    ])


def module_explorer() -> Explorer:
    """Choose a module of BN-Inception and a reading of the widths that Figure 5 prints for 4c and 4d."""
    found = {reading: anatomy(reading) for reading in READINGS}

    def lit_module(fig: Figure, module: str, reading: str) -> Callable:
        ax = module_row(ROWS[reading], max(modules(ROWS["literal"])[1]), fig.add_subplot())
        words = module_words(ax)
        moving(words)

        def update(module: str, reading: str) -> None:
            height, width = next(part for part in found[reading] if part.name == module).outputs[1:]
            light_module(ROWS[reading], NAMES.index(module), ax)
            words.set_text(facts(found[reading], module))
            ax.set_title(f"{module} gives maps of {height}x{width}", fontsize=12, loc="left")

        return update

    return Explorer(
        lit_module,
        alt="The ten modules of BN-Inception; each branch's height is its number of maps. Module 4c is lit: 160 + "
            "160 + 160 + 128 = 608 feature maps in the literal reading.",
        module=widgets.SelectionSlider(options=NAMES, value="4c", description="module"),
        reading=widgets.ToggleButtons(options=list(READINGS), value="literal", description="reading"),
    )
