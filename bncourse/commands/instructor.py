"""`python3 -m bncourse instructor`: the notebooks to grade from, with everything open."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `instructor` to the commands of an argparse parser."""
    instructor = commands.add_parser("instructor", help="make the notebooks to grade from: everything open")
    instructor.add_argument("--to", type=Path, default=ROOT / "build" / "instructor", metavar="FOLDER",
                            help="where to write them (default: build/instructor)")
    instructor.set_defaults(do=make)


def make(options) -> int:
    """Writes the notebooks, and says where they are."""
    from bncourse.lectures import editions, folders, lessons

    chosen = editions.in_edition(lessons.find(), "instructor")
    with folders.whole_folder(options.to, "instructor") as draft:
        editions.write(chosen, draft)
    print(f"{len(chosen)} notebook(s) with solutions, notes and what to grade by: {options.to}")
    return 0
