"""Progress: a bar on a terminal, a plain line now and then elsewhere, nothing when turned off."""

import time
from datetime import timedelta
from typing import Any

_PLAIN_EVERY = 5.0  # seconds between plain lines


class Progress:
    """A bar on a terminal, plain lines elsewhere.

    Args:
        label: what is under way.
        total: how many units of work there are.
        show: `False` shows nothing at all.
        done: how many of them an earlier session did.

    >>> with Progress("counting", total=2) as progress:
    ...     progress.update(1)
    ...     progress.update(2, "nearly there")
    counting 1/2
    counting 2/2 nearly there
    """

    def __init__(self, label: str, total: int, show: bool = True, done: int = 0):
        self.label, self.total, self.show, self.done = label, total, show, done
        self.bar: Any = None
        self.last = -float("inf")
        self.first: tuple[int, float] | None = None  # of what was done when: it had compiled then

    def __enter__(self) -> "Progress":
        if self.show:
            from rich.console import Console  # here: `import jsgd.train` stays light

            console = Console()
            if console.is_terminal:
                self.bar = _bar(console)
                self.bar.add_task(self.label, total=self.total, completed=self.done, text="")
                self.bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self, done: int, text: str = "") -> None:
        """Say how many units are done, and what there is to say about them."""
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=done, text=text)
        elif self.show and (done >= self.total or time.monotonic() > self.last + _PLAIN_EVERY):
            self.last = time.monotonic()
            words = (f"{self.label} {done}/{self.total}", text, self._eta(done))
            print(*filter(None, words), flush=True)

    def _eta(self, done: int) -> str:
        """How long it will take by the pace since the first update."""
        first, start = self.first = self.first or (done, self.last)
        if not first < done < self.total:
            return ""
        seconds = (self.last - start) / (done - first) * (self.total - done)
        return f"ETA {timedelta(seconds=round(seconds))}"

    def say(self, line: str) -> None:
        """A line of its own, above the bar."""
        if self.bar is not None:
            self.bar.console.print(line, markup=False, highlight=False)
        elif self.show:
            print(line, flush=True)


def _bar(console: Any) -> Any:
    from rich import progress

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=24),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[text]}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("ETA"),
        progress.TimeRemainingColumn(),
        console=console,
    )
