"""`python3 -m bncourse doctor`: what is wrong with the batch norms of a checkpoint, or of a model.

    python3 -m bncourse doctor checkpoint.pt
    python3 -m bncourse doctor package.module:build --input 16,3,32,32 --fail-on risk
"""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path

SEVERITIES = ("fault", "risk", "note")  # the gravest first
TROUBLE = 2  # the exit status where nothing could be examined; 1 is that of findings

EPILOG = """A checkpoint is read without running anything in it: a file of
torch.save that holds a state_dict, or safetensors. package.module:build
RUNS ITS OWNER'S CODE: the module is imported, from this folder too, and
build() called, which returns the model.

--input is SHAPE[:DTYPE[:BELOW]]: 16,3,32,32 or, for whole numbers from
0 to 999, 16,128:int64:1000. Give it once for each argument of the model.

The exit status is 0, 1 where there is such a finding as --fail-on names or
a graver one, and 2 where nothing could be examined."""


def add(commands):
    """Adds `doctor` to the commands of an argparse parser."""
    doctor = commands.add_parser("doctor", help="say what is wrong with a model's batch norms", allow_abbrev=False,
                                 usage="%(prog)s CHECKPOINT | package.module:build [options]",
                                 epilog=EPILOG, formatter_class=RawDescriptionHelpFormatter)
    option = doctor.add_argument
    option("patient", metavar="PATIENT", help="a checkpoint, or package.module:build")
    batch = doctor.add_mutually_exclusive_group()
    batch.add_argument("--input", action="append", metavar="SHAPE", help="call the model with random numbers")
    batch.add_argument("--batch", action="append", metavar="FILE", help="call the model with an array of numpy.save")
    form = doctor.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_const", dest="form", const="json", help="print JSON")
    form.add_argument("--sarif", action="store_const", dest="form", const="sarif", help="print SARIF 2.1.0")
    option("--output", type=Path, metavar="FILE", help="write into a file, and print the summary")
    option("--fail-on", choices=SEVERITIES, default="fault", metavar="SEVERITY",
           help="fault (default), risk or note: which findings make the exit status 1")
    doctor.set_defaults(do=carry_out)


def carry_out(options) -> int:
    """Examines the patient, and prints the report. Returns the exit status."""
    import contextlib
    import sys

    from bncourse.doctor.files import Refused
    from bncourse.doctor.given import is_specification

    try:
        with contextlib.redirect_stdout(sys.stderr):  # what the owner's code prints is not the report
            report, file, line = (of_model if is_specification(options.patient) else of_checkpoint)(options)
        tell(written(report, options.form, file, line), report, options.output)
    except (Refused, OSError) as error:
        print(f"bncourse doctor: {error}", file=sys.stderr)
        return TROUBLE
    if report.nothing_examined:
        return TROUBLE
    counted = SEVERITIES[: SEVERITIES.index(options.fail_on) + 1]
    return int(any(finding.severity in counted for finding in report.findings))


def of_checkpoint(options):
    """The report on a checkpoint, its path, and no line. Raises Refused."""
    from bncourse.doctor.checkpoint import examine_checkpoint
    from bncourse.doctor.files import Refused

    if options.input or options.batch:
        raise Refused(f"{options.patient} is a checkpoint, which has no model to call; --input and --batch are for "
                      "package.module:build")
    return examine_checkpoint(options.patient), options.patient, None


def of_model(options):
    """The report on a model, and the file and line of the code that built it. Raises Refused."""
    from bncourse.doctor import examine, given

    batch = tuple(given.drawn(options.input) if options.input else map(given.stored, options.batch or ()))
    model, file, line = given.built(options.patient)
    try:
        return examine(model, batch or None), file, line
    except (ValueError, TypeError) as error:
        raise given.Refused(f"{options.patient} cannot be examined: {error}") from error


def written(report, form: str | None, file: str | None, line: int | None) -> str:
    """The report as text, JSON or SARIF; `file` and `line` are where its findings are shown."""
    from bncourse.doctor import formats

    if form == "sarif":
        return formats.to_sarif(report, file and formats.uri_of(file), line)
    return report.to_json() if form == "json" else str(report)


def tell(text: str, report, output: Path | None) -> None:
    """Prints a text, or writes it into a file, which is whole at any time, and prints the report's summary."""
    if output is None:
        print(text)
        return
    unfinished = output.with_name(output.name + ".part")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(output)
    print(report.summary)
