"""`python3 -m bncourse runs`: list the recorded measurements, record what is planned, repeat what was recorded."""

import ast
import functools

from bncourse.paths import PACKAGE


def add(commands):
    """Adds `runs` to the commands of an argparse parser, with what follows it: list, record, replay."""
    runs = commands.add_parser("runs", help="list, record or replay the measurements")
    runs.set_defaults(do=show, experiment=None)
    what = runs.add_subparsers(dest="what", metavar="what")
    listed = what.add_parser("list", help="the recorded runs (what is done unless something is named)")
    listed.add_argument("experiment", nargs="?", help="only the runs of this experiment")
    record = what.add_parser("record", help="measure what an experiment plans and has not recorded yet")
    record.add_argument("experiment", help=f"one of {', '.join(planned())}")
    record.add_argument("--part", help="only this part of the plan")
    record.set_defaults(do=record_missing)
    replay = what.add_parser("replay", help="measure the first steps of recorded runs again, and compare")
    replay.add_argument("names", nargs="*", metavar="NAME", help="an experiment, or experiment/variant (default: all)")
    replay.add_argument("--steps", type=int, default=300, help="how many steps, where a run has more (default: 300)")
    replay.add_argument("--exact", action="store_true", help="every digit counts, on the processor that recorded")
    replay.set_defaults(do=replay_recorded)


def planned() -> list[str]:
    """The experiments that plan runs: the files of bncourse/experiments that define both PLAN and `run`.

    The files are read and not imported, so that help comes at once and from a bare clone.
    """
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "experiments").glob("*.py")}
    likely = {name: text for name, text in texts.items() if "PLAN" in text and "def run(" in text}
    return sorted(name for name, text in likely.items() if {"PLAN", "run"} <= defined(text))


@functools.cache
def defined(source: str) -> frozenset[str]:
    """The names that a file's source defines or imports at its top level."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return frozenset(names)


def show(options) -> int:
    """One line for each recorded run, with what it ran on, its seed, its seconds and its day."""
    from bncourse import runs

    found = [run for name in experiments(options.experiment) for run in runs.find(name)]
    for run in found:
        told = run.provenance
        print(f"{run.experiment + '/' + run.variant:<40} {told['data']:<8} seed {told['seed']:<4} "
              f"{told['seconds']:>9.1f} s  {told['date'][:10]}")
    if not found:
        others = f"; there are runs of {', '.join(experiments(None))}" if options.experiment else ""
        print(f"No runs are recorded in {runs.RUNS / (options.experiment or '')}{others}")
    return 1 if options.experiment and not found else 0


def experiments(name: str | None) -> list[str]:
    from bncourse import runs

    return [name] if name else sorted(path.name for path in runs.RUNS.glob("[!.]*"))


def record_missing(options) -> int:
    """A line for each run as soon as it is recorded, and on stderr how far it is. It may be stopped at any moment and
    begun again; a training then goes on from its newest checkpoint."""
    from bncourse.experiments import recording
    from bncourse.training.reports import Terminal

    planned = recording.plan(options.experiment, options.part)
    missing = [config for config in recording.missing(options.experiment) if config in planned]
    print(f"{len(planned) - len(missing)} of {len(planned)} runs are recorded", flush=True)
    for number, config in enumerate(missing, start=1):
        path = recording.record(options.experiment, config, progress=Terminal(config.variant()))
        print(f"{number} of {len(missing)}: {path.stem}", flush=True)
    return 0


def replay_recorded(options) -> int:
    """A line for each run, and under it what differs; one for each experiment that is left out. Status 1 where one
    differs, or has no data to be repeated with."""
    from bncourse.datasets.files import DataError
    from bncourse.experiments import recording

    differ, left_out = 0, set()
    for run in [run for name in options.names or experiments(None) for run in named(name)]:
        if not recording.can_replay(run.experiment):
            left_out.add(run.experiment)
            continue
        try:
            told = recording.replay(run, options.steps, options.exact)
        except DataError as absent:
            print(f"no data      {run.experiment}/{run.variant}: {absent}", flush=True)
            differ += 1
            continue
        print(f"{'differs' if told else 'as recorded':<11}  {run.experiment}/{run.variant}", flush=True)
        print("".join(f"             {sentence}\n" for sentence in told), end="")
        differ += bool(told)
    for experiment in sorted(left_out):
        print(f"left out     {experiment}, which a record alone does not repeat")
    return 1 if differ else 0


def named(name: str) -> list:
    """The recorded runs that a name means: an experiment's, or one. Raises RecordingError where there is none."""
    from bncourse import runs
    from bncourse.experiments.recording import RecordingError

    experiment, _, variant = name.partition("/")
    found = [run for run in runs.find(experiment) if variant in ("", run.variant)]
    if not found:
        raise RecordingError(f"{name} is not recorded; python3 -m bncourse runs lists what is")
    return found
