"""Values per channel: mean and variance of m' values are off by about 1/sqrt(m') of a standard deviation."""

from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

FEW = 16


def values(step: Step, batch: int, usual: int | None = None, last: int | None = None) -> Iterator[Finding]:
    """Batch norms with one value in a channel, a fault, or with fewer than 16, a risk.

    `batch` is the number of examples in the batch of the step; `usual` and `last` are those of most mini-batches of the
    loader and of its smallest one, where there is a loader. A layer with 4 values for each example has 4 in a
    mini-batch of one.
    """
    usual = usual or batch
    m = {entry.path: entry.values * usual // batch for entry in reversed(step.entries) if entry.by_batch}
    single = [path for path, n in m.items() if n == 1 or (last and n * last == usual)]
    few = sorted((path for path, n in m.items() if n < FEW and path not in single), key=m.get)
    if single:
        rest = f"the loader's smallest mini-batch has {last} of {usual}" if last else f"the mini-batch has {batch}"
        yield finding("one-value-per-channel", single, "fault", f"one value in each channel: {rest} examples")
    if few:
        n = m[few[0]]
        yield finding(
            "few-values-per-channel",
            few,
            "risk",
            f"{n} values in each channel of {few[0]}: the mean is off by about {n**-0.5:.0%} of a standard deviation",
        )
