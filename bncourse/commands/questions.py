"""`python3 -m bncourse questions`: the questions of all lessons as Markdown, and as GIFT for Moodle."""

from pathlib import Path

from bncourse.paths import ROOT


def add(commands):
    """Adds `questions` to the commands of an argparse parser."""
    questions = commands.add_parser("questions", help="collect the questions: Markdown, and GIFT for Moodle")
    questions.add_argument("--to", type=Path, default=ROOT / "build" / "questions", metavar="FOLDER",
                           help="where to write them (default: build/questions)")
    questions.set_defaults(do=make)


def make(options) -> int:
    """Writes questions.md, with answers, and questions.gift; says where they are."""
    from bncourse.lectures import folders, gift, lessons, questions

    bank = questions.bank(lessons.find())
    with folders.whole_folder(options.to, "questions") as draft:
        (draft / "questions.md").write_text(questions.markdown(bank), encoding="utf-8", newline="\n")
        (draft / "questions.gift").write_text(gift.gift(bank), encoding="utf-8", newline="\n")
    print(f"{len(bank)} questions, questions.md and questions.gift: {options.to}")
    return 0
