"""The variants of BN-Inception: norms, stems, widths; that they train, fold, and refuse wrong arguments."""

import math

import pytest
import torch
from torch import nn

import bncourse.nn
from bncourse.nn import fold_batchnorm
from bncourse.nn.anatomy import output_shapes
from bncourse.nn.inception import table
from tests.nn.inceptions import PIXELS, layers_of, on_paper, tiny
from tests.nn.like_torch import assert_close
from tests.nn.models import batchnorms


def kinds(net):
    found = [layer.kind for layer in layers_of(net)]
    return {kind: found.count(kind) for kind in ("BatchNorm2d", "LocalResponseNorm", "ReLU", "Sigmoid")}


def test_each_convolution_has_its_batch_norm_and_its_nonlinearity():
    assert kinds(on_paper()) == {"BatchNorm2d": 69, "LocalResponseNorm": 0, "ReLU": 69, "Sigmoid": 0}
    assert kinds(on_paper(norm="none")) == {"BatchNorm2d": 0, "LocalResponseNorm": 0, "ReLU": 69, "Sigmoid": 0}
    assert kinds(on_paper(norm="lrn", activation="sigmoid")) == {
        "BatchNorm2d": 0, "LocalResponseNorm": 2, "ReLU": 0, "Sigmoid": 69}
    assert kinds(on_paper(local_response=True)) == {
        "BatchNorm2d": 69, "LocalResponseNorm": 2, "ReLU": 69, "Sigmoid": 0}


def test_only_convolutions_without_batch_norm_have_a_bias():
    for norm, expected in (("batch", False), ("none", True), ("lrn", True), (nn.BatchNorm2d, False)):
        net = on_paper(norm=norm)
        assert {module.bias is not None for module in net.modules() if isinstance(module, nn.Conv2d)} == {expected}
        assert net.classifier.bias is not None
    depthwise, pointwise = on_paper(norm="none", stem="separable").stem.conv1.conv
    assert depthwise.bias is None and pointwise.bias is not None


def test_local_response_normalization_stands_around_the_second_convolution():
    assert [name for name, _ in on_paper(norm="lrn").stem.named_children()] == [
        "conv1", "pool1", "norm1", "conv2_reduce", "conv2", "norm2", "pool2"]


def test_without_dropout_and_local_response_the_network_has_the_same_parameters():
    before, after = on_paper(local_response=True, dropout=0.4), on_paper()
    assert [(name, value.shape) for name, value in before.named_parameters()] == [
        (name, value.shape) for name, value in after.named_parameters()]
    added = [layer.kind for layer in layers_of(before)]
    for layer in layers_of(after):
        added.remove(layer.kind)
    assert added == ["LocalResponseNorm"] * 2 and (before.dropout.p, after.dropout.p) == (0.4, 0.0)


def test_batch_norm_comes_before_the_nonlinearity():
    called = [(layer.name, layer.kind) for layer in layers_of(on_paper())]
    for (convolution, _), (norm, _), (_, after) in zip(called, called[1:], called[2:], strict=False):
        if norm.endswith(".norm"):
            assert convolution == norm.replace(".norm", ".conv") and after == "ReLU"


def test_the_small_stem_keeps_both_poolings_and_shows_the_modules_8x8_4x4_2x2():
    shapes = output_shapes(on_paper(stem="small"), (3, 64, 64))
    assert [shapes[name][1:] for name in ("stem", "modules_3.3b", "modules_4.4d", "modules_5")] == [
        (8, 8), (8, 8), (4, 4), (2, 2)]
    net = on_paper(stem="small")
    assert net.stem.conv1.conv.kernel_size == (3, 3)
    assert isinstance(net.stem.pool1, nn.MaxPool2d) and isinstance(net.stem.pool2, nn.MaxPool2d)


@pytest.mark.parametrize("width", [0.5, 0.3, 0.01, 1.5])
def test_widths_are_the_tables_times_a_factor_to_the_nearest_8(width):
    for scaled, printed in zip(table("literal", width), table("literal"), strict=True):
        for name in ("conv1x1", "conv3x3_reduce", "conv3x3", "double3x3_reduce", "double3x3", "proj"):
            ours, theirs = getattr(scaled, name), getattr(printed, name)
            assert not theirs if not ours else ours % 8 == 0 and abs(ours - max(8, theirs * width)) <= 4
    net = on_paper(width=width)
    assert net.classifier.in_features == output_shapes(net, PIXELS)["modules_5"][0]


def test_half_the_width_has_half_the_feature_maps_everywhere():
    half, full = (output_shapes(on_paper(width=width), PIXELS) for width in (0.5, 1.0))
    assert all(half[name][0] * 2 == full[name][0] for name in full if name.startswith(("stem", "modules")))


@pytest.mark.parametrize("size", [(32, 32), (75, 101), (160, 224), (299, 299)])
def test_images_of_any_size_pass(size):
    assert output_shapes(on_paper(), (3, *size))[""] == (1000,)


# Values.

