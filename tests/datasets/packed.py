"""Small pictures and archives for tests; what `tarfile` writes is the oracle for what ours reads."""

import io
import tarfile

import numpy as np
from PIL import Image

SYNSETS = ("n01440764", "n01443537", "n01484850")


def encoded(pixels, kind="JPEG", **options):
    """The file of a picture, from an array or a Pillow image."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def jpeg(rng, height=12, width=16):
    return encoded(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def member(name, size=0, **fields):
    """A tar header, as `tarfile` knows it."""
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def packed(files, form=tarfile.PAX_FORMAT):
    """The bytes of a tar archive of these files, name -> bytes; a TarInfo among the values stands for itself."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                archive.addfile(member(name, len(content)), io.BytesIO(content))
    return data.getvalue()


def train_files(rng, each=4, top="train"):
    """Files of a training set, `each` pictures in every class, of different sizes."""
    return {f"{top}/{synset}/{synset}_{k}.JPEG": jpeg(rng, *rng.integers(8, 24, 2).tolist())
            for synset in SYNSETS for k in range(each)}
