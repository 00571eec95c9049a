"""dX = -P (dQ) X on a sphere, Q a Brownian motion on symmetric matrices: points under the same noise cluster."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import Brownian
from cocycle.core.estimate import Estimate
from cocycle.core.run import trajectory
from cocycle.core.sweep import sweep
from cocycle.core.system import AbstractDifferentiableSystem
from cocycle.core.together import Together
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability import lyapunov_spectrum
from cocycle.stability.random import ensemble
from cocycle.steppers import Sphere

N_SERIES = 12


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        dt: time step.
        spaces: dimensions in which the exponents of the linear flow are computed.
        spheres: dimensions in which those on the sphere are.
        pairs: dimensions in which pairs of points are followed.
        duration: averaging time of the exponents.
        n_flows: noise paths that they are averaged over.
        n_draws: noise paths of a pair of points.
        pair_time: time that a pair is followed.
        n_points: points of the cloud.
        n_own: points of the cloud with noise of their own.
        n_cloud: dimension of its space.
        cloud_time: time that the cloud is followed.
        seed: of all noise.
    """

    dt: float = 0.01
    spaces: tuple[int, ...] = (2, 3, 5)
    spheres: tuple[int, ...] = (3, 8)
    pairs: tuple[int, ...] = (2, 3, 8)
    duration: float = 50.0
    n_flows: int = 160
    n_draws: int = 2000
    pair_time: float = 12.0
    n_points: int = 200
    n_own: int = 20
    n_cloud: int = 16
    cloud_time: float = 30.0
    seed: int = 0


SMOKE = Config(dt=0.02, spaces=(2,), spheres=(), pairs=(2,), duration=10.0, n_flows=8, n_draws=1000, pair_time=8.0)
ANGLES = {"near": math.pi / 6, "far": 0.6 * math.pi}


class RandomForm(AbstractDifferentiableSystem):
    """One exact step exp(-dQ) x of the linear flow, normalised or not; the drive is an (n, n) normal draw B.

    dQ = (B + B') sqrt(dt) / 2 has off-diagonal variance dt / 2; minus in place of plus makes it a rotation.
    """

    dt: Any
    x0: Any
    sign: Any
    drift: Any
    on_sphere: bool = eqx.field(static=True)
    continuous_time = True

    def step(self, x: Any, w: Any) -> Any:
        """Move x, a vector (n,), by the exponential series of the form."""
        q = -0.5 * jnp.sqrt(self.dt) * (w + self.sign * w.T)
        out = term = x
        for k in range(1, N_SERIES + 1):
            term = q @ term / k
            out = out + term
        out = out * jnp.exp(self.drift * self.dt)
        return Sphere().project(out) if self.on_sphere else out


class Apart(AbstractDifferentiableSystem):
    """Several points, each under noise of its own: the control."""

    single: Any
    dt: Any
    x0: Any

    def step(self, x: Any, w: Any) -> Any:
        """Move each row of x by its own draw."""
        return jax.vmap(self.single.step)(x, w)


def form(config: Config, x0: Any, *, sign: Any = 1.0, drift: Any = 0.0, on_sphere: bool = True) -> RandomForm:
    """The system; sign -1 makes the noise rigid."""
    return RandomForm(jnp.asarray(config.dt), x0, jnp.asarray(sign), jnp.asarray(drift), on_sphere)


def main(config: Config) -> Results:
    """Run all parts.

    Args:
        config: sizes.
    """
    rates, rate_controls, spectrum_plot = exponents(config)
    pairs, pair_controls = two_points(config)
    cloud, cloud_controls, cloud_plot = clustering(config)
    return Results(
        {**rates, **pairs, **cloud},
        {**rate_controls, **pair_controls, **cloud_controls},
        (spectrum_plot, cloud_plot),
        ("The variance of off-diagonal entries of the form is s2 = 1/2 per unit of time.",),
    )


