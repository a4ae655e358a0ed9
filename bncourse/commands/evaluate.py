"""`python3 -m bncourse evaluate`: how good trained networks are, alone and together.

    python3 -m bncourse evaluate data/cache/training/bn-x30 --crops
    python3 -m bncourse evaluate member1 member2 member3 --crops --data imagenet
"""

from pathlib import Path


def add(commands):
    """Adds `evaluate` to the commands of an argparse parser."""
    evaluate = commands.add_parser("evaluate", help="test trained networks, alone and together", allow_abbrev=False)
    option = evaluate.add_argument
    option("networks", nargs="+", type=Path, metavar="NETWORK", help="the folder of a training, or a checkpoint in it; "
                                                                     "of several, the ensemble is tested too")
    option("--data", metavar="NAME", help="a set in the data folder, or its path (default: what it was trained on)")
    option("--crops", action="store_true", help="144 crops of each picture (at small scales 48, of the centre)")
    option("--first", type=int, metavar="N", help="only N pictures, evenly spread")
    option("--fold", action="store_true", help="fold the batch norms into the convolutions first")
    option("--precision", choices=["float32", "bf16"], help="default: as in training")
    option("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    option("--workers", type=int, default=0, metavar="N", help="threads that load pictures (default: 0)")
    evaluate.set_defaults(do=carry_out)


def carry_out(options) -> int:
    """A line for each network, with its errors at 1 and at 5 in per cent, and of several one for their ensemble."""
    from bncourse.experiments import scoring, trainings

    data, place = trainings.pictures_named(options.data) if options.data else (None, None)
    print(f"{'':<32} top-1 error  top-5 error")
    for name, score in scoring.score_each(options.networks, data=data, pictures_in=place, first=options.first,
                                          crops=options.crops, fold=options.fold, precision=options.precision,
                                          device=options.device, workers=options.workers):
        errors = f"{1 - score.top1:>11.2%}  {1 - score.top5:>11.2%}"
        print(f"{name:<32} {errors}   of {score.examples:,} pictures", flush=True)
    return 0
