"""`python3 -m bncourse runs`: the recorded measurements."""


def add(commands):
    """Describes the command."""
    runs = commands.add_parser("runs", help="list the recorded measurements")
    runs.add_argument("experiment", nargs="?", help="only the runs of this experiment")
    runs.set_defaults(do=show)


def show(options) -> int:
    """One line for each recorded run, with what it ran on, its seed, its seconds and its day."""
    from bncourse import runs

    experiments = [options.experiment] if options.experiment else sorted(path.name for path in runs.RUNS.glob("[!.]*"))
    found = [run for experiment in experiments for run in runs.find(experiment)]
    for run in found:
        told = run.provenance
        print(f"{run.experiment + '/' + run.variant:<40} {told['data']:<8} seed {told['seed']:<4} "
              f"{told['seconds']:>9.1f} s  {told['date'][:10]}")
    if not found:
        print(f"No runs are recorded in {runs.RUNS / (options.experiment or '')}")
    return 0
