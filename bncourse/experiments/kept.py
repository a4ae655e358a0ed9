"""The folder in which a training of section 4.2 is kept, while it lasts and afterwards, and whose training it is.

Beside the checkpoints lies `training.json`: the configuration, and the names of the classes. The same training,
started again, goes on from its newest checkpoint.

    begin(default_folder(config), config, pictures)
"""

import json
from pathlib import Path

from bncourse.experiments.variants import Config, from_record, to_record
from bncourse.paths import DATA, INSTALLED, ROOT
from bncourse.training import checkpoint

DESCRIPTION_FILE = "training.json"


class KeptError(ValueError):
    """A folder that does not hold what is asked for, or that is of another training; the message names it."""


def default_folder(config: Config) -> Path:
    """Where a training is kept unless a folder is named."""
    return DATA / "cache" / "training" / config.variant()


def begin(folder: Path, config: Config, pictures, resume: bool = False) -> None:
    """Makes a folder ready for a training on these pictures, and says what is trained, and from where it goes on.

    `resume` refuses to begin where there is no checkpoint. Raises KeptError where the folder is of another training.
    """
    prepare(folder, config, pictures.train.classes, resume)
    announce(config, pictures, folder)


def prepare(folder: Path, config: Config, classes: list[str], resume: bool) -> None:
    """Writes the description of a training into its folder. Raises KeptError where the folder is of another one."""
    about, told = folder / DESCRIPTION_FILE, {"config": to_record(config), "classes": list(classes)}
    if about.exists():
        other = read_description(about)
        names = dict.fromkeys([*told["config"], *other["config"]])
        differs = [name for name in names if told["config"].get(name) != other["config"].get(name)]
        if differs or other["classes"] != told["classes"]:
            raise KeptError(f"{relative(folder)} holds another training: it differs in "
                            f"{', '.join(differs) or 'classes'}; expected the same, or choose another folder")
    if resume and not checkpoint.found(folder):
        raise KeptError(f"{relative(folder)} holds no checkpoint to go on from; leave resume out to begin")
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = about.with_name(f"{DESCRIPTION_FILE}.part")
    unfinished.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(about)


def read_description(about: Path) -> dict:
    """The configuration and the classes in a folder's description, checked. Raises KeptError."""
    try:
        told = json.loads(about.read_text(encoding="utf-8"))
        from_record(told["config"])
        return {"config": told["config"], "classes": [str(name) for name in told["classes"]]}
    except FileNotFoundError:
        raise KeptError(f"{relative(about.parent)} holds no {DESCRIPTION_FILE}; expected the folder of a training"
                        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeptError(f"{relative(about)} does not describe a training: {error}") from None


def announce(config: Config, pictures, folder: Path) -> None:
    """Says what is about to be trained, on what, where it is kept, and whether it goes on from a checkpoint.

    A damaged checkpoint behind a whole one is set aside: the training goes on bit for bit all the same.
    """
    kind = "synthetic pictures" if config.data == "scenes" else "pictures"
    print(f"{config.name} on {config.data}: {len(pictures.train):,} {kind} of {len(pictures.train.classes)} classes, "
          f"{config.scale.name} scale\n{config.scale.steps:,} steps of {config.scale.batch}, learning rate "
          f"{config.learning_rate():g}; checkpoints in {relative(folder)}")
    if config.held_out:
        print(f"Tested on {len(pictures.val):,} pictures of the training set, {config.held_out} of each class, "
              "which are held out of it")
    if config.data == "scenes":
        print("Scenes are for trying out: python3 -m bncourse data says which photographs there are")
    for path in checkpoint.set_aside_damaged(folder):
        print(f"damaged, and now called {path.name}; the checkpoint before it is used")
    for path in checkpoint.found(folder)[-1:]:
        print(f"going on from {path.name}")
    print(end="", flush=True)


def relative(path: Path) -> Path:
    """The path, relative to the clone where it lies within a clone."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) and not INSTALLED else path
