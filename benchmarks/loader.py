"""Photographs per second and core: from a tar archive in place to normalized mini-batches of 3x224x224.

    BNCOURSE_DATA=... python benchmarks/loader.py

enlarges the 1,000 photographs of `imagenet-sample` (shorter side 256) to ImageNet's typical size, 500x375 at a JPEG
quality that gives its typical 110 kB, packs them into a tar archive in a temporary folder, and takes epochs of the
loader of this package from it: training (random crop, mirror, distortion) and evaluation (centre). Then where the
time of a training picture goes. The files are in the system's cache, so that reading them costs a copy.

Seconds are those of the processor, over all threads: photographs per second and core, even on a busy machine.
"""

import argparse
import io
import os
import tarfile
import tempfile
import time
from collections import deque
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # one core, whatever PyTorch would take

import numpy as np
import torch
from interleave import counted, machine, table
from PIL import Image, features

from bncourse.datasets import files, imagenet
from bncourse.datasets.batches import Batches
from bncourse.datasets.decoding import decode
from bncourse.datasets.shuffling import generator
from bncourse.datasets.transforms import Center, Training, inception_box, normalize, to_tensor

WIDTH, HEIGHT, QUALITY = 500, 375, 98
BATCH = 32


def enlarged(folder: Path, n: int) -> Path:
    """A set of n photographs of typical size in a folder, as `train.tar`."""
    pictures = imagenet.open_split(files.folder() / "imagenet-sample", "images")
    with tarfile.open(folder / "train.tar", "w") as archive:
        for i in range(n):
            data = io.BytesIO()
            image = pictures.image(i).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            image.save(data, "JPEG", quality=QUALITY)
            member = tarfile.TarInfo(f"train/{pictures.synsets[i]}/{i}.JPEG")
            member.size = data.tell()
            data.seek(0)
            archive.addfile(member, data)
    return folder


def seconds(call) -> float:
    """Of the processor, for one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def rates(pictures, rounds: int) -> dict[str, list[float]]:
    """Photographs per second and core of each kind of epoch, one figure a round, turn by turn."""
    kinds = {"training": Training(224), "training, less distortion": Training(224, "less"), "evaluation": Center(224)}
    epochs = {f"{name}, {workers or 'no'} workers": Batches(pictures, transform, batch=BATCH, workers=workers)
              for name, transform in kinds.items() for workers in (0, 2)}
    found = {name: [] for name in epochs}
    for name, batches in counted([*epochs.items()] * rounds, "epochs"):
        found[name].append(len(batches) * BATCH / seconds(lambda batches=batches: deque(batches.epoch(), 0)))
    return found


def parts(pictures) -> tuple[dict, int]:
    """What is done for training pictures, each part alone, and for how many."""
    some = range(0, len(pictures), max(1, len(pictures) // BATCH))
    encoded = [pictures.source.read(i) for i in some]
    decoded = [decode(data, "", 448) for data in encoded]
    train, plain, rng = Training(224, "full"), Training(224, "none"), generator(0)
    stack = torch.stack([plain(image, rng) for image in decoded])
    return {
        "read": lambda: [pictures.source.read(i) for i in some],
        "decode": lambda: [decode(data, "", 448) for data in encoded],
        "crop and resize": lambda: [image.resize((224, 224), Image.Resampling.BILINEAR, reducing_gap=2.0,
                                                 box=inception_box(image.size, (0.08, 1), rng)) for image in decoded],
        "crop, mirror, to bytes (C, H, W)": lambda: [plain(image, rng) for image in decoded],
        "the same with distortion": lambda: [train(image, rng) for image in decoded],
        "stack": lambda: torch.stack([to_tensor(image.crop((0, 0, 224, 224))) for image in decoded]),
        "normalize": lambda: normalize(stack),
    }, len(encoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="epochs of each kind")
    parser.add_argument("--pictures", type=int, default=1000, help="how many of the photographs are taken")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        pictures = imagenet.open_split(enlarged(Path(folder), options.pictures))
        found = rates(pictures, options.rounds)
        pieces, count = parts(pictures)
        shares = {name: np.median([seconds(call) for _ in range(3 * options.rounds)]) / count
                  for name, call in pieces.items()}
        kilobytes = float(np.mean(pictures.source.sizes)) / 1e3
    print(f"{machine()}\nPillow {Image.__version__} (libjpeg-turbo {features.version('libjpeg_turbo')}), "
          f"PyTorch {torch.__version__}\n{options.pictures:,} photographs of {WIDTH}x{HEIGHT}, {kilobytes:.0f} kB on "
          f"average; {options.rounds} rounds; median (quartiles)\n")
    print(table(["epoch", "images/s and core"],
                [[name, "{:.0f} ({:.0f} to {:.0f})".format(*np.quantile(each, [0.5, 0.25, 0.75]))]
                 for name, each in found.items()]))
    print("\n" + table(["one training picture", "ms"],
                       [[name, f"{1e3 * share:.3f}"] for name, share in shares.items()]))


if __name__ == "__main__":
    main()
