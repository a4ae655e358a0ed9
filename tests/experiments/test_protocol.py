"""Every experiment keeps to protocol.py: a frozen configuration with a name of its own, one `run`, a plan, a replay."""

import importlib
import inspect
import json
import re
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest

from bncourse.experiments import ensembles, protocol
from bncourse.experiments.protocol import EXPERIMENTS, from_record, in_a_name, to_record, unusual
from bncourse.experiments.variants import SMALL, VARIANTS
from bncourse.paths import ROOT
from tests.experiments.recorded import runs_of

FILES = sorted(path.stem for path in (ROOT / "bncourse" / "experiments").glob("[!_]*.py"))
MODULES = {name: importlib.import_module(f"bncourse.experiments.{name}") for name in FILES}
PYTHON = re.compile(r'python -c "from bncourse.experiments.(\w+) import Config, run; run\((.*)\).save\(\)"')
EVERY = pytest.mark.parametrize("name", EXPERIMENTS)

# Another value for a field of each name, allowed beside the usual values of the others.
OTHERS = {"dataset": "mnist", "train": "mnist", "test": "glyphs", "steps": 7, "seed": 3, "lr": 0.3, "std": 0.2,
          "batch": 4096, "alphas": (0.5, 0.9), "records": 3, "population_batches": 4, "place": "after",
          "activation": "relu", "sizes": (784, 9, 10), "rounds": 2, "size": 9, "widths": (4, 5), "features": (3, 8),
          "train_images": 8, "test_images": 9, "eps": 0.1, "batchnorm": False, "moved": "hidden weights",
          "norm": "ghost", "part": 8, "order": "fixed", "dropout": 0.5, "images": 5000, "groups": 5,
          "rates": (3, 0.4), "scales": (0.5,), "seeds": (1, 2)}
OTHERS_OF = {"company": {"place": "before", "activation": "sigmoid"},
             "landscape": {"norm": "noisy", "activation": "sigmoid", "amount": 2.0, "trained": "last"},
             "domains": {"norm": "none", "widths": (4, 5, 6)},
             "recurrent": {"norm": "layer", "gamma": 1.0, "units": 7}}
NAMES = {"company": "glyphs-batch-batch60", "domains": "glyphs-batch", "folding": "batch32-size32-seed0",
         "inference": "glyphs-seed0", "landscape": "glyphs-relu-batch",
         "placement": "glyphs-before-sigmoid-lr0.2-seed0", "recurrent": "glyphs-batch-gamma0.1",
         "sensitivity": "glyphs-sigmoid-batchnorm-all-seed0", "shift": "glyphs-to-mnist-seed0",
         "whitening": "normal-batch2048-seed0"}


def usual(name):
    """A configuration of the experiment."""
    whole = {"ensembles": {"members": ensembles.SIX}, "crops": {"member": ensembles.SIX[0]},
             "views": {"training": ensembles.SIX[0]},
             "classification": {"name": "bn-x5", "scale": SMALL}}
    return MODULES[name].Config(**whole.get(name, {}))


def test_the_experiments_are_the_files_that_have_a_run():
    assert [name for name, module in MODULES.items() if hasattr(module, "run")] == list(EXPERIMENTS)
    map_of_the_folder = importlib.import_module("bncourse.experiments").__doc__
    experiments, rest = map_of_the_folder.split("What runs them:")
    assert re.findall(r"^    (\w+)  ", experiments, re.MULTILINE) == list(EXPERIMENTS)
    assert set(re.findall(r"^    (\w+)  ", rest, re.MULTILINE)) == set(FILES) - set(EXPERIMENTS)


@EVERY
def test_a_configuration_is_frozen_and_can_be_hashed(name):
    config = usual(name)
    assert is_dataclass(config) and hash(config) == hash(usual(name))
    with pytest.raises(FrozenInstanceError):
        setattr(config, fields(config)[0].name, None)


@EVERY
def test_run_takes_a_configuration_and_may_tell_its_progress(name):
    config, progress, *rest = inspect.signature(MODULES[name].run).parameters.values()
    assert (config.name, progress.name, progress.default) == ("config", "progress", None)
    assert all(each.default is not each.empty or each.kind is each.VAR_KEYWORD for each in rest)


