"""Folding on public architectures, those of timm and torchvision, with random weights.

    pip install timm torchvision
    python benchmarks/architectures.py                     the networks below
    python benchmarks/architectures.py resnet50 tv:raft_large --rounds 5

prints for each network how many of its batch norms were folded; the largest difference that this made to an output in
float64, in units of the largest output; the same difference of the float32 network from the unfolded float64 one, when
folded and when not; how long the folded network takes in units of the unfolded one, timed turn by turn on one thread;
how long folding took; and why the other batch norms stayed. Detectors sort their boxes, so that in float32 rounding
alone may exchange two. Names of timm are given as they are, those of torchvision with `tv:` in front; a detector with
frozen batch norms is `tv:frozen`.
"""

import argparse
import copy
import os
import re
import time
from collections import Counter

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from interleave import interleave, machine, table
from torch import nn

from bncourse.nn import fold_batchnorm, population_statistics
from bncourse.nn.dataflow import call, tensors

NAMES = """resnet18 resnext50_32x4d seresnet18 res2net50_14w_8s densenet121 dpn48b xception41 inception_v3
    efficientnet_b0 mobilenetv3_small_100 mobilenetv4_conv_small ghostnet_100 regnety_002 repvgg_a0 mobileone_s0
    vovnet39a resnetv2_50d cspresnet50 skresnet18 hrnet_w18_small levit_128s tiny_vit_5m_224 coatnet_nano_rw_224
    fastvit_t8 tv:mobilenet_v2 tv:shufflenet_v2_x0_5 tv:googlenet tv:r3d_18 tv:deeplabv3_mobilenet_v3_large
    tv:ssdlite320_mobilenet_v3_large tv:frozen""".split()
INPUT = {"r3d_18": (3, 8, 64, 64), "ssdlite320_mobilenet_v3_large": (3, 320, 320), "frozen": (3, 160, 160)}
SIZED = ("vit", "former", "coat", "levit", "swin", "botnet")  # these have one size of image, in timm's configuration


def built(name: str) -> tuple[nn.Module, object, object]:
    """A network in eval mode, with batch norms that do something, and two inputs of two batch sizes."""
    torch.manual_seed(0)
    model, size = theirs(name.removeprefix("tv:")) if name.startswith("tv:") else timms(name)
    first, second = (torch.randn(n, *size) for n in (2, 3))
    if hasattr(model, "roi_heads") or hasattr(model, "anchor_generator"):
        first, second = [first[0]], list(second)
    if name != "tv:frozen":
        population_statistics(model, [second], inputs=lambda x: x)
    return disturbed(model).eval(), first, second


def timms(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    import timm

    model = timm.create_model(name)
    fixed = any(part in name for part in SIZED)
    return model, tuple(model.default_cfg["input_size"]) if fixed else (3, 128, 128)


def theirs(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    from torchvision.models import detection, get_model
    from torchvision.ops import FrozenBatchNorm2d

    if name == "frozen":
        trunk = detection.backbone_utils.resnet_fpn_backbone(
            backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d
        )
        return detection.FasterRCNN(trunk, 5, box_score_thresh=0.0, min_size=160), INPUT[name]
    without = {"weights_backbone": None} if name.startswith(("deeplab", "fcn", "ssd", "lraspp")) else {}
    return get_model(name, weights=None, **without), INPUT.get(name, (3, 128, 128))


@torch.no_grad()
def disturbed(model: nn.Module) -> nn.Module:
    """The model with random gamma, a tenth of them negative, beta and statistics in all that is normalized."""
    for module in model.modules():
        if getattr(module, "running_var", None) is None:
            continue
        u = [torch.rand_like(module.running_var) for _ in range(4)]
        module.running_mean.copy_(0.2 * u[0] - 0.1)
        module.running_var.mul_(0.7 + 0.6 * u[1])
        if getattr(module, "weight", None) is not None:
            module.weight.copy_(torch.where(u[2] < 0.1, -1, 1) * (0.7 + 0.6 * u[3]))
            module.bias.copy_(0.2 * u[2] - 0.1)
    return model


@torch.no_grad()
def outputs(model: nn.Module, x: object) -> list[torch.Tensor]:
    """All tensors that a model returns for x, in float64."""
    return [y.double() for y in tensors(call(model, x))]


def off(ys: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
    """The largest difference of outputs from the true ones, in units of the largest true one of the same tensor; NaN
    where their shapes differ."""
    if [y.shape for y in ys] != [t.shape for t in truth]:
        return float("nan")
    pairs = zip(ys, truth, strict=True)
    return max(((y - t).abs().max() / t.abs().max().clamp_min(1e-300)).item() for y, t in pairs if t.numel())


def doubled(x: object) -> object:
    return [image.double() for image in x] if isinstance(x, list) else x.double()


def why(left: dict[str, str]) -> str:
    """The reasons for which batch norms stayed, each with how often it was given."""
    short = [re.sub(", (?:not from|which is).*", "", reason) for reason in left.values()]
    reasons = Counter(re.sub("the output of .* is used by .*", "its source is used elsewhere", r) for r in short)
    return "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common())


def row(name: str, rounds: int) -> list[str]:
    model, first, second = built(name)
    began = time.perf_counter()
    folded = fold_batchnorm(model, first)
    seconds = time.perf_counter() - began
    report = folded.fold_report
    exact = copy.deepcopy(model).double()
    truth = outputs(exact, doubled(second))
    error = off(outputs(fold_batchnorm(exact, doubled(first)), doubled(second)), truth)
    rounded = off(outputs(folded, second), truth), off(outputs(model, second), truth)
    with torch.inference_mode():
        calls = {"folded": lambda: call(folded, first), "as it was": lambda: call(model, first)}
        ratio = interleave(calls, rounds=rounds).ratio("folded", "as it was")
    count = f"{len(report.folded)} of {len(report.folded) + len(report.left)}"
    both = " / ".join(f"{e:.0e}" for e in rounded)
    return [name, count, f"{error:.0e}", both, str(ratio), f"{seconds:.1f} s", why(report.left)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="networks of timm, or of torchvision after tv:")
    parser.add_argument("--rounds", type=int, default=9, help="rounds in which each of the two has one turn")
    arguments = parser.parse_args()
    try:
        import timm
        import torchvision
    except ImportError as missing:
        parser.exit(1, f"{missing}; this benchmark needs timm and torchvision: pip install timm torchvision\n")
    torch.set_num_threads(1)
    rows = []
    for name in arguments.names:
        rows.append(row(name, arguments.rounds))
        print(" | ".join(rows[-1]), flush=True)
    versions = f"PyTorch {torch.__version__}, timm {timm.__version__}, torchvision {torchvision.__version__}"
    print(f"\n{machine()}\n{versions}; inference, one thread, {arguments.rounds} rounds\n")
    header = ["network", "folded", "error, float64", "float32: folded / not", "time", "folding took", "left"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
