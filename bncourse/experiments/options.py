"""The options of `python3 -m bncourse train`: what they change in a configuration, and the command that they make."""

from dataclasses import replace

from bncourse.experiments.protocol import python_command
from bncourse.experiments.scales import SCALES
from bncourse.experiments.variants import KNOWN, Config, at_scale

CONFIG_OPTIONS, SCALE_OPTIONS = ("data", "seed", "precision"), ("steps", "every", "lr", "width", "batch")
CHANGES = ("decay", "held_out", "view")  # options that a command has only where the value is not the variant's own


def with_options(config: Config, **settings) -> Config:
    """The configuration with other values in fields of its own, and in those of its scale that `SCALE_OPTIONS` names.

    A setting that is None changes nothing. With another `batch` the rate halves after as many examples as before.
    Raises ConfigError where a value is out of range.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    scale = replace(config.scale, **{name: given.pop(name) for name in SCALE_OPTIONS if name in given})
    if scale.halving:
        scale = replace(scale, halving=max(1, scale.halving * config.scale.batch // scale.batch))
    return replace(config, scale=scale, **given)


def train_command(config: Config) -> str:
    """The command that trains this configuration and records the run.

    It is the command `train` with its options, or Python where no options make this configuration.
    """
    scale, settings = config.scale, {name: getattr(config, name) for name in CONFIG_OPTIONS}
    if scale.name in SCALES and config.name in KNOWN:
        usual = at_scale(KNOWN[config.name], SCALES[scale.name])
        settings |= {name: getattr(scale, name) for name in SCALE_OPTIONS
                     if getattr(scale, name) != getattr(usual.scale, name)}
        settings |= {name: getattr(config, name) for name in CHANGES if getattr(config, name) != getattr(usual, name)}
        shared = {name: getattr(config, name) for name in ("processes", "synchronized")}
        if with_options(usual, **settings, **shared) == config:
            options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())
            start = "python3" if config.processes == 1 else f"torchrun --nproc-per-node {config.processes}"
            return (f"{start} -m bncourse train {config.name} --scale {scale.name} {options}"
                    f"{' --synchronized' * config.synchronized} --record")
    return python_command("classification", config, "Config, Scale, run")
