"""`python3 -m bncourse site`: the course as static pages for any web server."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `site` to the commands of an argparse parser."""
    site = commands.add_parser("site", help="make the course page: lessons, slides, downloads")
    site.add_argument("--edition", choices=["student", "instructor"], default="student",
                      help="without answers (student, the default), or with everything")
    site.add_argument("--repository", metavar="OWNER/NAME",
                      help="of the course on GitHub: lessons link to Colab and Binder")
    site.add_argument("--still", action="store_true", help="let explorers stand still: seconds instead of a minute")
    site.add_argument("--to", type=Path, metavar="FOLDER",
                      help="where to write it (default: build/site, or build/site-instructor)")
    site.set_defaults(do=make, complete=True)


def make(options) -> int:
    """Writes the pages, and says where they are."""
    from bncourse.lectures import elsewhere, folders, frames, lessons, site

    made, says = {"student": ("site", "without answers"), "instructor": ("site-instructor", "with all answers")}[
        options.edition]
    place = options.to or ROOT / "build" / made
    repository, chosen = elsewhere.github(options.repository) if options.repository else "", lessons.find()
    moving = {} if options.still else frames.make(chosen, ROOT / "build" / "frames")
    with folders.whole_folder(place, made) as draft:
        site.write(chosen, options.edition, draft, moving, repository)
    print(f"the course page, {says}: open index.html, or give the folder to a web server: {place}")
    return 0
