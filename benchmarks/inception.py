"""BN-Inception's training, images per second, beside a plain build of the same network; and its inference.

    python benchmarks/inception.py                  one thread, and two (on an idle machine)
    python benchmarks/inception.py --threads 1      one thread alone, in seconds of the processor

The plain build is what users of the public PyTorch version run: NCHW, float32, and convolutions that keep the biases
which batch norm makes redundant. Ours lies in memory with its channels innermost (channels-last) and, where said,
multiplies in bfloat16. A step is forward, backward and SGD with momentum on 32 images of 3x224x224 that are there
already. Then inference on 32 images, with batch norms and with batch norms folded away, and the 144 crops of one
picture, in few passes and one by one. On a GPU the same, and compiled.
"""

import argparse
import os
import time

os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # huge pages for large tensors; read when torch loads

import torch
from interleave import interleave, machine, table
from torch import nn
from torch.nn import functional as F

from bncourse import evaluation
from bncourse.nn import BNInception, fold_batchnorm

BATCH, SIZE, CLASSES, CROPS = 32, 224, 1000, 144
PLAIN, OURS, BF16 = "plain: NCHW, biases", "channels-last", "channels-last, bf16"


def with_biases(model: nn.Module) -> nn.Module:
    """The model, each of its convolutions with a bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels, device=module.weight.device))
    return model


def network(name: str, device: str) -> nn.Module:
    """A contender's network, on the device."""
    torch.manual_seed(0)
    model = BNInception(CLASSES).to(device)
    if name == PLAIN:
        return with_biases(model)
    model = model.to(memory_format=torch.channels_last)
    return torch.compile(model) if "compiled" in name else model


def laid_out(name: str, images: torch.Tensor) -> torch.Tensor:
    return images if name == PLAIN else images.contiguous(memory_format=torch.channels_last)


def training(name: str, device: str):
    """A call that takes one training step."""
    model = network(name, device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5)
    images = laid_out(name, torch.randn(BATCH, 3, SIZE, SIZE, device=device))
    labels = torch.arange(BATCH, device=device)

    def step():
        with torch.autocast(device, torch.bfloat16, enabled="bf16" in name):
            loss = F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        finish(device)

    return step


def inference(device: str) -> dict:
    """Calls that classify 32 images: with batch norms, and with batch norms folded away."""
    model = network(OURS, device)
    model(torch.randn(4, 3, SIZE, SIZE, device=device))
    images = laid_out(OURS, torch.randn(BATCH, 3, SIZE, SIZE, device=device))
    models = {"batch norms": model.eval(), "folded": fold_batchnorm(model, images[:1])}
    return {name: lambda m=m: classify(m, images, device) for name, m in models.items()}


def crops(device: str) -> dict:
    """Calls that classify one picture by 144 crops: all in one pass, and a pass for each."""
    model = network(OURS, device).eval()
    all_, one = torch.randn(1, CROPS, 3, SIZE, SIZE), torch.zeros(1, dtype=torch.long)
    single = [(crop[None], one) for crop in all_[0]]
    return {f"{CROPS} crops, one by one": lambda: evaluation.predict(model, single, device),
            f"{CROPS} crops together": lambda: evaluation.predict(model, [(all_, one)], device)}


@torch.inference_mode()
def classify(model: nn.Module, images: torch.Tensor, device: str) -> None:
    model(images)
    finish(device)


def finish(device: str) -> None:
    """Waits for the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def rows(calls: dict, images: int, threads: str, **settings) -> list[list[str]]:
    """Images per second of each contender, and how many times as fast as the first it is."""
    timings = interleave(calls, turn=0, **settings)
    first = next(iter(calls))
    return [[name, threads, f"{images / timings.median(name):.1f}", str(timings.ratio(first, name))] for name in calls]


def measure(threads: int, device: str, only: str, rounds: int) -> list[list[str]]:
    """The rows of one number of threads."""
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 and device == "cpu" else time.perf_counter
    settings = {"rounds": rounds, "clock": clock}
    names = [PLAIN, OURS, BF16] + ([f"{OURS}, compiled", f"{BF16}, compiled"] if device == "cuda" else [])
    parts = {"training": lambda: ({f"training, {name}": training(name, device) for name in names}, BATCH),
             "inference": lambda: ({f"inference, {name}": call for name, call in inference(device).items()}, BATCH),
             "crops": lambda: (crops(device), CROPS)}
    where = torch.cuda.get_device_name() if device == "cuda" else str(threads)
    found = []
    for part, build in parts.items():
        if only in (part, None):
            calls, images = build()
            found += rows(calls, images, where, told=f"{part}, turns", **settings)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which each contender has one turn")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--only", choices=["training", "inference", "crops"], help="only this part")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = [row for threads in (options.threads if device == "cpu" else [1])
             for row in measure(threads, device, options.only, options.rounds)]
    print(f"{machine()}\nPyTorch {torch.__version__}; BN-Inception, {BATCH} images of 3x{SIZE}x{SIZE}; "
          f"{options.rounds} rounds; on one thread, seconds of the processor\n")
    print(table(["", "threads", "images/s", "times the first"], found))


if __name__ == "__main__":
    main()
