"""The check of a whole layer accepts right ones, PyTorch's and ours among them, and names each known mistake."""

import numpy as np
import pytest
import torch

from bncourse import nn
from bncourse.checks.convolution import assembled
from bncourse.checks.layer_check import PyTorch
from bncourse.checks.mistakes.layers import Layer


def name(value):
    return getattr(value, "name", None)


KINDS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class Ours(PyTorch):
    """`bncourse.nn`'s module behind the interface of the exercise."""

    def forward(self, x):
        module = KINDS[x.ndim](x.shape[1], self.eps, self.momentum, dtype=torch.float64).train(self.training)
        state = dict(weight=self.gamma, bias=self.beta, running_mean=self.running_mean, running_var=self.running_var)
        module.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
        self.inputs = [torch.tensor(x, requires_grad=True), module.weight, module.bias]
        self.y = module(self.inputs[0])
        self.running_mean, self.running_var = module.running_mean.numpy(), module.running_var.numpy()
        return self.y.detach().numpy()


@pytest.mark.parametrize("layer", [PyTorch, Ours, Layer, assembled.solution])
def test_a_right_layer_passes(layer):
    assert assembled(layer).passed


@pytest.mark.parametrize("mistake", assembled.mistakes, ids=name)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning",
                            "ignore:Degrees of freedom:RuntimeWarning")
def test_each_known_mistake_is_rejected_and_named(mistake):
    verdict = assembled(mistake.wrong)
    assert verdict.state == "rejected"
    assert verdict.mistake == mistake.name, repr(verdict)
    assert mistake.see in repr(verdict) and "broken  " in verdict.text


def test_every_law_is_broken_by_some_mistake():
    broken = {next(i for i, law in enumerate(assembled.laws) if assembled.objection(law, m.wrong, first=False))
              for m in assembled.mistakes}
    assert broken == set(range(len(assembled.laws)))


class Stub(Layer):
    def forward(self, x):
        ...

    def backward(self, dy):
        ...


def test_a_stub_left_alone_is_not_attempted():
    assert [assembled(stub).state for stub in (None, ..., Stub)] == ["not attempted yet"] * 3


def test_a_forward_alone_is_said_to_be_right_so_far():
    verdict = assembled(type("Half", (Stub,), {"forward": Layer.forward}))
    assert verdict.state == "right so far" and verdict.text.startswith("Right so far; ")
    assert "holds   in training y = " in verdict.text and "broken  dx = " in verdict.text


def test_an_error_of_another_size_is_not_taken_for_rounding():
    def floored(self, x):
        return Layer.forward(self, x) * (1 + 1e-7 * (abs(x).max() > 1e4))

    verdict = assembled(type("Floors", (Layer,), {"forward": floored}))
    assert verdict.state == "rejected" and verdict.mistake == ""


def test_a_module_whose_gamma_is_a_parameter_is_told_what_is_expected():
    class Module(torch.nn.Module):
        def __init__(self, channels, eps=1e-5, momentum=0.1):
            super().__init__()
            self.gamma = torch.nn.Parameter(torch.ones(channels))

    text = assembled(Module).text
    assert "gamma cannot be set to ndarray" in text and "gamma as a NumPy array" in text


def test_an_object_instead_of_a_class_is_said_to_be_so():
    assert "expected a class" in assembled(Layer(3)).text


@pytest.mark.parametrize(("method", "argument"), [("forward", "x"), ("backward", "dy")])
def test_an_edit_in_place_is_rejected(method, argument):
    def edited(self, value):
        right = getattr(Layer, method)(self, value.copy())
        value += 1
        return right

    assert f"{method} changes its argument in place" in assembled(type("Edits", (Layer,), {method: edited})).text


def test_a_missing_attribute_an_error_and_a_wrong_shape_are_said_in_words():
    def forgets(self, channels, eps=1e-5, momentum=0.1):
        Layer.__init__(self, channels, eps, momentum)
        del self.running_var

    cases = {"no attribute running_var": {"__init__": forgets},
             "TypeError": {"forward": lambda self, x: x / "two"},
             "has shape (1, 5, 3, 4, 2), expected (5, 3, 4, 2)": {"forward": lambda s, x: Layer.forward(s, x)[None]},
             "has dtype float16": {"forward": lambda s, x: Layer.forward(s, x).astype(np.float16)},
             "expected three arrays": {"backward": lambda s, dy: Layer.backward(s, dy)[0]}}
    for words, methods in cases.items():
        assert words in assembled(type("Odd", (Layer,), methods)).text


def test_an_unknown_mistake_is_rejected_without_a_name():
    verdict = assembled(type("Sevens", (Layer,), {"forward": lambda self, x: np.full_like(x, 7.0)}))
    assert verdict.state == "rejected" and verdict.mistake == "" and "is 7, expected" in verdict.text
