"""What the discretisation of a flow does to its exponents: beside those of its stepper, those without one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import format_value, mean_estimate
from cocycle.core.start import count, start
from cocycle.stability.exponents import lyapunov_spectrum
from cocycle.stability.frames import dimension, first_frame, orthonormalise, push_frame
from cocycle.stability.spectrum import Spectrum
from cocycle.steppers import Flow, Taylor


class StepperBias(eqx.Module):
    """Exponents of a flow by its own stepper and by a precise one.

    Attributes:
        own: spectrum by the flow's stepper at its dt.
        exact: spectrum by the precise stepper.
        difference: own less exact (K,) [nats / time].
        stderr: standard errors of the difference (K,), from the sampling of both.
        per_step: mean difference of the growth in one step from the same state and frame (K,) [nats / time]: the part
            of the bias that the tangents make, free of the sampling of two orbits.
        per_step_stderr: its standard errors (K,).
    """

    own: Spectrum
    exact: Spectrum
    difference: Float[np.ndarray, "K"]
    stderr: Float[np.ndarray, "K"]
    per_step: Float[np.ndarray, "K"]
    per_step_stderr: Float[np.ndarray, "K"]

    def __str__(self) -> str:
        rows = zip(self.own.exponents, self.exact.exponents, self.difference, self.stderr, self.per_step, strict=True)
        lines = [
            f"{float(a):.6g} by its stepper, {float(b):.6g} without: difference {format_value(float(d), float(s))}, "
            f"{float(p):.2g} a step"
            for a, b, d, s, p in rows
        ]
        return "\n".join(lines)


@eqx.filter_jit
def _paired(own: Flow, exact: Flow, driver: Any, x: Any, frame: Any, n_rows: int) -> Any:
    """Log stretching by one step of each, from the same states and frames, less each other."""

    def one(carry: tuple, i: Any) -> tuple:
        x, frame = carry
        w = driver.at(i)
        _, fine = push_frame(exact, x, w, frame)
        x, coarse = push_frame(own, x, w, frame)
        frame, r = orthonormalise(coarse)
        return (x, frame), jnp.log(r) - jnp.log(orthonormalise(fine)[1])

    return jax.lax.scan(one, (x, frame), jnp.arange(n_rows))[1]


def stepper_bias(
    flow: Any,
    x0: Any = None,
    *,
    duration: float,
    n_vectors: int | None = None,
    stepper: Any = Taylor(),
    stride: int = 10,
    n_paired: int = 2000,
    progress: bool | None = None,
) -> StepperBias:
    r"""Exponents by the flow's stepper at its dt, beside those by a stepper without bias.

    Both spectra come from orbits of their own over the same time, so in chaos their difference has a sampling error;
    `per_step` compares growth in single steps from the same states instead, and resolves a bias far below it.

    Args:
        flow: a flow.
        x0: initial state; default that of the flow.
        duration: averaging time, the transient included [unit of the flow].
        n_vectors: K, at most D; default D.
        stepper: the precise one.
        stride: steps of the flow between orthonormalisations of the precise solution.
        n_paired: steps that are compared one by one.
        progress: show progress bars; None shows them on a terminal when the work is long.

    Returns:
        StepperBias with both spectra and their differences (K,) [nats / time].

    Raises:
        ParameterError: if there is no Flow, or a count is out of range.

    Accuracy: the precise spectrum is free of discretisation to the tolerance of its stepper.
    Limits: `per_step` leaves out that the coarse orbit fills the attractor differently.
    Cost: two spectra.

    Example:
        >>> turn = Flow(lambda t, y, a: jnp.stack([y[1], -y[0] - 0.1 * y[1]]), dt=0.2, x0=[1.0, 0.0])
        >>> bias = stepper_bias(turn, duration=100.0)
        >>> bool(np.all(np.abs(bias.difference) < 1e-4)), bool(np.max(np.abs(bias.difference)) > 1e-8)
        (True, True)

    Source: [benettin1980], [jorba2005].
    """
    if not isinstance(flow, Flow):
        raise ParameterError(f"a Flow is needed, got {type(flow).__name__}; only a flow is discretised.")
    stride, n_paired = count(stride, "stride"), count(n_paired, "n_paired", 16)
    dt = float(flow.dt)
    n = round(duration / dt)
    options = {"name": flow.name, "variables": flow.variables, "x0": flow.x0}
    fine = Flow(flow.field, flow.args, dt=stride * dt, stepper=stepper, **options)
    pair = Flow(flow.field, flow.args, dt=dt, stepper=stepper, **options)
    own = lyapunov_spectrum(flow, x0, n_steps=n, n_vectors=n_vectors, progress=progress)
    exact = lyapunov_spectrum(fine, x0, n_steps=n // stride, n_vectors=n_vectors, progress=progress)
    x, driver = start(flow, own.final, None, n_steps=n_paired, n0=0)
    k = own.n_vectors
    frame = jnp.asarray(first_frame(k, dimension(x)))
    rows = np.asarray(_paired(flow, pair, driver, x, frame, n_paired))[n_paired // 10 :] / dt
    means = [mean_estimate(column) for column in rows.T]
    return StepperBias(
        own,
        exact,
        np.asarray(own.exponents) - np.asarray(exact.exponents),
        np.hypot(own.stderr, exact.stderr),
        np.array([float(m.value) for m in means]),
        np.array([float(m.stderr) for m in means]),
    )
