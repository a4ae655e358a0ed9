"""What is said of runs under a figure: the data, the seeds, the settings, the machine, the date.

Synthetic data is called that, by its title in `TITLES`.
"""

import re

from bncourse.runs.run import Run

TITLES = {"glyphs": "glyphs (synthetic)", "scenes": "scenes (synthetic)", "mnist": "MNIST",
          "tiny-imagenet-100": "Tiny ImageNet", "normal": "normal numbers (synthetic)"}
IN_CAPTIONS = {"lr": "learning rate", "std": "initial std"}  # the record holds the rest of the configuration


def setting(*runs: Run) -> str:
    """The data, the seeds and what the runs' configurations share of `IN_CAPTIONS`: the same on every machine.

    For example "glyphs (synthetic), 5 seeds, 600 steps of 60 examples, learning rate 0.1".
    """
    seeds = {seed for run in runs for seed in run.config.get("seeds", [run.provenance["seed"]])}
    shared = {key: value for key, value in runs[0].config.items()
              if all(run.config.get(key) == value for run in runs)}
    parts = [" and ".join(dict.fromkeys(data_title(run) for run in runs)),
             f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {min(seeds)}"]
    if "steps" in shared:
        parts.append(f"{shared['steps']:,} steps" + (f" of {shared['batch']} examples" if "batch" in shared else ""))
    return ", ".join(parts + [f"{title} {shared[key]}" for key, title in IN_CAPTIONS.items() if key in shared])


def caption(*runs: Run) -> str:
    """One sentence of provenance under a figure: the setting, the machine, the date.

    For example "glyphs (synthetic), 5 seeds, 600 steps of 60 examples, 2 threads of <cpu>, 2026-01-31".
    """
    devices = dict.fromkeys(device_title(run) for run in runs)
    dates = sorted({run.provenance["date"][:10] for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"{setting(*runs)}, {' and '.join(devices)}, {when}"


def for_a_room(caption: str) -> str:
    """A caption without the machine and the date, which a reader may want to know and a room does not."""
    day = r"\d{4}-\d\d-\d\d"
    return re.sub(rf", \d+ threads? of [^,]+, {day}(?: to {day})?", "", caption)


def data_title(run: Run) -> str:
    """The titles of the run's data, joined by "and"."""
    return " and ".join(TITLES.get(name, name) for name in run.provenance["data"].split(" and "))


def device_title(run: Run) -> str:
    """The number of threads and the name of the device, for example "2 threads of <cpu>"."""
    threads = run.provenance["threads"]
    return f"{threads} thread{'s' if threads > 1 else ''} of {run.provenance['device']}"
