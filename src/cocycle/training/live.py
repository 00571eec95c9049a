"""A table in the terminal that follows a training run."""

import math
import sys
from typing import Any

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 20  # the table fits into 80 columns
LABELS = {
    "loss": "loss",
    "gradient_norm": "gradient norm",
    "sharpness": "sharpness",
    "batch_sharpness": "batch sharpness",
    "exponent": "exponent / step",
    "kernel_trace": "kernel trace",
    "noise_scale": "noise scale",
}


class LiveView:
    """The last values with a small curve of those before.

    Args:
        show: True or False, or None for: on a terminal only.
        title: what is watched.
    """

    def __init__(self, show: bool | None, title: str):
        self.on = sys.stderr.isatty() if show is None else show
        self.title = title
        self.history: dict[str, list[float]] = {}
        self.live: Any = None

    def show(self, step: int, values: dict[str, tuple[float, float]]) -> None:
        """Add a row of values.

        Args:
            step: training step.
            values: value and standard error by name.
        """
        if not self.on:
            return
        for name, (value, _) in values.items():
            self.history.setdefault(name, []).append(value)
        if self.live is None:
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(stderr=True), auto_refresh=False)
            self.live.start()
        self.live.update(self.table(step, values), refresh=True)

    def table(self, step: int, values: dict[str, tuple[float, float]]) -> Any:
        """Return the table as rich shows it.

        Args:
            step: training step.
            values: value and standard error by name.
        """
        from rich import box
        from rich.table import Table

        from cocycle.core.estimate import format_value

        rate = values.get("learning_rate", (math.nan, 0.0))[0]
        table = Table(title=f"{self.title}: step {step:,}", box=box.SIMPLE_HEAD, title_justify="left")
        for column in ("quantity", "value", "limit", "so far"):
            table.add_column(column, no_wrap=True)
        for name, (value, stderr) in values.items():
            if name == "learning_rate":
                continue
            limit, beyond = _limit(name, value, rate)
            text = format_value(value, stderr)
            table.add_row(
                LABELS.get(name, name.replace("_", " ")),
                f"[bold red]{text}[/]" if beyond else text,
                limit,
                curve(self.history.get(name, [])),
            )
        return table

    def close(self, last_words: str) -> None:
        """Leave the last table, and say what it all cost.

        Args:
            last_words: a line.
        """
        if self.live is not None:
            self.live.stop()
            self.live.console.print(last_words, highlight=False)
            self.live = None


def _limit(name: str, value: float, rate: float) -> tuple[str, bool]:
    if name in ("sharpness", "batch_sharpness") and math.isfinite(rate):
        return f"2/η = {2 / rate:.4g}", value > 2 / rate
    return ("0", value > 0) if name == "exponent" else ("", False)


def curve(values: list[float], width: int = WIDTH) -> str:
    """The last values as a line of blocks.

    Args:
        values: numbers.
        width: how many at most.

    Example:
        >>> curve([0.0, 1.0, 2.0, float("nan")])
        '▁▅█ '
    """
    shown = values[-width:]
    finite = [v for v in shown if math.isfinite(v)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[int((v - low) * scale + 0.5)] if math.isfinite(v) else " " for v in shown)
