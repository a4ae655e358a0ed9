"""Values per channel: mean and variance of m' values are off by about 1/sqrt(m') of a standard deviation."""

from collections.abc import Iterator

from bncourse.doctor.report import Finding, finding
from bncourse.doctor.step import Step

FEW = 16


def values(step: Step, batch: int, last: int | None = None) -> Iterator[Finding]:
    """Batch norms with one value in a channel, a fault, or with fewer than 16, a risk.

    `batch` is the number of examples in the batch of the step, and `last` that of the smallest mini-batch that the
    loader gives, where there is a loader. A layer with 4 values for each example has 4 in a mini-batch of one.
    """
    m = {entry.path: entry.values for entry in reversed(step.entries) if entry.by_batch}
    single = [path for path, n in m.items() if n == 1 or (last and n * last == batch)]
    few = sorted((path for path, n in m.items() if n < FEW and path not in single), key=m.get)
    if single:
        rest = f"the loader's smallest mini-batch has {last} of {batch} examples" if last else f"a batch of {batch}"
        yield finding("one-value-per-channel", single, "fault", f"one value in each channel: {rest}")
    if few:
        n = m[few[0]]
        yield finding(
            "few-values-per-channel",
            few,
            "risk",
            f"{n} values in each channel of {few[0]}: the mean is off by about {n**-0.5:.0%} of a standard deviation",
        )
