"""A progress bar that appears only where a person waits: after two seconds, on a terminal or in a notebook."""

import sys
import time
from types import TracebackType
from typing import Any

DELAY = 2.0


class Progress:
    """Count of work done, shown by rich once the work has lasted two seconds.

    Args:
        total: amount of work.
        label: what is being done.
        show: True or False, or None for: on a terminal only.

    Example:
        >>> with Progress(10, "orbit", show=False) as bar:
        ...     bar.advance(10)
    """

    def __init__(self, total: int, label: str, show: bool | None = None):
        self._total = total
        self._label = label
        self._show = (sys.stderr.isatty() or "ipykernel" in sys.modules) if show is None else show
        self._begin = time.monotonic()
        self._done = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        """Start the clock."""
        return self

    def advance(self, amount: int) -> None:
        """Report work done.

        Args:
            amount: work done since the last call.
        """
        self._done += amount
        if not self._show:
            return
        if self._bar is None:
            if time.monotonic() - self._begin < DELAY:
                return
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=self._total)
        self._bar.update(self._task, completed=self._done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
