"""Every notebook as a learner meets it: opened in JupyterLab, run from the top, its explorers moved by hand and key.

The pictures in the folder `screenshots` are for people to look at.
"""

import time

import pytest

from bncourse.paths import ROOT

OPEN_TIMEOUT = 60_000  # milliseconds
RUN_TIMEOUT = 180_000
REDRAW_TIMEOUT = 10  # seconds
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = """async () => {
    const commands = window.jupyterapp.commands;
    await commands.execute('notebook:clear-all-cell-outputs');
    commands.execute('notebook:run-all-cells').then(() => { window.ranAll = true; });
}"""
CODE_CELLS = "window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')"
NOT_RUN = f"() => {CODE_CELLS}.filter(cell => cell.model.executionCount === null).map(cell => cell.model.id)"
OUTPUTS = f"() => {CODE_CELLS}.map(cell => [cell.model.id, cell.model.outputs.toJSON()])"
DIGEST = """async image => {
    const bytes = await (await fetch(image.src)).arrayBuffer();
    return String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}"""


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_learner_runs_it_and_moves_every_control(notebook, lab, browser, screenshots, record_property):
    record_property("notebook", f"{notebook.name}, in a browser")
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Could not create" in message.text else None)
    page.goto(lab(notebook.name))
    page.wait_for_function(IDLE, timeout=OPEN_TIMEOUT)
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => window.ranAll", timeout=RUN_TIMEOUT)
    assert list(complaints(page.evaluate(OUTPUTS))) == []
    assert page.evaluate(NOT_RUN) == []
    page.locator(".jp-Notebook-cell").first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / f"{notebook.stem}_top.png")
    for number, explorer in enumerate(page.locator(".bncourse-explorer").all(), 1):
        explorer.scroll_into_view_if_needed()
        explorer.screenshot(path=screenshots / f"{notebook.stem}_explorer_{number}.png")
        play(explorer)
    assert errors == []
    page.close()


def complaints(outputs):
    """What no learner should see: an error, or anything on stderr."""
    for id, shown in outputs:
        for output in shown:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                yield id, output


def play(explorer):
    """Moves every control by itself, sees another picture, presses Reset, and sees the first one again."""
    picture = explorer.locator("img.widget-image")
    first = picture.evaluate(DIGEST)
    moves = [(control, gestures) for kind, gestures in GESTURES.items() for control in explorer.locator(kind).all()]
    assert moves, "the explorer has no control"
    for control, gestures in moves:
        for gesture in gestures:
            assert moved(control, gesture, picture, first), f"{gesture.__name__}: the picture stayed as it was"
            explorer.get_by_role("button", name="Reset").click()
            assert wait_until(lambda: picture.evaluate(DIGEST) == first), "Reset does not bring the first picture back"


def moved(control, gesture, picture, first):
    """Whether a gesture, in one direction or the other, changes the picture: a slider may stand at its end."""
    for forwards in (True, False):
        gesture(control, forwards)
        if wait_until(lambda: picture.evaluate(DIGEST) != first):
            return True
    return False


def wait_until(seen):
    end = time.monotonic() + REDRAW_TIMEOUT
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.02)
    return False


def press_keys(handle, forwards):
    handle.focus()
    handle.press("End" if forwards else "Home")


def drag(handle, forwards):
    page, box = handle.page, handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + (30 if forwards else -30) * step, y)
    page.mouse.up()


def choose(dropdown, forwards):
    options = dropdown.locator("option").all_text_contents()
    chosen = dropdown.evaluate("select => select.selectedIndex")
    dropdown.select_option(options[(chosen + (1 if forwards else -1)) % len(options)])


def click(button, forwards):
    button.click()


GESTURES = {
    ".noUi-handle": [press_keys, drag],
    "select": [choose],
    "input[type=checkbox]": [click],
    ".widget-toggle-button": [click],
    ".widget-toggle-buttons button:not(.mod-active)": [click],
    "input[type=radio]:not(:checked)": [click],
}
