"""The rows of the doctor's table: what each diagnosis is called, and which words a finding of it has to have."""

import re

TITLES = {
    1: "statistics are not those of the data",
    2: "batch statistics at inference",
    3: "frozen parameters, moving statistics",
    4: "one value per channel",
    5: "few values per channel",
    6: "statistics not finite, or negative",
    7: "convention of another framework",
    8: "momentum too small for the steps taken",
    9: "averaged weights, other statistics",
    10: "not synchronized over processes",
    11: "statistics move twice a step",
    12: "one layer for several inputs",
    13: "padding in the statistics",
    14: "cannot be folded",
    15: "statistics beyond half precision",
    16: "statistics never trained",
    17: "parameters that learn nothing",
    18: "decay on gamma and beta",
    19: "the mini-batch tells the label",
    20: "buffers not copied",
    21: "gradient misses a path",
    22: "dead channels",
    23: "Dropout before batch norm",
    24: "mean far beyond the spread",
    25: "gradients explode with depth",
}

WORDS = {
    1: r"statistics.*(data|loader)|stale|lag",
    2: r"company|companion|batch statistics|training mode",
    3: r"frozen|freez",
    4: r"one value|single value|more than 1 value|batch of one",
    5: r"few values|small batch|values per channel",
    6: r"finite|nan|negative",
    7: r"momentum|eps|biased|convention",
    8: r"momentum|lag|initial",
    9: r"averag|ema|swa|other weights|not those of the data",
    10: r"synchron|process|ddp|distributed",
    11: r"twice|recomput|checkpointing",
    12: r"reuse|shared|several (times|inputs)|twice|more than once",
    13: r"padding|constant (rows|positions)|padded",
    14: r"fold",
    15: r"half|float16|65",
    16: r"never trained|untrained|initial|untouched|missing",
    17: r"bias|offset|learns? nothing|wasted",
    18: r"decay",
    19: r"label|sorted|order",
    20: r"copied|buffers|target",
    21: r"gradient",
    22: r"dead",
    23: r"dropout",
    24: r"spread|precision|digits|standard deviation",
    25: r"explod|grow|depth",
}


def tells(finding, row):
    """Whether a finding's name or law speaks of this row of the table."""
    return re.search(WORDS[row], f"{finding.name} {finding.law}", re.IGNORECASE | re.DOTALL) is not None
