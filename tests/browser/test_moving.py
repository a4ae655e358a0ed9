"""What moves on pages and slides that have no kernel and no server: explorers, questions, the search."""

import json

import pytest
from ipywidgets import Checkbox, Dropdown, IntSlider
from nbformat.v4 import new_code_cell, new_output

from bncourse.explorers import Explorer
from bncourse.figures.style import DPI
from bncourse.lectures import frames, site
from tests.browser.chromium import open_page
from tests.lectures.small import small_lesson

PIXEL = """figure => {
    const canvas = figure.querySelector('canvas'), {width, height} = canvas.getBoundingClientRect();
    return [figure.dataset.frame, width > 100, height > 100, canvas.ariaLabel];
}"""


def shades(fig, level, color, grid):
    """A bar as high as the level says, on another ground for each color."""
    ax = fig.add_subplot(facecolor=color)
    ax.bar([0], [level])
    ax.set_ylim(0, 3)
    ax.grid(grid)
    ax.set_title(f"level {level} on {color}", loc="left")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The course page of one small lesson with an explorer."""
    explorer = Explorer(shades, alt="A bar on a ground of one colour", figsize=(3.2, 2.4), level=IntSlider(1, 0, 3),
                        color=Dropdown(options=["white", "yellow"]), grid=Checkbox(False),
                        grids=[{"level": range(4), "color": ["yellow"]}, {"grid": [True]}])
    data, metadata = explorer._repr_mimebundle_()
    cell = new_code_cell("shade_explorer()", id="shades", outputs=[new_output("display_data", data, metadata=metadata)])
    lesson, made, folder = small_lesson(), tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("site")
    lesson.cells.insert(3, cell)
    (made / frames.TOLD).write_text(json.dumps({"shades": frames.write(explorer, made / "shades")}))
    site.write([lesson], "student", folder, {lesson.name: made}, packages=())
    return folder


def figure(page):
    return page.locator("figure[data-frames]")


def frame(page, number):
    """Waits for a frame to be shown."""
    page.wait_for_function("number => document.querySelector('figure').dataset.frame === number", arg=str(number))


def play(page):
    """Moves every control, by keys and by hand, and sees the frame that belongs to it."""
    explorer = figure(page)
    frame(page, 2)  # level 1, white
    slider, color, grid = (explorer.get_by_role(role, name=name) for role, name in (
        ("slider", "level"), ("combobox", "color"), ("checkbox", "grid")))
    assert slider.get_attribute("aria-valuetext") == "1"
    slider.focus()
    page.keyboard.press("ArrowRight")
    frame(page, 4)
    assert slider.get_attribute("aria-valuetext") == "2"
    color.focus()
    page.keyboard.press("ArrowDown")
    frame(page, 5)
    assert explorer.locator("output").text_content() == "level 2 on yellow"
    grid.focus()
    page.keyboard.press("Space")
    frame(page, 9)  # of another grid: the others are back at their first stops
    assert slider.get_attribute("aria-valuetext") == "1" and grid.is_checked()
    explorer.get_by_role("button", name="Reset").click()
    frame(page, 2)
    assert not grid.is_checked()
    assert explorer.evaluate(PIXEL) == ["2", True, True, "A bar on a ground of one colour"]


def test_an_explorer_moves_on_a_page_without_a_kernel(place, offline):
    page, wrong = offline
    open_page(page, place / "lessons" / "98_small.html")
    play(page)
    assert wrong == []


def test_an_explorer_moves_on_a_slide_and_its_keys_do_not_turn_it(place, offline):
    page, wrong = offline
    open_page(page, place / "slides" / "98_small.html")
    page.evaluate("() => { const {h, v} = Reveal.getIndices(document.querySelector('figure').closest('section'));"
                  "Reveal.slide(h, v); }")
    before = page.evaluate("() => Reveal.getIndices()")
    play(page)
    assert page.evaluate("() => Reveal.getIndices()") == before
    assert page.evaluate("() => document.querySelector('canvas').getBoundingClientRect().bottom") <= 720
    assert wrong == []


def test_an_explorer_whose_frames_are_missing_stays_a_picture(place, offline):
    page, _ = offline
    whole = (place / "lessons" / "98_small.html").read_text(encoding="utf-8")
    (place / "lessons" / "spoilt.html").write_text(whole.replace("frames/98_shades", "frames/gone"), encoding="utf-8")
    open_page(page, place / "lessons" / "spoilt.html")
    page.wait_for_function("() => !document.querySelector('figure input')")
    assert figure(page).locator("img").evaluate("image => image.naturalWidth") == round(3.2 * DPI)


def test_a_question_says_whether_the_choice_is_right(place, offline):
    page, wrong = offline
    open_page(page, place / "questions.html")
    quiz = page.get_by_role("group", name="Question 98.1")
    quiz.get_by_role("radio", name="yes").check()
    assert quiz.get_by_role("status").text_content() == "Not this one."
    quiz.get_by_role("radio", name="no").check()
    assert quiz.get_by_role("status").text_content() == "Right."
    assert wrong == []


def test_the_options_of_a_question_are_shuffled_at_each_visit(place, offline):
    page, _ = offline
    seen = set()
    for chance in ("0", "0.99"):
        page.add_init_script(f"Math.random = () => {chance}")
        open_page(page, place / "questions.html")
        seen.add(page.locator(".options").text_content().split()[0])
    assert len(seen) == 2


def test_the_search_finds_a_section_by_its_words(place, offline):
    page, wrong = offline
    open_page(page, place / "index.html")
    page.get_by_role("searchbox").fill("TEXT with")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=TEXT+with")
    assert page.get_by_role("link", name="98: 1 Words").get_attribute("href") == "lessons/98_small.html#1-words"
    page.get_by_role("searchbox", name="Words to search for").fill("nothing has these words")
    assert page.locator("#found").text_content() == "No places."
    assert wrong == []
