"""Aliev-Panfilov's medium: parameters and the hidden field at the start from 25 frames of the voltage."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import Assimilation, assimilate

DT, EVERY, N_FRAMES = 0.02, 10, 25
TRUTH = {"D": 1.0, "k": 8.0, "a": 0.06}
GUESS = {"D": 1.3, "k": 5.6, "a": 0.078}


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n: cells along each side.
        n_updates: of Adam; 0 leaves the fits out.
        seed: of the direction of the derivative.
    """

    n: int = 24
    n_updates: int = 500
    seed: int = 0


SMOKE = Config(n=12, n_updates=0)


def velocity(x: Any, p: Any) -> Any:
    """Rates of voltage and recovery; no flux through the edges.

    Args:
        x: (2, n, n).
        p: D, k, a.
    """
    u, v = x
    w = jnp.pad(u, 1, mode="edge")
    laplacian = w[2:, 1:-1] + w[:-2, 1:-1] + w[1:-1, 2:] + w[1:-1, :-2] - 4 * u
    du = p["D"] * laplacian - p["k"] * u * (u - p["a"]) * (u - 1) - u * v
    dv = (0.002 + 0.2 * v / (u + 0.3)) * (-v - p["k"] * u * (u - p["a"] - 1))
    return jnp.stack([du, dv])


def heun(x: Any, p: Any) -> Any:
    """One step of Heun's method.

    Args:
        x: (2, n, n).
        p: parameters.
    """
    first = velocity(x, p)
    return x + DT / 2 * (first + velocity(x + DT * first, p))


def voltage(x: Any) -> Any:
    """What is seen."""
    return x[0]


def with_recovery(x: Any, v: Any) -> Any:
    """The state with another recovery field."""
    return jnp.stack([x[0], v])


def main(config: Config) -> Results:
    """Derivative, fit, and fit of data without a wave.

    Args:
        config: sizes.
    """
    medium = cc.Map(heun, TRUTH, dt=DT)
    x = jnp.zeros((2, config.n, config.n)).at[0, :, :4].set(1.0)
    # Half of the time of the card's 32 cells scales with the side.
    x = _after(medium, x, round(900 * config.n / 32))
    x = x.at[:, config.n // 2 :].set(0.0)
    x = _after(medium, x, round(400 * config.n / 32))
    exact, rough = derivative_errors(config, medium, x)
    measured: dict[str, Any] = {"gradient": exact}
    controls: dict[str, Any] = {"gradient": rough}
    names = ("diffusion", "excitability", "hidden")
    if not config.n_updates:
        return Results(measured | dict.fromkeys(names, float("nan")), controls | dict.fromkeys(names, float("nan")))
    fits = {"wave": fitted(config, medium, x), "no wave": fitted(config, medium, _after(medium, x, 12_000))}
    for kept, name in ((measured, "wave"), (controls, "no wave")):
        fit, start = fits[name]
        kept["diffusion"], kept["excitability"] = fit.parameters["D"], fit.parameters["k"]
        truth = np.asarray(start[1])
        kept["hidden"] = float(np.sqrt(np.mean((np.asarray(fit.x0[1]) - truth) ** 2)) / max(truth.std(), 1e-300))
    steps = np.arange(1, len(fits["wave"][0].loss) + 1)
    lines = tuple(Curve(steps, np.maximum(fit.loss, 1e-14), name) for name, (fit, _) in fits.items())
    notes = tuple(
        f"{name}: misfit {fit.loss[-1]:.2g}, a = {fit.parameters['a']:.4g}, condition number of the parameters "
        f"{fit.condition:.3g}."
        for name, (fit, _) in fits.items()
    )
    plot = Plot("A small misfit is no proof", "update", "mean square misfit", lines, log_x=True, log_y=True)
    return Results(measured, controls, (plot,), notes)


def _after(medium: Any, x: Any, n_steps: int) -> Any:
    return cc.run(medium, x, n_steps=n_steps)


def frames(medium: Any, x: Any) -> np.ndarray:
    """Voltages of the frames.

    Args:
        medium: the system.
        x: state at the first.
    """
    rest = cc.trajectory(medium, x, n_steps=EVERY * (N_FRAMES - 1), save_every=EVERY, observe=voltage, progress=False).x
    return np.concatenate([np.asarray(x[0])[None], np.asarray(rest)])


def fitted(config: Config, medium: Any, x: Any) -> tuple[Assimilation, Any]:
    """Fit, and the true start.

    Args:
        config: sizes.
        medium: the system.
        x: true state at the first frame.
    """
    guess = cc.Map(heun, GUESS, dt=DT)
    start = jnp.full(x[1].shape, jnp.mean(x[1]))
    found = assimilate(
        guess,
        x,
        frames(medium, x),
        parameters=tuple(GUESS),
        hidden=start,
        observe=voltage,
        place=with_recovery,
        every=EVERY,
        n_updates=config.n_updates,
        rate=0.03,
        progress=False,
    )
    return found, x


def derivative_errors(config: Config, medium: Any, x: Any) -> tuple[float, float]:
    """Relative difference of the adjoint from centred differences, and from one-sided coarse ones.

    Args:
        config: its seed.
        medium: the system.
        x: a state.
    """
    record = jnp.asarray(frames(medium, x))
    direction = jax.random.normal(jax.random.key(config.seed), x[1].shape)

    def loss(v: Any) -> Any:
        def frame(y: Any, target: Any) -> Any:
            y = jax.lax.scan(lambda z, _: (heun(z, TRUTH), None), y, None, length=EVERY)[0]
            return y, jnp.mean((y[0] - target) ** 2)

        return jnp.sum(jax.lax.scan(frame, with_recovery(x, v), record[1:])[1])

    v = x[1] + 0.05
    value, gradient = jax.jit(jax.value_and_grad(loss))(v)
    found = float(jnp.sum(gradient * direction))
    call, h = jax.jit(loss), 1e-5
    centred = float(call(v + h * direction) - call(v - h * direction)) / (2 * h)
    coarse = float(call(v + 0.1 * direction) - value) / 0.1
    return abs(found / centred - 1), abs(found / coarse - 1)
