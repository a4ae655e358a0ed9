"""Our modules beside torch.nn's: PyTorch's own test cases (module_db, OpInfo), errors, state."""

import inspect
import warnings
from functools import cache

import pytest
import torch

from bncourse.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tests.nn.like_torch import NAMESAKE, assert_close, assert_same_step, gradients, randomize

CLASSES = [BatchNorm1d, BatchNorm2d, BatchNorm3d]
OF_DIMS = {2: BatchNorm1d, 3: BatchNorm1d, 4: BatchNorm2d, 5: BatchNorm3d}
X = {BatchNorm1d: (4, 3), BatchNorm2d: (4, 3, 2, 2), BatchNorm3d: (4, 3, 2, 2, 2)}

every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def pair(cls, *args, **kwargs):
    """Ours and torch.nn's, from the same arguments, with the same random state."""
    return randomize(cls(*args, **kwargs), NAMESAKE[cls](*args, **kwargs))


@cache
def cases_of_pytorch():
    """PyTorch's operators and modules with their cases; they take seconds to import, and not at collection."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Fail to import hypothesis", ImportWarning)
        from torch.testing._internal.common_methods_invocations import op_db
        from torch.testing._internal.common_modules import module_db
    return op_db, module_db


def info_of(cls):
    _, modules = cases_of_pytorch()
    return next(info for info in modules if info.module_cls is NAMESAKE[cls])


@every_class
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-7), (torch.float32, 1e-5)], ids=str)
def test_module_db_cases_agree_over_three_training_steps_and_at_inference(cls, dtype, tolerance):
    info = info_of(cls)
    cases = info.module_inputs_func(info, "cpu", dtype, requires_grad=False, training=True)
    assert len(cases) >= 7
    for case in cases:
        made, x = case.constructor_input, case.forward_input.args[0]
        ours, theirs = pair(cls, *made.args, dtype=dtype, **made.kwargs)
        for mode in (True, True, True, False):
            assert_same_step(ours.train(mode), theirs.train(mode), x + torch.rand_like(x), tolerance)


@every_class
def test_error_inputs_of_module_db_raise_as_they_should(cls):
    info = info_of(cls)
    cases = info.module_error_inputs_func(info, "cpu", torch.float32, requires_grad=False, training=True)
    assert len(cases) >= 2
    for case in cases:
        made, given = case.module_error_input.constructor_input, case.module_error_input.forward_input
        module = cls(*made.args, **made.kwargs)
        with pytest.raises(case.error_type, match=case.error_regex):
            module(*given.args)


def samples():
    """OpInfo's samples for batch norm, all but the two that have no channels."""
    operators, _ = cases_of_pytorch()
    operator = next(info for info in operators if info.name == "nn.functional.batch_norm")
    usable = [sample for sample in operator.sample_inputs("cpu", torch.float64) if sample.input.dim() > 1]
    assert len(usable) >= 10
    return usable


def module_of(sample):
    """One of our modules that holds what the sample passes to the function."""
    mean, var, gamma, beta = sample.args
    settings = {name: sample.kwargs[name] for name in ("eps", "momentum") if name in sample.kwargs}
    module = OF_DIMS[sample.input.dim()](
        sample.input.shape[1],
        affine=gamma is not None,
        track_running_stats=mean is not None,
        dtype=torch.float64,
        **settings,
    )
    given = {
        "weight": gamma,
        "bias": beta,
        "running_mean": mean,
        "running_var": var,
        "num_batches_tracked": 0,
    }
    module.load_state_dict({name: torch.as_tensor(given[name]) for name in module.state_dict()})
    return module.train(sample.kwargs.get("training", False))


def test_op_info_samples_agree_in_y_gradients_and_running_statistics():
    for sample in samples():
        module, dy = module_of(sample), torch.randn_like(sample.input)
        x, *statistics, gamma, beta = (None if v is None else v.clone() for v in (sample.input, *sample.args))
        wanted = [v.requires_grad_() for v in (x, gamma, beta) if v is not None]
        y = torch.nn.functional.batch_norm(x, *statistics, gamma, beta, **sample.kwargs)
        assert_close(gradients(module, x, dy), (y, *torch.autograd.grad(y, wanted, dy)), 1e-7)
        if module.track_running_stats:
            assert_close([module.running_mean, module.running_var], statistics, 1e-7)


def lonely(x):
    """One value in each channel."""
    return x[(slice(1), slice(None), *[slice(1)] * (x.dim() - 2))]


def doubled(x):
    return torch.cat([x, x], dim=1)


