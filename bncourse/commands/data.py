"""`python3 -m bncourse data`: which data is there, how much of it, and how to get what is not."""

IMAGENET = """ImageNet cannot be downloaded without an account. Ask for access at
https://image-net.org/download-images, and put ILSVRC2012_img_train.tar (138 GB) and ILSVRC2012_img_val.tar (6.3 GB)
as they are into
    {folder}
Nothing is unpacked. The validation archive does not say its classes: LOC_val_solution.csv, beside it, does
(https://www.kaggle.com/c/imagenet-object-localization-challenge/data). Folders of class folders, train and val, or
train.tar and val.tar will do as well."""


def add(commands):
    """Adds `data` to the commands of an argparse parser."""
    data = commands.add_parser("data", help="say which data is there; fetch what is not")
    data.add_argument("name", nargs="?", metavar="NAME",
                      help="this data set alone: mnist is fetched and checked, imagenet says how to get it")
    data.set_defaults(do=show)


def show(options) -> int:
    """All data sets, a line each, or the named one, which is fetched where that is possible."""
    return one(options.name) if options.name else everything()


def everything() -> int:
    """Where real data is looked for, what is there, and what the notebooks run on."""
    from bncourse import datasets
    from bncourse.datasets import files, mnist, scenes

    folder = files.folder()
    print(f"folder   {folder} (BNCOURSE_DATA names another)")
    print("glyphs   made from a seed, always there")
    print(f"scenes   made from a seed, always there; {len(scenes.CLASSES)} classes")
    print("mnist    " + ("there" if mnist.available() else "not there; fetch it: python3 -m bncourse data mnist"))
    if not splits(folder / "imagenet"):
        print("imagenet not there; how to get it: python3 -m bncourse data imagenet")
    for path in sorted(folder.glob("*/")):
        if splits(path):
            print(f"{path.name:<8} {'; '.join(summaries(path))}", flush=True)
    print(f"chosen   {datasets.chosen()} (BNCOURSE_DATASET names another)")
    return 0


def one(name: str) -> int:
    """The named data set. Raises files.MissingData, or files.WrongData, where it cannot be used."""
    from bncourse.datasets import files, imagenet, mnist, scenes

    folder = files.folder() / name
    if name == "mnist":
        for split in ("train", "test"):
            images, _ = mnist.load(split)
            print(f"mnist {split}: {len(images):,} images, checksums and headers as expected")
    elif name in ("glyphs", "scenes"):
        print(f"{name}: made from a seed, always there"
              + (f"; {', '.join(scenes.CLASSES)}" if name == "scenes" else ""))
    elif splits(folder):
        for split in splits(folder):
            pictures = imagenet.open_split(folder, split)
            print(f"{name} {split}: {len(pictures):,} images, {len(pictures.classes):,} classes; the first is "
                  f"{pictures.name(0)}")
    elif name == "imagenet":
        raise files.MissingData(IMAGENET.format(folder=folder))
    else:
        raise files.MissingData(f"{folder} holds no pictures; expected {imagenet.LAYOUT}")
    return 0


def splits(folder) -> list[str]:
    """Which of train, val and images, a set without splits, lie in a folder."""
    from bncourse.datasets import imagenet

    return [split for split in ("train", "val", "images") if imagenet.present(folder, split)]


def summaries(folder) -> list[str]:
    """How much each split holds, or what is wrong with it."""
    from bncourse.datasets import files, imagenet

    found = []
    for split in splits(folder):
        try:
            pictures = imagenet.open_split(folder, split)
            found.append(f"{split} {len(pictures):,} images, {len(pictures.classes):,} classes")
        except files.DataError as error:
            found.append(f"{split} cannot be used: {error}")
    return found