def steps(net, images, labels, number=3):
    """A few steps of SGD with momentum; the losses."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(number):
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def batch(randn, examples=6, size=64):
    return randn(examples, 3, size, size), torch.arange(examples) % 5


def test_our_batch_norm_and_pytorchs_train_to_the_same_weights(randn):
    theirs, ours = tiny(norm="batch"), tiny(norm=bncourse.nn.BatchNorm2d)
    before = {name: value.clone() for name, value in theirs.state_dict().items()}
    data = batch(randn)
    assert steps(theirs, *data) == pytest.approx(steps(ours, *data), rel=1e-9)
    assert_close(ours.state_dict(), theirs.state_dict(), 1e-9)
    assert all(not torch.equal(value, before[name]) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("arguments", [{}, {"norm": "none"}, {"norm": "lrn", "dropout": 0.1}, {"stem": "separable"},
                                       {"activation": "sigmoid"}, {"per_activation": 2}], ids=str)
def test_every_variant_starts_near_chance_and_learns_a_batch(arguments, randn):
    losses = steps(tiny(**arguments).float(), *(x.float() if x.is_floating_point() else x for x in batch(randn)), 8)
    assert losses[0] == pytest.approx(math.log(5), abs=0.3)
    assert losses[-1] < losses[0]


def test_without_batch_norm_the_signal_keeps_its_size_through_the_ten_modules(randn):
    net, x = tiny(norm="none", width=0.5, stem="dense"), randn(4, 3, 64, 64)
    with torch.no_grad():
        x = net.stem(x)
        for module in (*net.modules_3, *net.modules_4, *net.modules_5):
            x = module(x)
            assert 0.3 < x.square().mean() < 10


def test_a_seed_gives_the_weights_and_a_state_dict_gives_them_back(randn):
    first, again, other = tiny(), tiny(), tiny(seed=1)
    assert_close(first.state_dict(), again.state_dict(), 0)
    first.train()(randn(4, 3, 64, 64))  # moving statistics
    x = randn(2, 3, 64, 64)
    assert not torch.equal(first.eval()(x), other.eval()(x))
    other.load_state_dict(first.state_dict())
    assert torch.equal(first(x), other(x))


both_ways = pytest.mark.parametrize("shown", [False, True], ids=["traced", "watched"])


@both_ways
def test_per_activation_batch_norms_stay_when_the_others_fold(shown, randn):
    net, x = tiny(per_activation=1), randn(2, 3, 64, 64)
    net.train()(randn(4, 3, 64, 64))
    folded = fold_batchnorm(net, x if shown else None)
    assert len(folded.fold_report.folded) == 69 - 7 and len(folded.fold_report.left) == 7
    assert_close(folded(x), net.eval()(x), 1e-10)


@both_ways
@pytest.mark.parametrize("arguments", [{}, {"stem": "separable"}, {"activation": "sigmoid", "reading": "consistent"}],
                         ids=str)
def test_all_69_batch_norms_fold(arguments, shown, randn):
    net, x = tiny(**arguments), randn(2, 3, 64, 64)
    net.train()(randn(4, 3, 64, 64))
    folded = fold_batchnorm(net, x if shown else None)
    assert len(folded.fold_report.folded) == 69 and not batchnorms(folded)
    assert_close(folded(x), net.eval()(x), 1e-10)


def test_the_classifier_starts_small():
    weight = tiny(num_classes=200, norm="none").classifier.weight
    assert weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_dropout_is_for_training_alone(randn):
    net, x = tiny(dropout=0.4), randn(4, 3, 64, 64)
    net.train()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    assert net.dropout.p == 0.4


def test_init_gain_multiplies_the_convolutions_and_nothing_else():
    once, thrice = tiny(norm="none").state_dict(), tiny(norm="none", init_gain=3.0).state_dict()
    for name, value in once.items():
        assert_close(thrice[name], value * 3 if name.endswith("conv.weight") else value, 1e-6)


def test_per_activation_batch_norm_normalizes_each_activation_of_the_last_modules(randn):
    net = tiny(per_activation=2, activation="sigmoid").train()
    normalized = {}
    for name, layer in net.named_modules():
        if name.endswith(".norm"):
            layer.register_forward_hook(lambda module, x, y, name=name: normalized.update({name: y}))
    net(randn(6, 3, 64, 64))
    for name, y in normalized.items():
        each = y.mean(0).abs().max() < 1e-10  # every activation, over the batch alone
        assert each == name.startswith("modules_5"), name
    assert net.modules_5[1].branches["conv1x1"].norm.norm.num_features == 48 * 2 * 2


def test_channels_last_gives_the_same_scores(randn):
    net, x = tiny().eval(), randn(2, 3, 64, 64)
    fast = tiny().eval().to(memory_format=torch.channels_last)
    assert_close(fast(x.contiguous(memory_format=torch.channels_last)), net(x), 1e-12)


# Arguments.

@pytest.mark.parametrize("arguments, complaint", [
    ({"norm": "layer"}, r"norm is 'layer'; expected one of 'batch', 'none', 'lrn', or a class to use in place"),
    ({"activation": "tanh"}, r"activation is 'tanh'; expected one of 'relu', 'sigmoid'"),
    ({"reading": "608"}, r"reading is '608'; expected one of 'literal', 'consistent'"),
    ({"stem": "tiny"}, r"stem is 'tiny'; expected one of 'dense', 'separable', 'small'"),
    ({"num_classes": 0}, r"num_classes is 0; expected 1 or more"),
    ({"width": 0}, r"width is 0; expected a positive factor"),
    ({"dropout": 1.0}, r"dropout is 1.0; expected a fraction from 0 to below 1"),
    ({"init_gain": -1.0}, r"init_gain is -1.0; expected a positive factor"),
    ({"per_activation": 11}, r"per_activation is 11; expected 0 to 10, the number of modules"),
    ({"per_activation": 2, "norm": "lrn"}, r"per_activation is 2, but norm is 'lrn'; expected batch norm"),
])
def test_a_wrong_argument_is_named(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        on_paper(**arguments)


def test_a_per_activation_network_refuses_images_of_another_size(randn):
    net = tiny(per_activation=1)
    with pytest.raises(ValueError, match=r"x has examples of \(48, 4, 4\), but .* for \(48, 2, 2\); expected images"):
        net(randn(2, 3, 128, 128))
