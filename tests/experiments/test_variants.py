"""The networks of section 4.2: each differs from the other by what its sentence says, and by nothing else."""

import json
from dataclasses import fields, replace

import pytest

from bncourse.experiments import variants
from bncourse.experiments.scales import SCALES
from bncourse.experiments.variants import (
    ABLATIONS,
    ANNEALED,
    BASELINE,
    CONTROLS,
    IMAGENET,
    INCEPTION,
    KNOWN,
    MEMBERS,
    OTHER_RATES,
    SEVEN,
    SMALL,
    VARIANTS,
    X5,
    X30,
    Config,
    ConfigError,
    at_scale,
    from_record,
    variant_named,
)


def differences(one, other):
    """Field -> its two values, for the fields in which configurations differ, their names apart."""
    return {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(Config)
            if field.name != "name" and getattr(one, field.name) != getattr(other, field.name)}


@pytest.mark.parametrize("base, variant, differs", [
    ("inception", "bn-baseline", {"batchnorm": (False, True)}),
    ("bn-x5", "bn-x30", {"rate": (5, 30)}),
    ("bn-x5", "bn-x5-sigmoid", {"activation": ("relu", "sigmoid")}),
    ("inception", "inception-x5", {"rate": (1, 5)}),
    ("inception", "inception-sigmoid", {"activation": ("relu", "sigmoid")}),
])
def test_a_variant_differs_from_another_by_its_sentence_of_4_2_2(base, variant, differs):
    assert differences(VARIANTS[base], VARIANTS[variant]) == differs


@pytest.mark.parametrize("variant, control, differs", [
    (BASELINE, "bn-baseline-x30", {"rate": (1, 30)}),
    (X5, "inception-seven-x5", {"batchnorm": (True, False)}),
    (X30, "inception-seven-x30", {"batchnorm": (True, False)}),
    (VARIANTS["inception-sigmoid"], "inception-sigmoid-gain4", {"init_gain": (1, 4)}),
])
def test_a_control_changes_one_thing_of_the_network_beside_it(variant, control, differs):
    assert differences(variant, CONTROLS[control]) == differs


def test_either_rate_can_fall_to_the_last_rate_of_the_other():
    ends = {name: at_scale(KNOWN[name], SMALL) for name in ("bn-x5", "bn-x30", *ANNEALED)}
    last = {name: config.learning_rate() * 2 ** -config.decay for name, config in ends.items()}
    assert last["bn-x30-ends-as-x5"] == pytest.approx(last["bn-x5"])
    assert last["bn-x5-ends-as-x30"] == pytest.approx(last["bn-x30"]) == pytest.approx(6 * last["bn-x5"])
    for name, config in ANNEALED.items():
        assert list(differences(KNOWN[name.split("-ends")[0]], config)) == ["decay"]


@pytest.mark.parametrize("change, differs", {
    "learning-rate": {"rate": (1, 5)},
    "dropout": {"dropout": (0.4, 0.0)},
    "l2": {"l2": (2e-4, 4e-5)},
    "decay": {"decay": (1, 6)},
    "local-response": {"local_response": (True, False)},
    "shuffling": {"shuffling": ("fixed", "within-shard")},
    "distortion": {"distortion": ("full", "less")},
    "rate-and-decay": {"rate": (1, 5), "decay": (1, 6)},
}.items())
def test_each_of_the_seven_changes_and_the_pair_does_what_its_sentence_of_4_2_1_says_alone(change, differs):
    found = differences(BASELINE, ABLATIONS[f"bn-baseline-{change}"])
    assert found == {name: (before, pytest.approx(after)) for name, (before, after) in differs.items()}


@pytest.mark.parametrize("variant, times", [("bn-x5", 5), ("bn-x30", 30)])
def test_the_seven_changes_together_are_the_modified_network(variant, times):
    changed = BASELINE
    for name, change in SEVEN.items():
        changed = change(changed, times) if name == "learning-rate" else change(changed)
    assert differences(changed, VARIANTS[variant]) == {}


