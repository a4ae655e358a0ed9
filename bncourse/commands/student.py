"""`python3 -m bncourse student`: the notebooks to hand out, without solutions and answers."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `student` to the commands of an argparse parser."""
    student = commands.add_parser("student", help="make the notebooks to hand out: no solutions, no answers")
    student.add_argument("--to", type=Path, default=ROOT / "build" / "student", metavar="FOLDER",
                         help="where to write them (default: build/student)")
    student.set_defaults(do=make)


def make(options) -> int:
    """Writes the notebooks, and says where they are."""
    from bncourse.lectures import editions, folders, lessons

    chosen = editions.in_edition(lessons.find(), "student")
    with folders.whole_folder(options.to, "student") as draft:
        editions.write(chosen, draft)
    print(f"{len(chosen)} notebook(s) without solutions, answers and notes: {options.to}")
    return 0
