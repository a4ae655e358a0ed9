"""`python3 -m bncourse data`: which data is there, and fetching what is not."""


def add(commands):
    """Describes the command."""
    data = commands.add_parser("data", help="say which data is there; fetch what is not")
    data.add_argument("fetch", nargs="?", choices=["mnist"], help="fetch this data set, and check it")
    data.set_defaults(do=show)


def show(options) -> int:
    """Where real data is looked for, what is there, and what the notebooks run on; fetches first where asked."""
    from bncourse import datasets
    from bncourse.datasets import files, mnist

    if options.fetch == "mnist":
        for split in ("train", "test"):
            images, _ = mnist.load(split)
            print(f"mnist {split}: {len(images):,} images, checksums and headers as expected")
    print(f"folder   {files.folder()} (BNCOURSE_DATA names another)")
    print("glyphs   made from a seed, always there")
    print("mnist    " + ("there" if mnist.available() else "not there; fetch it: python3 -m bncourse data mnist"))
    print(f"chosen   {datasets.chosen()} (BNCOURSE_DATASET names another)")
    return 0
