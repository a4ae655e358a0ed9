"""What a training tells while it runs: images per second, time left and its rows, on a terminal or to TensorBoard.

    report = Terminal("bn-x5", batch=32)
    train(..., progress=report, record=report.row)

In a notebook, `explorers.progress.Progress` shows the progress.
"""

import os
import sys
import time
from collections.abc import Callable

from tqdm import tqdm

EVERY = 30  # seconds between lines where stderr is no terminal


class Terminal:
    """A progress bar on stderr, and a line for each row; where stderr is a file, a line every half minute.

    `label` begins each line, and `batch` is the number of images in a step; without it steps are counted. The object
    itself is the `progress` of `train`, and its method `row` is the `record`.
    """

    def __init__(self, label: str, batch: int | None = None):
        self.label, self.batch, self.unit = label, batch or 1, "images" if batch else "steps"
        self.bar: tqdm | None = None
        self.began = self.told = time.monotonic()
        self.start: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` steps are done. The speed is the mean since the first call."""
        if self.start is None:
            self.start, self.began = done, time.monotonic()
            if sys.stderr.isatty():
                self.bar = tqdm(desc=self.label, total=total * self.batch, initial=done * self.batch,
                                unit=f" {self.unit}", unit_scale=True)
        if self.bar is not None:
            self.bar.update(done * self.batch - self.bar.n)
            if done == total:
                self.bar.close()
        elif time.monotonic() - self.told >= EVERY or done == total:
            self.told = time.monotonic()
            print(self.line(done, total, self.told - self.began), file=sys.stderr, flush=True)

    def line(self, done: int, total: int, seconds: float | int) -> str:
        """The line for a file, such as "bn-x5: step 1,200 of 5,000, 310 images/s, 0:06:32 left".

        `seconds` are those since the first call.
        """
        speed = (done - self.start) / seconds if seconds > 0 else 0.0  # steps per second
        told = f"{self.label}: step {done:,} of {total:,}"
        if speed == 0:
            return told
        digits = 0 if self.unit == "images" else 1
        return told + f", {speed * self.batch:,.{digits}f} {self.unit}/s, {clock((total - done) / speed)} left"

    def row(self, row: dict) -> None:
        """Writes one row of a training's columns as a line above the bar."""
        tqdm.write(row_line(self.label, row), file=sys.stderr)


def row_line(label: str, row: dict) -> str:
    """The line for a row: "bn-x5: step 500, loss 2.3100, top-1 24.8 %, top-5 51.0 %, lr 0.0075, 310 images/s"."""
    scores = [f"top-{k} {100 * row[f'top{k}']:.1f} %" for k in (1, 5) if f"top{k}" in row]
    return ", ".join([f"{label}: step {row['step']:,}", f"loss {row['loss']:.4f}", *scores,
                      f"lr {row['lr']:.4g}", f"{row['images_per_second']:,.0f} images/s"])


def clock(seconds: float | int) -> str:
    """A time in hours, minutes and seconds: "1:02:03" of 3,723 seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def tensorboard(folder: str | os.PathLike) -> Callable[[dict], None]:
    """A function that writes a row's numbers as TensorBoard's scalars into a folder, for the `record` of `train`.

    Raises ImportError, which says what to install, where TensorBoard is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ImportError("TensorBoard is not installed: pip install tensorboard, or train without it; "
                          "the columns hold the same numbers") from None
    writer = SummaryWriter(os.fspath(folder))

    def record(row: dict) -> None:
        for name, value in row.items():
            if name != "step":
                writer.add_scalar(name, value, row["step"])
        writer.flush()

    return record
