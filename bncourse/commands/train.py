"""`python3 -m bncourse train`: one of section 4.2's networks, on pictures of your own or on scenes.

    python3 -m bncourse train bn-x5 --data tiny-imagenet-100
    torchrun --nproc-per-node 8 -m bncourse train bn-x30 --data imagenet --scale imagenet --steps 6000000
"""

from argparse import SUPPRESS
from pathlib import Path

EPILOG = """VARIANT (default: bn-x5): inception, bn-baseline, bn-x5, bn-x30, bn-x5-sigmoid, inception-x5,
inception-sigmoid; member-1 to -6 of the ensemble. The same command goes on from its checkpoint."""


def add(commands):
    """Adds `train` to the commands of an argparse parser."""
    train = commands.add_parser("train", help="train one of section 4.2's networks", epilog=EPILOG, allow_abbrev=False,
                                usage="%(prog)s [VARIANT] [options]")
    option = train.add_argument
    option("variant", nargs="?", default="bn-x5", help=SUPPRESS)
    option("--data", default="scenes", metavar="NAME", help="scenes, a set in the data folder, or its path")
    option("--scale", choices=["small", "imagenet", "tiny"], metavar="SIZE",
           help="small (default), imagenet, tiny (default of scenes)")
    option("--steps", type=int, metavar="N", help="mini-batches")
    option("--every", type=int, metavar="N", help="steps between tests")
    option("--batch", type=int, metavar="N", help="examples in each, of all processes together")
    option("--lr", type=float, help="Inception's rate, which variants multiply")
    option("--decay", type=float, metavar="TIMES", help="how many times as fast the rate falls")
    option("--width", type=float, help="a factor on the network's widths")
    option("--held-out", type=int, metavar="N", help="test on N training pictures of each class")
    option("--view", choices=["center", "whole"], metavar="NAME", help="test the center of a picture, or the whole")
    option("--seed", type=int, metavar="N", help="of weights, order and distortions")
    option("--precision", choices=["float32", "bf16"], metavar="TYPE", help="float32 or bf16")
    option("--synchronized", action="store_true", help="batch norm over all processes")
    option("--compiled", action="store_true", help="through torch.compile")
    option("--device", choices=["cpu", "cuda"], metavar="NAME", help="cpu or cuda (default: cuda where there is one)")
    option("--workers", type=int, default=0, metavar="N", help="threads that load pictures")
    option("--folder", type=Path, help="for checkpoints (default: in data/cache/training)")
    option("--checkpoint", type=int, metavar="N", help="steps between checkpoints")
    option("--resume", action="store_true", help="refuse to begin where there is no checkpoint")
    option("--record", action="store_true", help="write the run into data/runs")
    option("--tensorboard", action="store_true", help="tell TensorBoard, in the folder")
    train.set_defaults(do=carry_out)


def carry_out(options) -> int:
    """Trains, tells how it goes, and writes the run whole at the end: beside the checkpoints, or into data/runs."""
    from bncourse.experiments import trainings
    from bncourse.experiments.options import with_options
    from bncourse.experiments.scales import SCALES
    from bncourse.experiments.variants import at_scale, variant_named

    scale = SCALES[options.scale or ("tiny" if options.data == "scenes" else "small")]
    data, place = trainings.pictures_named(options.data)
    given = {name: getattr(options, name) for name in ("steps", "every", "batch", "lr", "decay", "width", "held_out",
                                                       "view", "seed", "precision")}
    config = with_options(at_scale(variant_named(options.variant), scale), data=data,
                          synchronized=options.synchronized, **given)
    trainings.train(config, place, folder=options.folder, device=options.device, workers=options.workers,
               checkpoint_every=options.checkpoint, resume=options.resume, record=options.record,
               tensorboard=options.tensorboard, compiled=options.compiled)
    return 0
