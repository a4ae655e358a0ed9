"""Progress: how far a computation is, as a small widget in a notebook and as a tqdm bar on a terminal.

A notebook stores only the line that `repr` gives, which holds no time and no count, so that two runs store the same.
"""

import sys
from types import TracebackType

import ipywidgets as widgets
from IPython.display import display
from tqdm import tqdm


class Progress:
    """A bar in a notebook or a line on a terminal; `progress(done, total)` moves it while a computation runs.

    The bar appears where the object is made, so several bars stand in the order of the program, whichever computation
    reports first. Used as a context manager, it also shows where a computation stopped before its end.
    """

    def __init__(self, label: str):
        self.label = label
        self.done, self.total = 0, 0
        self._face = _Bar(label) if _in_a_notebook() else _Line(label)

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done. Raises ValueError unless 0 <= done <= total and total > 0."""
        if not 0 <= done <= total or total == 0:
            raise ValueError(f"done is {done} and total is {total}; expected 0 <= done <= total and total > 0")
        self.done, self.total = done, total
        self._face.show(done, total)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.done < self.total:
            self._face.stop(self.done, self.total)

    def __repr__(self) -> str:
        return f"Progress({self.label!r})"


class _Bar(widgets.HBox):
    """A label, a bar and a count in a notebook; moved once a hundredth, since each move is a message to the page."""

    def __init__(self, label: str):
        self._label, self._hundredths = label, -1
        self._bar = widgets.IntProgress(max=100, layout=widgets.Layout(width="320px"))
        self._count = widgets.Label()
        super().__init__([widgets.Label(label), self._bar, self._count])
        display(self)

    def show(self, done: int, total: int) -> None:
        hundredths = 100 * done // total
        if hundredths != self._hundredths:
            self._hundredths = self._bar.value = hundredths
            self._bar.bar_style = "success" if done == total else ""
            self._count.value = f"{done} of {total}"

    def stop(self, done: int, total: int) -> None:
        self._bar.bar_style = "danger"
        self._count.value = f"stopped at {done} of {total}"

    def __repr__(self) -> str:
        return f"Progress({self._label!r})"


class _Line:
    """A label, a bar and a count on a terminal, by tqdm."""

    def __init__(self, label: str):
        self._label, self._line = label, tqdm(desc=label, disable=None)

    def show(self, done: int, total: int) -> None:
        if done < self._line.n:
            self._line = tqdm(desc=self._label, disable=None)
        self._line.total = total
        self._line.update(done - self._line.n)
        if done == total:
            self._line.close()

    def stop(self, done: int, total: int) -> None:
        self._line.set_postfix_str("stopped", refresh=True)
        self._line.close()


def _in_a_notebook() -> bool:
    ipython = sys.modules["IPython"].get_ipython()
    return ipython is not None and hasattr(ipython, "kernel")
