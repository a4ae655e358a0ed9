"""Every notebook as a student gets it: opened in JupyterLab, run from the top, its explorers moved by hand and key.

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
WIDGET = "xpath=ancestor-or-self::*[contains(@class, 'jupyter-widgets')][1]"
TRACK = "xpath=ancestor::*[contains(@class, 'noUi-target')]"
PRESS = """async handle => {
    const picture = handle.closest('.bncourse-explorer').querySelector('img.widget-image'), took = [];
    const there = handle.ariaValueNow === handle.ariaValueMax ? 'ArrowLeft' : 'ArrowRight';
    const back = there === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    for (const key of [there, back, there, back, there, back]) {
        const drawn = new Promise(seen => {
            picture.addEventListener('load', () => seen(performance.now()), {once: true});
            setTimeout(() => seen(null), 2000);
        });
        const pressed = performance.now();
        handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        const shown = await drawn;
        took.push(shown && shown - pressed);
    }
    return took;
}"""
HAS_ROOM = "control => !(control.ariaValueMax && control.ariaValueNow === control.ariaValueMax)"
DIGEST = """async image => {
    const bytes = await (await fetch(image.src)).arrayBuffer();
    return String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}"""


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_learner_runs_it_and_moves_every_control(notebook, lab, page, screenshots, record_property):
    record_property("notebook", f"{notebook.name}, in a browser")
    errors, took = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Could not create" in message.text else None)
    page.goto(lab(notebook.name))
    page.wait_for_function(IDLE, timeout=OPEN_TIMEOUT)
    stored = answers(page.evaluate(OUTPUTS))
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => window.ranAll", timeout=RUN_TIMEOUT)
    outputs = page.evaluate(OUTPUTS)
    assert list(complaints(outputs)) == []
    assert answers(outputs) == stored
    assert page.evaluate(NOT_RUN) == []
    page.locator(".jp-Notebook-cell").first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / f"{notebook.stem}_top.png")
    for number, explorer in enumerate(page.locator(".bncourse-explorer").all(), 1):
        explorer.scroll_into_view_if_needed()
        explorer.screenshot(path=screenshots / f"{notebook.stem}_explorer_{number}.png")
        play(explorer)
        took += latencies(explorer)
    record_property("latency", (notebook.stem, took))
    assert errors == []


def complaints(outputs):
    """What no learner should see: an error, or anything on stderr."""
    for id, shown in outputs:
        for output in shown:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                yield id, output


def answers(outputs):
    """What each cell gives, in words; for an exercise left alone these are "not attempted yet"."""
    return [(id, [output["data"]["text/plain"] for output in shown if "text/plain" in output.get("data", {})])
            for id, shown in outputs]


def play(explorer):
    """Moves every control by itself, sees another picture, presses Reset, and sees the first one again."""
    picture = explorer.locator("img.widget-image")
    first = picture.evaluate(DIGEST)
    moves = [(control, gestures) for kind, gestures in GESTURES.items() for control in explorer.locator(kind).all()]
    assert moves, "the explorer has no control"
    for control, gestures in moves:
        for gesture in gestures:
            what = f"{gesture.__name__} on '{' '.join(control.locator(WIDGET).inner_text().split())}'"
            assert moved(explorer, control, gesture, first), f"{what}: the picture stayed as it was"
            settle(picture)
            explorer.get_by_role("button", name="Reset").click()
            assert wait_until(lambda: picture.evaluate(DIGEST) == first), f"{what}, then Reset: not the first picture"


def moved(explorer, control, gesture, first):
    """Whether a gesture changes the picture, forwards or backwards; first away from where a slider ends."""
    picture = explorer.locator("img.widget-image")
    for forwards in (True, False) if control.evaluate(HAS_ROOM) else (False, True):
        gesture(control, forwards)
        if wait_until(lambda: picture.evaluate(DIGEST) != first):
            return True
        assert explorer.get_by_role("alert").all_text_contents() == []
    return False


def wait_until(seen):
    end = time.monotonic() + REDRAW_TIMEOUT
    while time.monotonic() < end:
        if seen():
            return True
        time.sleep(0.02)
    return False


def settle(picture):
    """Waits until the picture keeps still: a busy kernel draws each point of a drag, one after the other."""
    seen = [picture.evaluate(DIGEST)]

    def still():
        time.sleep(0.15)
        seen.append(picture.evaluate(DIGEST))
        return seen[-1] == seen[-2]

    assert wait_until(still), "the picture does not come to rest"


def press_keys(handle, forwards):
    handle.focus()
    handle.press("End" if forwards else "Home")


def drag(handle, forwards):
    mouse, box, track = handle.page.mouse, handle.bounding_box(), handle.locator(TRACK).bounding_box()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(track["x"] + (track["width"] - 1 if forwards else 1), box["y"] + box["height"] / 2, steps=5)
    mouse.up()


def choose(dropdown, forwards):
    options = dropdown.locator("option").all_text_contents()
    chosen = dropdown.evaluate("select => select.selectedIndex")
    dropdown.select_option(options[(chosen + (1 if forwards else -1)) % len(options)])


def click(button, forwards):
    button.click()


def latencies(explorer):
    """Milliseconds from a key on a slider to the new picture on the page, as the page's own clock has them."""
    return [ms for handle in explorer.locator(".noUi-handle").all() for ms in handle.evaluate(PRESS) if ms is not None]


GESTURES = {
    ".noUi-handle": [press_keys, drag],
    "select": [choose],
    "input[type=checkbox]": [click],
    ".widget-toggle-button:not(.widget-toggle-buttons *)": [click],
    ".widget-toggle-buttons button:not(.mod-active)": [click],
    "input[type=radio]:not(:checked)": [click],
}
