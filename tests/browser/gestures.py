"""What a learner does to an explorer on a page: every control is moved by hand and by key, and put back."""

import time

REDRAW_TIMEOUT, QUIET = 10, 1.5  # seconds: in all, and with nothing to do
BUSY = "() => window.panel.sessionContext.session.kernel.status !== 'idle'"
WIDGET = "xpath=ancestor-or-self::*[contains(@class, 'jupyter-widgets')][1]"
TRACK = "xpath=ancestor::*[contains(@class, 'noUi-target')]"
PRESS = """async handle => {
    const picture = handle.closest('.bncourse-explorer').querySelector('img.widget-image'), took = [];
    const there = handle.ariaValueNow === handle.ariaValueMax ? 'ArrowLeft' : 'ArrowRight';
    const back = there === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    for (const key of [there, back]) {
        await new Promise(rested => setTimeout(rested, 50));
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
NAMES = """() => ({
    sliders: [...document.querySelectorAll('.bncourse-explorer .widget-slider')].flatMap(slider =>
        [...slider.querySelectorAll('[role=slider]')].map(handle =>
            [slider.querySelector('.widget-label').textContent, handle.ariaLabel])),
    null: [...document.querySelectorAll('.bncourse-explorer [title=null]')].map(each => each.textContent),
})"""
DIGEST = """async image => {
    const bytes = await (await fetch(image.src)).arrayBuffer();
    return String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}"""


def play(explorer):
    """Moves every control by itself, sees another picture, presses Reset, and sees the first one again.

    Returns what went wrong, a sentence each.
    """
    picture = explorer.locator("img.widget-image")
    first = picture.evaluate(DIGEST)
    moves = [(control, gestures) for kind, gestures in GESTURES.items() for control in explorer.locator(kind).all()]
    complaints = nameless(explorer) if moves else ["an explorer has no control"]
    for control, gestures in moves:
        for gesture in gestures:
            what = f"{gesture.__name__} on the control '{' '.join(control.locator(WIDGET).inner_text().split())}'"
            if not moved(explorer, control, gesture, first):
                alerts = explorer.get_by_role("alert").all_text_contents()
                complaints.append(f"{what}: {' '.join(alerts) or 'the picture stays as it is'}")
                break
            if not settle(picture):
                complaints.append(f"{what}: the picture does not come to rest")
            explorer.get_by_role("button", name="Reset").click()
            if not wait_until(picture.page, lambda: picture.evaluate(DIGEST) == first):
                complaints.append(f"{what}, then Reset: not the first picture")
    return complaints


def nameless(explorer):
    """What is wrong with what a screen reader says of sliders, and with the tooltips of labels, a sentence each."""
    said = explorer.page.evaluate(NAMES)
    complaints = [f"the slider '{label}' is called {name!r}" for label, name in said["sliders"] if name != label]
    return complaints + [f"the label '{label}' has the tooltip 'null'" for label in said["null"]]


def moved(explorer, control, gesture, first):
    """Whether a gesture changes the picture, forwards or backwards; first away from where a slider ends."""
    picture = explorer.locator("img.widget-image")
    for forwards in (True, False) if control.evaluate(HAS_ROOM) else (False, True):
        gesture(control, forwards)
        if wait_until(picture.page, lambda: picture.evaluate(DIGEST) != first):
            return True
        if explorer.get_by_role("alert").count():
            return False
    return False


def wait_until(page, seen):
    """Whether it is seen in time; there is no time left once the kernel has had nothing to do for a while."""
    began = quiet = now = time.monotonic()
    while now < began + REDRAW_TIMEOUT and now < quiet + QUIET:
        if seen():
            return True
        time.sleep(0.05)
        now = time.monotonic()
        quiet = now if page.evaluate(BUSY) else quiet
    return False


def settle(picture):
    """Whether the picture comes to rest. It is waited for: a busy kernel draws each point of a drag."""
    seen = [picture.evaluate(DIGEST)]

    def still():
        time.sleep(0.05)
        seen.append(picture.evaluate(DIGEST))
        return seen[-1] == seen[-2] and not picture.page.evaluate(BUSY)

    return wait_until(picture.page, still)


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
    """Milliseconds from a key on a slider at rest to the new picture on the page, by the page's own clock."""
    return [ms for handle in explorer.locator(".noUi-handle").all() for ms in handle.evaluate(PRESS) if ms is not None]


GESTURES = {
    ".noUi-handle": [press_keys, drag],
    "select": [choose],
    "input[type=checkbox]": [click],
    ".widget-toggle-button:not(.widget-toggle-buttons *)": [click],
    ".widget-toggle-buttons button:not(.mod-active)": [click],
    "input[type=radio]:not(:checked)": [click],
}