def test_the_rates_at_full_scale_are_those_that_the_paper_prints():
    rates = {name: config.learning_rate() for name, config in VARIANTS.items()}
    assert rates == pytest.approx({"inception": 0.0015, "bn-baseline": 0.0015, "bn-x5": 0.0075, "bn-x30": 0.045,
                                   "bn-x5-sigmoid": 0.0075, "inception-x5": 0.0075, "inception-sigmoid": 0.0015})


def test_inception_is_as_the_paper_has_it():
    assert (INCEPTION.dropout, INCEPTION.scale.batch, INCEPTION.scale.size, INCEPTION.scale.width) == (0.4, 32, 224, 1)


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_rates_and_decays_stand_in_the_same_ratios_at_every_scale(scale):
    for config in KNOWN.values():
        here, plain = at_scale(config, scale), at_scale(INCEPTION, scale)
        assert here.learning_rate() / plain.learning_rate() == pytest.approx(config.learning_rate() / 0.0015)
        assert plain.halving() / here.halving() == pytest.approx(config.decay)


def test_six_times_faster_is_the_sixth_of_the_halving():
    assert at_scale(INCEPTION, SMALL).halving() == SMALL.steps == 6 * at_scale(X5, SMALL).halving()
    assert INCEPTION.halving() == IMAGENET.halving == 6 * X5.halving()


def test_the_members_differ_from_bn_x30_by_some_of_the_three_changes_and_from_one_another():
    found = [differences(X30, member) for member in MEMBERS.values()]
    assert len(found) == 6 and all(found)
    assert set().union(*found) == {"init_gain", "dropout", "per_activation"}
    assert {change["dropout"][1] for change in found if "dropout" in change} == {0.05, 0.1}
    assert all(change["init_gain"][1] > 1 for change in found if "init_gain" in change)
    assert all(one != other for i, one in enumerate(found) for other in found[:i])


def test_the_name_of_a_configuration_is_the_name_by_which_it_is_found():
    parts = (VARIANTS, ABLATIONS, CONTROLS, OTHER_RATES, ANNEALED, MEMBERS)
    assert len(KNOWN) == sum(map(len, parts))
    assert all(variant_named(name).name == name for name in KNOWN)


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"variant is 'bn-x6'; expected one of inception, bn-baseline.*member-6"):
        variant_named("bn-x6")


@pytest.mark.parametrize("field, value", [
    ("rate", 0), ("decay", -1), ("dropout", 1.0), ("dropout", -0.1), ("momentum", 1), ("l2", -1e-4),
    ("seed", -1), ("activation", "tanh"), ("shuffling", "none"), ("distortion", "some"),
    ("precision", "fp16"), ("init_gain", 0), ("per_activation", 11),
    ("processes", 0), ("processes", 5), ("held_out", -1), ("view", "left"),
])
def test_what_is_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value!r}; expected"):
        replace(X5, **{field: value})


@pytest.mark.parametrize("field, value", [("steps", 0), ("size", 0), ("batch", 0), ("area", 1.1), ("lr", 0),
                                          ("width", -1), ("halving", 0), ("every", 0)])
def test_a_scale_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value!r}; expected"):
        replace(SMALL, **{field: value})


@pytest.mark.parametrize("config", KNOWN.values(), ids=KNOWN)
def test_a_configuration_is_restored_from_its_record(config):
    assert from_record(json.loads(json.dumps(variants.to_record(config)))) == config


def test_one_process_leaves_no_trace_in_the_record_and_several_do():
    assert not {"processes", "synchronized", "held_out", "view"} & set(variants.to_record(X5))
    shared = replace(X5, processes=8, synchronized=True)
    assert from_record(variants.to_record(shared)) == shared and shared.variant() != X5.variant()


@pytest.mark.parametrize("spoil", [lambda record: record.pop("scale"), lambda record: record.update(more=1),
                                   lambda record: record["scale"].pop("lr")])
def test_a_record_that_is_none_is_refused(spoil):
    record = variants.to_record(X5)
    spoil(record)
    with pytest.raises(ConfigError, match=r"does not describe a training of section 4\.2"):
        from_record(record)
