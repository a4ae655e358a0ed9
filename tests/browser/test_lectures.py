"""Decks and the course page in a real browser that can reach no network: whole, readable, and for everyone.

Every request to another host is refused, and fails the test. axe-core looks at each page with the typeset formulas
taken out, which it would only count.
"""

import re
from importlib.resources import files

import pytest

from bncourse.lectures import lessons
from tests.browser.chromium import keep_screenshot, open_page

LESSONS = [path.stem for path in sorted(lessons.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))]
LECTURE = "lecture_90"  # whose slides are measured like those of a lesson
WIDTHS = (360, 390, 1280)  # of phones, and of a projector
LEAST_PICTURE, LEAST_TEXT, LEAST_CODE = 300, 20, 19  # pixels on a slide of 720
PROJECTOR = 1.5  # of its pixels, 1920 x 1080, for one of a slide
SLIDES = """() => Reveal.getSlides().map(slide => {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v, 99);
    const page = slide.querySelector('.page'), all = [...page.querySelectorAll('*:not(.MathJax *)')];
    const seen = all.filter(each => !each.closest('.MJX_Assistive_MathML, .MathJax_Preview'));
    const boxes = seen.map(each => each.getBoundingClientRect()), outer = page.getBoundingClientRect();
    const size = each => parseFloat(getComputedStyle(each).fontSize), parts = [...page.children];
    const lowest = part => Math.max(...boxes.filter((_, place) => part.contains(seen[place])).map(box => box.bottom));
    return {
        slide: `${h}/${v} ${page.querySelector('h1, h2').innerText}`,
        corner: [outer.left, outer.top, outer.width, outer.height].map(Math.round),
        right: Math.round(Math.max(...boxes.map(box => box.right))),
        bottom: Math.round(Math.max(...boxes.map(box => box.bottom))),
        scroll: page.scrollHeight,
        covered: parts.slice(1).filter((part, place) => lowest(parts[place]) > part.getBoundingClientRect().top + 1)
            .map(part => part.innerText.slice(0, 80)),
        pictures: [...page.querySelectorAll('img, canvas')].map(image =>
            (image.naturalWidth ?? image.width) && image.clientHeight),
        enlarged: Math.max(0, ...[...page.querySelectorAll('img, canvas')].map(image => PROJECTOR *
            Math.min(image.clientWidth / (image.naturalWidth ?? image.width),
                     image.clientHeight / (image.naturalHeight ?? image.height)))),
        captions: Math.min(...[...page.querySelectorAll('figcaption')].map(size), 99),
        text: Math.min(...[...page.querySelectorAll('p, li, td')].map(size), 99),
        code: Math.min(...[...page.querySelectorAll('pre')].map(size), 99),
    };
})""".replace("PROJECTOR", str(PROJECTOR))
FORMULAS = """() => ({
    typeset: document.querySelectorAll('.MathJax').length,
    wrong: document.querySelectorAll('.MathJax_Error, .merror').length,
    fonts: [...document.fonts].filter(font => font.status === 'loaded').map(font => font.family),
    raw: [...document.querySelectorAll('p, li, td')].filter(each => /\\$[^$]+\\$/.test(each.innerText)).length,
})"""
SILENT = """() => Reveal.getHorizontalSlides().slice(0, -2).map(stack => stack.querySelector('section'))
    .filter(slide => !Reveal.getSlideNotes(slide)).map(slide => slide.innerText.slice(0, 80))"""
BARE = """() => {
    document.querySelectorAll('.MathJax_Preview, script').forEach(each => each.remove());
    document.querySelectorAll('.MathJax').forEach(each => each.replaceWith('formula'));
    for (const code of [...document.querySelectorAll('pre.code')].slice(5)) code.textContent = code.textContent;
    for (const slide of document.querySelectorAll('section')) {
        slide.inert = false;
        for (const name of ['aria-hidden', 'hidden', 'style']) slide.removeAttribute(name);
    }
    document.querySelector('.reveal')?.classList.add('preparing');
}"""
AXE = """async rules => (await axe.run(document, {
    resultTypes: ['violations'], preload: false, ...(rules && {runOnly: rules}),
})).violations.filter(found => ['serious', 'critical'].includes(found.impact) || found.id === 'heading-order')
    .map(found => `${found.id}: ${found.help}: ${found.nodes[0].html.slice(0, 200)}`)"""


def complaints_of_axe(page, dark=False):
    """What axe-core finds on a page; with `dark` also what it finds of colours where dark is preferred."""
    page.evaluate(BARE)
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + "; 0")
    found = page.evaluate(AXE)
    if dark:
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {complaint}" for complaint in page.evaluate(AXE, ["color-contrast"])]
    return found


def measured(page):
    """The slides as `SLIDES` finds them. What Firefox scrolls counts the struts of formulas, which nobody sees."""
    slides = page.evaluate(SLIDES)
    if page.context.browser.browser_type.name == "firefox":
        slides = [slide | {"scroll": slide["bottom"]} for slide in slides]
    return slides


def check_formulas(page):
    found = page.evaluate(FORMULAS)
    assert (found["wrong"], found["raw"]) == (0, 0), found
    assert not found["typeset"] or any("STIX" in family for family in found["fonts"]), found
    assert "Source Sans Pro" in " ".join(found["fonts"])