def exponents(config: Config) -> tuple[dict, dict, Plot]:
    """Spectra of the linear flow and on the sphere, with those of rotations as controls."""
    n_steps = round(config.duration / config.dt)

    def spectra(n: int, on_sphere: bool, k: int, sign: float = 1.0, drift: float = 0.0) -> tuple:
        """Exponents path by path, and of fewer paths with the sign and the drift of the control."""
        # The linear flow is its own tangent, wherever the point is: at rest it cannot overflow.
        x0 = jnp.zeros(n).at[0].set(1.0 if on_sphere else 0.0)
        key = jax.random.key(config.seed + n)

        def one(row: Any) -> Any:
            path, sign, drift = row
            system = form(config, x0, sign=sign, drift=drift, on_sphere=on_sphere)
            driver = Brownian(jax.random.fold_in(key, path.astype(int)), (n, n))
            return lyapunov_spectrum(system, None, driver, n_steps=n_steps, n_vectors=k).exponents

        m, few = config.n_flows, config.n_flows // 4
        rows = [(p, 1.0, 0.0) for p in range(m)] + [(p, sign, drift) for p in range(few)]
        found = np.asarray(sweep(one, np.array(rows), batch_size=m + few, progress=False))
        return found[:m], found[m:]

    values, controls, curves = {}, {}, []
    for n in config.spaces:
        found, turned = spectra(n, False, n, sign=-1.0)
        values[f"linear_top_{n}"], controls[f"linear_top_{n}"] = over_paths(found[:, 0]), over_paths(turned[:, 0])
        i = np.arange(1, n + 1)
        error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
        curves += [
            Curve(i, found.mean(axis=0), f"n = {n}", dots=True, stderr=error),
            Curve(i, (n + 1 - 2 * i) / 2, dashed=True),
        ]
    if 5 in config.spaces:
        found, damped = spectra(5, False, 5, drift=-0.05)
        values["linear_sum"], controls["linear_sum"] = over_paths(found.sum(axis=1)), over_paths(damped.sum(axis=1))
    for n in config.spheres:
        found, turned = spectra(n, True, 1, sign=-1.0)
        values[f"sphere_top_{n}"], controls[f"sphere_top_{n}"] = over_paths(found[:, 0]), over_paths(turned[:, 0])
    plot = Plot(
        "Exponents of the linear flow", "number", "exponent", tuple(curves), caption="Lines: (n + 1 - 2 i) / 2."
    )
    return values, controls, plot


def over_paths(values: np.ndarray) -> Estimate:
    """Mean over noise paths."""
    n = len(values)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(n)), float(n), "noise paths")


def cosine(x: Any) -> Any:
    """Cosine of the angle of two points."""
    return jnp.dot(x[0], x[1])


def two_points(config: Config) -> tuple[dict, dict]:
    """Share of noise paths that leave a pair antipodal."""
    n_steps = round(config.pair_time / config.dt)
    values, controls = {}, {}
    for name, angle in ANGLES.items():
        for n in config.pairs:
            x0 = jnp.zeros((2, n)).at[0, 0].set(1.0).at[1, 0].set(math.cos(angle)).at[1, 1].set(math.sin(angle))
            single = form(config, x0[0])
            cases = {"same": (Together(single, x0), (n, n)), "own": (Apart(single, single.dt, x0), (2, n, n))}
            share = {}
            for case, (system, shape) in cases.items():
                driver = Brownian(jax.random.key(config.seed + n), shape)
                n_paths = config.n_draws if case == "same" else config.n_draws // 2
                out = ensemble(
                    system, None, driver, n_paths=n_paths, n_steps=n_steps, save_every=n_steps, observe=cosine
                )
                share[case] = proportion(np.asarray(out.x)[:, 0] < 0)
            values[f"antipodal_{name}_{n}"], controls[f"antipodal_{name}_{n}"] = share["same"], share["own"]
    return values, controls


def proportion(hits: np.ndarray) -> Estimate:
    """Share with its binomial error."""
    p, n = float(hits.mean()), len(hits)
    return Estimate(p, math.sqrt(p * (1 - p) / n), float(n), "binomial")


def cosines(x: Any) -> Any:
    """Mean squared cosine over pairs of rows."""
    n = x.shape[0]
    return (jnp.sum((x @ x.T) ** 2) - n) / (n * (n - 1))


def clustering(config: Config) -> tuple[dict, dict, Plot]:
    """A cloud of points under one noise path; controls under noise of their own, and under rotations."""
    n, m = config.n_cloud, config.n_points
    n_steps = round(config.cloud_time / config.dt)
    start = jax.vmap(lambda k: Sphere().sample(k, (n,)))(jax.random.split(jax.random.key(config.seed), m))
    key = jax.random.key(config.seed + 1)
    every = max(1, n_steps // 300)
    single, rigid = form(config, start[0]), form(config, start[0], sign=-1.0)
    shared = trajectory(Together(single, start), None, Brownian(key, (n, n)), n_steps=n_steps, save_every=every)
    few = start[: config.n_own]
    private = Brownian(key, (config.n_own, n, n))
    own = trajectory(Apart(single, single.dt, few), None, private, n_steps=n_steps, save_every=every, observe=cosines)
    turned = trajectory(Together(rigid, start), None, Brownian(key, (n, n)), n_steps=n_steps, save_every=n_steps)

    def change(final: Any) -> float:
        return float(jnp.max(jnp.abs(final @ final.T - start @ start.T)))

    together = np.asarray(jax.vmap(cosines)(jnp.asarray(shared.x)))
    # Without common noise the cloud stays uniform: average over the second half.
    apart = np.asarray(own.x)
    late = apart[len(apart) // 2 :]
    curves = (
        Curve(shared.t, together, "the same noise"),
        Curve(own.t, apart, "noise of their own"),
        Curve(shared.t, np.full(len(together), 1 / n), "uniform law, 1 / n", dashed=True),
    )
    caption = f"{m} points in {n} dimensions: one at all pairs means that all lie on one axis."
    plot = Plot("Clustering under common noise", "time", "mean squared cosine over pairs", curves, caption=caption)
    return (
        {"clustering": float(together[-1]), "rigid": change(turned.final)},
        {"clustering": float(late.mean()), "rigid": change(shared.final)},
        plot,
    )
