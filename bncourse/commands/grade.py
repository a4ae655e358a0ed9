"""`python3 -m bncourse grade`: a class's notebooks -> a table of verdicts, and the mistakes of the class.

    python3 -m bncourse grade handed-in
    python3 -m bncourse grade handed-in --lesson 03 --to monday
"""

import os
from pathlib import Path

from bncourse.paths import ROOT

DESCRIPTION = """Takes the answers out of the notebooks in FOLDER (STUDENT/NN_name.ipynb, or STUDENT_NN_name.ipynb as
Moodle and Canvas give them), and has the course's own checks judge them. It RUNS STRANGERS' CODE, as you: in processes
with limits of time, memory and output, on Linux without a network. They can still read what you can; where that
matters, grade in a container or in an account of its own."""


def add(commands):
    """Adds `grade` to the commands of an argparse parser."""
    grade = commands.add_parser("grade", help="judge what students handed in (runs their code)", allow_abbrev=False,
                                description=DESCRIPTION)
    grade.add_argument("folder", type=Path, metavar="FOLDER", help="the notebooks that were handed in")
    grade.add_argument("--lesson", action="append", metavar="NN", help="only this lesson; may be given again")
    grade.add_argument("--seconds", type=float, default=30, metavar="S", help="the time for one answer (default: 30)")
    grade.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1), metavar="N",
                       help="submissions at a time (default: %(default)s)")
    grade.add_argument("--otter", action="store_true", help="also write the checks as test files of Otter-Grader")
    grade.add_argument("--to", type=Path, default=ROOT / "build" / "grades", metavar="OUT",
                       help="where to write grades.csv and mistakes.md (default: build/grades)")
    grade.set_defaults(do=carry_out)


def carry_out(options) -> int:
    """Judges, and says how it went with the class. Status 0 whatever the grades are."""
    from bncourse.grading import classroom

    return classroom.grade(options.folder, options.to, options.lesson, seconds=options.seconds,
                           processes=options.processes, for_otter=options.otter)