@pytest.mark.parametrize("name", [*LESSONS, LECTURE])
def test_a_deck_fits_its_slides_and_reads_from_the_back_row(name, material, offline):
    page, wrong = offline
    open_page(page, material / "slides" / f"{name}.html")
    check_formulas(page)
    for number, slide in enumerate(measured(page)):
        assert slide["corner"] == [0, 0, 1280, 720], slide
        assert slide["right"] <= 1280 and slide["bottom"] <= 720 and slide["scroll"] <= 720, slide
        assert slide["covered"] == [], slide
        assert slide["enlarged"] <= 1.003, slide  # layout rounds to whole pixels
        assert slide["enlarged"] > 0.99 or all(height >= LEAST_PICTURE for height in slide["pictures"]), slide
        assert min(slide["text"], slide["captions"]) >= LEAST_TEXT and slide["code"] >= LEAST_CODE, slide
        if number == 3:
            keep_screenshot(page, f"{name}_slide")
    assert page.evaluate(SILENT) == []
    assert complaints_of_axe(page) == []
    assert wrong == []


def test_a_deck_is_led_by_the_keyboard_and_hides_what_is_not_its_turn(material, offline):
    page, wrong = offline
    open_page(page, material / "slides" / f"{LESSONS[0]}.html")
    at = "() => [Reveal.getIndices().h, Reveal.getIndices().v]"
    for _ in range(1 + page.evaluate("() => Reveal.getCurrentSlide().querySelectorAll('.fragment').length")):
        page.keyboard.press("ArrowRight")  # what comes when it is called, then the next section
    assert page.evaluate(at) == [1, 0]
    page.keyboard.press("End")
    last = page.evaluate(at)
    page.keyboard.press("Home")
    assert page.evaluate(at) == [0, 0] and last[0] > 3
    open_now = "() => Reveal.getSlides().filter(slide => !slide.inert).length"
    assert page.evaluate(open_now) == 1
    page.keyboard.press("Escape")
    assert page.evaluate(open_now) > 1
    assert wrong == []


@pytest.mark.parametrize("name", ["index", "questions", "claims", "glossary", "search", "api/evaluation",
                                  *(f"lessons/{name}" for name in LESSONS)])
def test_a_page_of_the_course_is_whole_and_for_everyone(name, material, offline):
    page, wrong = offline
    open_page(page, material / "site" / f"{name}.html")
    check_formulas(page)
    for image in page.locator("img[loading=lazy]").all():
        image.scroll_into_view_if_needed()
    assert page.evaluate("() => [...document.images].filter(image => !image.naturalWidth).length") == 0
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    keep_screenshot(page, f"site_{name.replace('/', '_')}")
    assert complaints_of_axe(page, dark=not name.startswith("lessons/") or name.endswith(LESSONS[3])) == []
    assert wrong == []


def test_the_keyboard_skips_to_the_content(material, offline):
    page, _ = offline
    open_page(page, material / "site" / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') && document.activeElement.href")


def test_a_slide_that_overflows_would_be_seen(material, offline, tmp_path):
    page, _ = offline
    text = (material / "slides" / f"{LESSONS[0]}.html").read_text(encoding="utf-8")
    (material / "slides" / "spoilt.html").write_text(text.replace("</h2>", "</h2><p>" + "word " * 3000 + "</p>", 1),
                                                     encoding="utf-8")
    open_page(page, material / "slides" / "spoilt.html")
    assert max(slide["bottom"] for slide in page.evaluate(SLIDES)) > 720


def test_the_slides_of_students_and_of_sessions_fit_too(material, offline):
    """Only those that are not slides of the whole decks, which are measured above; all on one page."""
    page, wrong = offline
    others = {slide for name in LESSONS for slide in slides_of(material / "slides" / f"{name}.html")}
    decks = [*(material / "site" / "slides").glob("*.html"), *(material / "slides").glob("session_*.html")]
    own = [slide for deck in sorted(decks) for slide in slides_of(deck) if slide not in others]
    whole = (material / "slides" / f"{LESSONS[0]}.html").read_text(encoding="utf-8")
    before, after = whole.partition("<section>")[0], whole.rpartition("</section>")[2]
    (material / "slides" / "own.html").write_text(f"{before}<section>{''.join(own)}</section>{after}", encoding="utf-8")
    open_page(page, material / "slides" / "own.html")
    found = measured(page)
    assert len(found) == len(own) > len(LESSONS)
    assert max(slide["bottom"] for slide in found) <= 720 >= max(slide["scroll"] for slide in found)
    assert [slide["covered"] for slide in found if slide["covered"]] == []
    assert wrong == []


def slides_of(path):
    """The slides of a deck as HTML, without notes; a title is a slide like any other."""
    text = path.read_text(encoding="utf-8").replace('<section class="title">', '<section class="page">')
    text = re.sub(r'<aside class="notes">.*?</aside>', "", text, flags=re.S)
    return re.findall(r'<section class="page">.*?</section>', text, re.S)


def test_no_slide_is_seen_before_its_mathematics_is_there(material, offline):
    page, _ = offline
    page.route("**/MathJax.js*", lambda route: route.abort())
    page.goto((material / "slides" / f"{LESSONS[0]}.html").as_uri())
    seen = page.evaluate("() => [getComputedStyle(document.querySelector('.slides')).opacity, "
                         "getComputedStyle(document.querySelector('.reveal'), '::before').content]")
    told = seen[1].replace("attr(aria-label)", page.locator(".reveal").get_attribute("aria-label"))  # by Firefox
    assert seen[0] == "0" and "Start here" in told