MISUSES = {
    "too few axes": ({}, lambda x: x[0, 0], True),
    "too many axes": ({}, lambda x: x[None, None, None], True),
    "one value per channel": ({}, lonely, True),
    "one value per channel and no statistics": ({"track_running_stats": False}, lonely, False),
    "too many channels": ({}, doubled, True),
    "too many channels at inference": ({}, doubled, False),
    "too many channels and no gamma": ({"affine": False}, doubled, True),
    "whole numbers": ({}, torch.Tensor.long, True),
    "complex numbers": ({}, lambda x: x.to(torch.complex64), True),
    "double in single": ({}, torch.Tensor.double, True),
    "double in single at inference": ({}, torch.Tensor.double, False),
    "single in double": ({"dtype": torch.float64}, torch.clone, True),
    "half in double": ({"dtype": torch.float64}, torch.Tensor.half, True),
    "single in half": ({"dtype": torch.float16}, torch.clone, True),
    "eps of zero": ({"eps": 0.0}, torch.clone, True),
    "eps below zero at inference": ({"eps": -1.0}, torch.clone, False),
}


@every_class
@pytest.mark.parametrize("settings, spoil, training", MISUSES.values(), ids=MISUSES)
def test_misuse_raises_what_torch_raises(cls, settings, spoil, training, randn):
    x = spoil(randn(*X[cls], dtype=torch.float32))
    raised = []
    for module in pair(cls, 3, **settings):
        with pytest.raises(Exception) as caught:
            module.train(training)(x)
        raised.append(caught.type)
    assert raised[0] is raised[1]


@every_class
def test_errors_say_what_was_given_and_what_was_expected(cls, randn):
    x, module = randn(*X[cls], dtype=torch.float32), cls(5)
    with pytest.raises(RuntimeError, match=r"x has 3 channels \(shape \(4, 3.*\)\); expected 5"):
        module(x)
    with pytest.raises(RuntimeError, match="but this batch norm has torch"):
        cls(3)(x.double())
    with pytest.raises(
        ValueError, match=r"more than 1 value per channel when training, got input size \(1, 3"
    ):
        cls(3)(lonely(x))
    with pytest.raises(RuntimeError, match="x has 3 channels"):
        cls(1, affine=False).eval()(x)
    with pytest.raises(ValueError, match="eps must be non-negative, but got -2"):
        cls(3, eps=-2).eval()(x)


@every_class
def test_the_constructor_takes_the_same_arguments(cls):
    def arguments(c):
        return [(p.name, p.kind, p.default) for p in inspect.signature(c).parameters.values()]

    assert arguments(cls) == arguments(NAMESAKE[cls])


SETTINGS = [
    {},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"momentum": None, "eps": 1e-3},
    {"dtype": torch.float64, "device": "meta"},
]


@every_class
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_names_shapes_types_and_print_are_the_same(cls, settings):
    ours, theirs = cls(3, **settings), NAMESAKE[cls](3, **settings)

    def anatomy(module):
        parts = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return repr(module), {
            name: (v.shape, v.dtype, v.device, v.requires_grad) for name, v in parts.items()
        }

    assert anatomy(ours) == anatomy(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert (ours.weight is None, ours.bias is None) == (theirs.weight is None, theirs.bias is None)
    assert vars(ours).keys() == vars(theirs).keys()


@every_class
def test_a_new_module_starts_where_torchs_does(cls):
    assert torch.full((3,), 7.0).sum() == 21  # in memory that the next tensor may be given
    assert_close(cls(3).state_dict(), NAMESAKE[cls](3).state_dict(), 0)


@every_class
def test_tracking_can_be_switched_off_and_the_statistics_stay(cls, randn):
    ours, theirs = pair(cls, 3, dtype=torch.float64)
    for mode in (True, False):
        for module in (ours, theirs):
            module.track_running_stats = False
        assert_same_step(ours.train(mode), theirs.train(mode), randn(*X[cls]))


@every_class
def test_statistics_can_be_taken_away(cls, randn):
    ours, theirs = pair(cls, 3, dtype=torch.float64)
    for module in (ours, theirs):
        module.running_mean = module.running_var = module.num_batches_tracked = None
    for mode in (True, False):
        assert_same_step(ours.train(mode), theirs.train(mode), randn(*X[cls]))


@every_class
def test_state_dicts_go_both_ways(cls, randn):
    ours, theirs = randomize(cls(3))[0], NAMESAKE[cls](3)
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    theirs.load_state_dict(ours.state_dict())
    theirs(randn(*X[cls], dtype=torch.float32))
    ours.load_state_dict(theirs.state_dict())
    assert_close(ours.state_dict(), theirs.state_dict(), 0)


@every_class
@pytest.mark.parametrize("version", [None, 1, 2])
def test_a_state_dict_without_a_count_loads_if_it_is_old_enough(cls, version):
    missing = []
    for module in pair(cls, 3):
        module.num_batches_tracked.fill_(7)
        state = module.state_dict()
        del state["num_batches_tracked"]
        state._metadata = {"": {} if version is None else {"version": version}}
        missing.append(module.load_state_dict(state, strict=False).missing_keys)
        assert module.num_batches_tracked == 7
    assert missing[0] == missing[1] == (["num_batches_tracked"] if version == 2 else [])


@every_class
def test_resetting_is_the_same(cls):
    ours, theirs = pair(cls, 3)
    for reset in ("reset_running_stats", "reset_parameters"):
        for module in (ours, theirs):
            getattr(module, reset)()
        assert_close(ours.state_dict(), theirs.state_dict(), 0)
