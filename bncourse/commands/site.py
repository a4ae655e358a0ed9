"""`python3 -m bncourse site`: the course as static pages for any web server."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `site` to the commands of an argparse parser."""
    site = commands.add_parser("site", help="make the course page: lessons, slides, downloads")
    site.add_argument("--edition", choices=["student", "instructor"], default="student",
                      help="without answers (student, the default), or with everything")
    site.add_argument("--to", type=Path, metavar="FOLDER",
                      help="where to write it (default: build/site, or build/site-instructor)")
    site.set_defaults(do=make, complete=True)


def make(options) -> int:
    """Writes the pages, and says where they are."""
    from bncourse.lectures import folders, lessons, site

    made, says = {"student": ("site", "without answers"), "instructor": ("site-instructor", "with all answers")}[
        options.edition]
    place = options.to or ROOT / "build" / made
    with folders.whole_folder(place, made) as draft:
        site.write(lessons.find(), options.edition, draft)
    print(f"the course page, {says}: open index.html, or give the folder to a web server: {place}")
    return 0