@EVERY
def test_a_plan_holds_configurations_with_names_of_their_own(name):
    plan = getattr(MODULES[name], "PLAN", {})
    planned = {config for part in plan.values() for config in part}
    assert all(type(config) is MODULES[name].Config for config in planned)
    assert len({config.variant() for config in planned}) == len(planned)
    assert all(isinstance(part, tuple) for part in plan.values())


@EVERY
def test_what_is_recorded_is_planned(name):
    planned = {config.variant(): config for part in getattr(MODULES[name], "PLAN", {}).values() for config in part}
    assert {run.variant for run in runs_of(name)} <= set(planned)
    for run in runs_of(name):
        elsewhere = name in ("classification", "crops", "ensembles", "views")
        assert elsewhere or to_record(planned[run.variant]) == run.config


@EVERY
def test_what_can_be_replayed_says_how_far_it_may_be_apart(name):
    assert hasattr(MODULES[name], "replay") == hasattr(MODULES[name], "TOLERANCE")
    if hasattr(MODULES[name], "replay"):
        assert list(inspect.signature(MODULES[name].replay).parameters)[:2] == ["recorded", "steps"]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_that_is_not_usual_is_in_the_name_and_the_usual_ones_are_not(name):
    config = usual(name)
    others = OTHERS | OTHERS_OF.get(name, {})
    names = [replace(config, **{field.name: others[field.name]}).variant() for field in fields(config)]
    assert config.variant() == NAMES[name]
    assert len({config.variant(), *names}) == 1 + len(fields(config))
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", each) for each in names)


@EVERY
def test_the_command_of_a_recorded_run_makes_its_configuration(name):
    for run in runs_of(name):
        command = run.provenance["command"]
        if match := PYTHON.fullmatch(command):
            config = eval(match[2], {"Config": MODULES[name].Config})
            assert match[1] == name and config.variant() == run.variant
        else:
            assert command.startswith("python3 -m bncourse ")  # test_classification.py and test_ensembles.py hold these


def test_a_configuration_survives_its_record():
    for name in ("activations", "company", "domains", "folding", "inference", "landscape", "placement", "recurrent",
                 "sensitivity", "shift", "whitening"):
        config = usual(name)
        assert from_record(type(config), json.loads(json.dumps(to_record(config)))) == config


def test_a_run_says_how_to_repeat_it_and_what_it_is_of():
    config = MODULES["inference"].Config(seed=4, alphas=(0.5,))
    run = protocol.recorded_run(config, {"step": [1]}, data="glyphs", sha256="0" * 64, seconds=1, threads=3)
    assert (run.experiment, run.variant, run.config) == ("inference", config.variant(), to_record(config))
    assert run.provenance["command"] == (
        f'python -c "from bncourse.experiments.inference import Config, run; run({config}).save()"')
    assert (run.provenance["seed"], run.provenance["threads"]) == (4, 3)
    other = protocol.recorded_run(VARIANTS["bn-x5"], {}, experiment="classification", record={"lr": 1}, command="x",
                                  data="scenes", sha256="0" * 64, seconds=1, seed=7)
    assert (other.experiment, other.config) == ("classification", {"lr": 1})
    assert (other.provenance["command"], other.provenance["seed"]) == ("x", 7)


def test_equal_values_have_equal_names():
    inference = MODULES["inference"].Config
    assert unusual(inference(lr=1), "seed") == unusual(inference(lr=1.0), "seed") == ["lr1.0"]
    assert in_a_name((4, 5)) == "4_5" and in_a_name(1e20, 0.1) == "1e20"


@pytest.mark.parametrize("total", [1, 7, 100, 250])
def test_progress_is_told_at_most_a_hundred_times_and_at_the_end(total):
    told = []
    for done in range(1, total + 1):
        protocol.tell(lambda *step: told.append(step), done, total)
    assert len(told) <= 100 and told[-1] == (total, total)
    protocol.tell(None, 1, 1)
