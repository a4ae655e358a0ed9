"""`python3 -m bncourse slides`: a reveal.js deck for each lesson, and its PDF."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `slides` to the commands of an argparse parser."""
    slides = commands.add_parser("slides", help="make the slides, to be shown without a network")
    slides.add_argument("lessons", nargs="*", metavar="NN", help="lessons to make (default: all)")
    slides.add_argument("--plan", metavar="NAME",
                        help="instead: lectures put together from lessons, 90 for ninety minutes as one deck, six for "
                             "six sessions")
    slides.add_argument("--pdf", action="store_true", help="print each deck as a PDF too; needs a Chromium")
    slides.add_argument("--still", action="store_true", help="let explorers stand still: seconds instead of a minute")
    slides.add_argument("--to", type=Path, default=ROOT / "build" / "slides", metavar="FOLDER",
                        help="where to write them (default: build/slides)")
    slides.set_defaults(do=make, complete=True)


def make(options) -> int:
    """Writes the decks, and says where they are."""
    from bncourse.lectures import deck, folders, frames, lessons, pdf, plans

    if options.plan and options.lessons:
        raise plans.NoSuchPlan(f"--plan {options.plan} names its lessons itself; expected none beside it, found "
                               f"{' '.join(options.lessons)}")
    browser = pdf.chromium() if options.pdf else ""
    needed = plans.lessons_of(options.plan) if options.plan else options.lessons
    chosen = lessons.find(needed)
    moving = {} if options.still else frames.make(chosen, ROOT / "build" / "frames")
    with folders.whole_folder(options.to, "slides", keep=bool(needed)) as draft:
        made = (deck.write_lectures(options.plan, chosen, draft, moving) if options.plan
                else deck.write(chosen, draft, moving))
        for path in made if options.pdf else []:
            print(pdf.write(path, browser).name, flush=True)
    print(f"{len(made)} deck(s); open one in a browser, S shows the speaker's notes: {options.to}")
    return 0
