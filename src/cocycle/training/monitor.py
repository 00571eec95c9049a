"""A watcher for training loops: measures stability now and then, keeps its own cost small, survives a crash."""

import math
import os
import time
from types import TracebackType
from typing import Any

import jax
import numpy as np

from cocycle.core.errors import NonFiniteStateError, ParameterError
from cocycle.core.start import count
from cocycle.training.live import LiveView
from cocycle.training.problem import AbstractProblem
from cocycle.training.run_file import RunFile
from cocycle.training.watching import DEFAULT, AbstractMeasure, Setting

N_PROBE = 256


class StabilityMonitor:
    r"""Watches a training run, in JAX or PyTorch: call it after each step (or each k-th).

    Records `loss`, `gradient_norm`, `sharpness`, `batch_sharpness`, `exponent`, `kernel_trace` and `noise_scale`, each
    with its error, to a file of which a killed process loses nothing that was recorded. `cocycle report FILE` draws it.

    Args:
        problem: model, data and loss; its own parameters are only the default.
        path: file to write, `.sqlite` or `.parquet`.
        batch_size: B of the training, for batch sharpness and the exponent.
        learning_rate: eta of the training; a call may give another. Without it there are no exponent and no threshold.
        every: steps between two looks. Default: as often as `budget` allows.
        budget: share of the running time that the monitor may take, where `every` is not given.
        n_probe: samples on which loss, sharpness and kernel are measured, drawn once.
        measures: what to measure; default all of `cocycle.training.watching.DEFAULT`.
        live: show a table in the terminal; None shows it where there is a terminal.
        resume: add to a file that exists.
        seed: of probe samples and batches.
        about: more to note in the file, text or numbers by name.

    Raises:
        ParameterError: if a number is out of range, or the batch exceeds the data.
        OutputError: if the file cannot be written.

    Accuracy: each record has its standard error; sharpness its residual.
    Limits: full-batch quantities are those of the probe samples; the exponent is that of plain SGD.
    Cost: at the defaults one look costs about 20 Hessian products on the probe samples, 16 on batches; the first also
        compiles. `summary()` says what the run paid.

    Example:
        >>> import tempfile, jax.numpy as jnp
        >>> from cocycle.training import Problem
        >>> line = Problem(lambda w, x: w * x, jnp.array(0.0), (jnp.array([1.0, 2, 3, 4]), jnp.arange(4.0)))
        >>> with StabilityMonitor(line, tempfile.mkdtemp() + "/run.sqlite", batch_size=2, every=10) as monitor:
        ...     for step in range(20):
        ...         monitor(step, jnp.array(0.1 * step))
        >>> monitor.n_records
        2
    """

    def __init__(
        self,
        problem: AbstractProblem,
        path: str | os.PathLike,
        *,
        batch_size: int,
        learning_rate: float | None = None,
        every: int | None = None,
        budget: float = 0.05,
        n_probe: int = N_PROBE,
        measures: tuple[AbstractMeasure, ...] | None = None,
        live: bool | None = None,
        resume: bool = False,
        seed: int = 0,
        about: dict[str, Any] | None = None,
    ):
        if not isinstance(problem, AbstractProblem):
            raise ParameterError(f"problem must be a Problem or a TorchProblem, got {type(problem).__name__}.")
        n = problem.n_samples
        if count(batch_size, "batch_size") > n:
            raise ParameterError(f"batch_size={batch_size} exceeds the {n} samples; take a smaller batch.")
        if not 0 < budget < 1:
            raise ParameterError(f"budget must be a share of the running time between 0 and 1, got {budget}.")
        self.every = None if every is None else count(every, "every")
        self.budget = budget
        rng = np.random.default_rng(seed)
        probe = np.sort(rng.choice(n, min(n, count(n_probe, "n_probe", 2)), replace=False))
        self.setting = Setting(problem, _rate(learning_rate), batch_size, probe, rng)
        self.measures = tuple(make() for make in DEFAULT) if measures is None else tuple(measures)
        noted = {
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "n_params": problem.n_params,
            "n_samples": n,
            "n_probe": len(probe),
            **(about or {}),
        }
        self.file = RunFile(path, noted, resume=resume)
        self.view = LiveView(live, str(path))
        self.n_records = 0
        self.inside = self.first_look = 0.0
        self.next_look = -math.inf
        self.began: float | None = None
        self.ended: float | None = None

    def __call__(self, step: int, params: Any = None, *, learning_rate: float | None = None, **values: float) -> None:
        """Look at the parameters, if it is time to.

        Args:
            step: number of the training step.
            params: parameters of the moment, as the problem has them. Default: those of the PyTorch module now, else
                those of the problem.
            learning_rate: eta of the moment, where it changes.
            **values: more numbers to record, e.g. test_accuracy=0.9.
        """
        now = time.perf_counter()
        if self.began is None:
            self.began = now
        if not self._due(step, now):
            return
        problem = self.setting.problem
        if params is None:
            live = getattr(problem, "live_params", None)
            params = problem.params if live is None else live()
        jax.block_until_ready(jax.tree.leaves(params))  # steps still under way are not the monitor's cost
        began = time.perf_counter()
        if learning_rate is not None:
            self.setting.learning_rate = _rate(learning_rate)
        self.setting.params = params
        found = self._measure()
        if self.n_records == 0 and self.every is None:
            # The first look compiled; what a look costs from now on is seen by a second one.
            self.first_look = time.perf_counter() - began
            began = time.perf_counter()
            found = self._measure()
        if math.isfinite(self.setting.learning_rate):
            found["learning_rate"] = (self.setting.learning_rate, 0.0)
        found.update({name: (float(value), 0.0) for name, value in values.items()})
        self.file.append(step, began - self.began + self.file.seconds, found)
        self.n_records += 1
        self.view.show(step, found)
        cost = time.perf_counter() - began
        if self.every is not None and self.n_records == 1:
            self.first_look = cost
        self.inside += cost
        self.next_look = time.perf_counter() + cost * (1 / self.budget - 1)

    def _due(self, step: int, now: float) -> bool:
        if step <= self.file.last_step:
            return False
        return now >= self.next_look if self.every is None else step % self.every == 0

    def _measure(self) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = {}
        for measure in self.measures:
            try:
                estimates = measure.measure(self.setting)
            except NonFiniteStateError:
                self.setting.memory.pop("top_vector", None)
                continue
            found.update({name: (float(e.value), float(e.stderr)) for name, e in estimates.items()})
            if math.isnan(found.get("loss", (0.0, 0.0))[0]):
                break  # a diverged run has no curvature; that it diverged is what there is to record
        return found

    @property
    def overhead(self) -> float:
        """Share of the running time that was spent in the monitor, its first look (compiling) left out."""
        if self.began is None:
            return 0.0
        total = (time.perf_counter() if self.ended is None else self.ended) - self.began
        first = self.first_look if self.every is not None else 0.0
        return max(0.0, self.inside - first) / max(total - self.first_look, 1e-9)

    def summary(self) -> str:
        """Say how often it looked and what that cost."""
        seconds = self.inside - (self.first_look if self.every is not None else 0.0)
        return (
            f"{self.n_records} records in {self.file.path}; the monitor took {seconds:.2f} s, "
            f"{100 * self.overhead:.1f} % of the run, and {self.first_look:.1f} s for its first look"
        )

    def close(self) -> None:
        """Close the file and the view; print the summary where the view was shown."""
        if self.ended is not None:
            return
        self.ended = time.perf_counter()
        self.file.close()
        self.view.close(self.summary())

    def __enter__(self) -> "StabilityMonitor":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _rate(learning_rate: float | None) -> float:
    if learning_rate is None:
        return math.nan
    rate = float(learning_rate)
    if not 0 < rate < math.inf:
        raise ParameterError(f"learning_rate must be positive and finite, got {learning_rate}.")
    return rate
