"""`python3 -m bncourse site`: the course as static pages for any web server."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Describes the command."""
    site = commands.add_parser("site", help="make the course page: lessons, slides, downloads")
    site.add_argument("--edition", choices=["student", "instructor"], default="student",
                      help="without answers (student, the default), or with everything")
    site.add_argument("--to", type=Path, default=ROOT / "build" / "site", metavar="FOLDER",
                      help="where to write it (default: build/site)")
    site.set_defaults(do=make, complete=True)


def make(options) -> int:
    """Writes the pages, and says where they are."""
    from bncourse.lectures import folders, lessons, site

    with folders.written_whole(options.to, "site") as draft:
        site.write(lessons.find(), options.edition, draft)
    print(f"open index.html, or give the folder to a web server: {options.to}")
    return 0
