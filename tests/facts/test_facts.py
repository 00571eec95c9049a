"""Every row of systems/facts.toml is recomputed.

Tolerances add up from named origins: the published uncertainty; the order of the stepper (`order`); round-off; and
sampling. Sampled numbers are means over 16 orbits from different starts, and their standard error is the spread of
those orbits, so it does not depend on the library's own error bars. Student's t with 15 degrees of freedom is cut where
all sampled comparisons together raise a false alarm in fewer than one of 10,000 runs of the suite.
"""

import functools
import math
import zlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t as student

import cocycle as cc
from cocycle import systems
from cocycle.stability import tangent_map
from cocycle.systems import catalogue

ROWS = [(entry.name, i) for entry in catalogue for i in range(len(entry.facts))]
SAMPLED = (
    "lyapunov_exponents",
    "largest_exponent",
    "kaplan_yorke_dimension",
    "n_positive_exponents",
    "leading_pair",
    "stationary_variance",
    "stationary_mean",
)
EPS = np.finfo(float).eps
N_ORBITS = 16
FALSE_ALARM = 1e-4
N0 = 10_000  # beyond the steps of `starts`, so that no noise is used twice


def n_comparisons():
    """Number of sampled numbers in the file, for the family-wise error."""
    facts = [catalogue[name].facts[i] for name, i in ROWS]
    return sum(2 if f.kind == "n_positive_exponents" else np.size(f.value) for f in facts if f.kind in SAMPLED)


@functools.cache
def quantile():
    return float(student.ppf(1 - FALSE_ALARM / (2 * n_comparisons()), N_ORBITS - 1))


def roundoff(n_operations, size: Any = 1.0) -> Any:
    return 8 * EPS * n_operations * size


def order(system, rate):
    """Error of an exponent of size `rate` from steps of length dt: the first term that a method of order p leaves out.

    A step multiplies by exp(z) + c z^(p+1) with z = rate dt and |c| <= 1/(p+1)!; exp(z) bounds what follows.
    """
    p = getattr(system.stepper, "order", 1) if hasattr(system, "stepper") else 4
    z = abs(rate) * float(system.dt)
    return z ** (p + 1) / math.factorial(p + 1) * math.exp(z) / float(system.dt)


def make(entry, fact, **more):
    options = {k: fact.computation[k] for k in ("dt", "x0") if k in fact.computation}
    return entry.make(**{**fact.parameters, **options, **more})


def starts(system, entry, label):
    """Initial states for 16 orbits: the default one moved by 1 %, then run for times of their own.

    The times matter: orbits of a coherent oscillator such as Rössler's keep their phase for long, and a mean over a
    broken number of turns would have the same error in all. The seed is the row's name.
    """
    rng = np.random.default_rng(zlib.crc32(label.encode()))

    def moved(a):
        a = jnp.asarray(a)
        return a * (1 + 0.01 * rng.normal(size=a.shape)) if jnp.issubdtype(a.dtype, jnp.floating) else a

    x0 = system.initial_state(system.x0)
    return [
        cc.run(system, jax.tree.map(moved, x0), entry.driver(seed), n_steps=int(rng.integers(1000, 3000)))
        for seed in range(N_ORBITS)
    ]


SPECTRA: dict = {}


def exponents(entry, fact, n_vectors=None):
    """Exponents of 16 orbits (16, K); equal computations are done once."""
    system = make(entry, fact)
    k = fact.computation.get("n_vectors", n_vectors)
    n_steps = fact.computation.get("n_steps", 10_000)
    label = repr((entry.name, dict(fact.parameters), {**fact.computation, "n_vectors": k}))
    if label not in SPECTRA:
        SPECTRA[label] = np.array(
            [
                cc.lyapunov_spectrum(system, x, entry.driver(seed), n_steps=n_steps, n_vectors=k, n0=N0).exponents
                for seed, x in enumerate(starts(system, entry, label))
            ]
        )
    return system, SPECTRA[label]


def compare(sample, fact, bias=0.0, n_steps=10_000):
    """Compare the mean of a sample (16, ...) with the fact, number by number."""
    mean = sample.mean(axis=0)
    stderr = sample.std(axis=0, ddof=1) / math.sqrt(N_ORBITS)
    value = np.asarray(fact.value, dtype=float)
    tolerance = np.asarray(fact.uncertainty) + quantile() * stderr + bias + roundoff(math.sqrt(n_steps), abs(value))
    assert np.all(np.abs(mean - value) <= tolerance), f"{mean} ± {stderr}, the fact says {value} within {tolerance}"
    # A bar as wide as the spectrum itself would prove nothing.
    assert np.all(stderr <= 0.1 * np.max(np.abs(value))), f"too few steps for {stderr}"


def recompute_lyapunov_exponents(entry, fact):
    system, sample = exponents(entry, fact, len(fact.value))
    is_map = entry.kind == "map"
    compare(sample, fact, 0.0 if is_map else order(system, fact.computation.get("rate", max(map(abs, fact.value)))))


def recompute_largest_exponent(entry, fact):
    system, sample = exponents(entry, fact, 1)
    compare(sample[:, 0], fact, order(system, fact.value))


def recompute_leading_pair(entry, fact):
    # A complex pair: areas grow at exactly twice the rate, while each exponent alone converges slowly.
    system, sample = exponents(entry, fact, 2)
    compare(sample.mean(axis=1), fact, order(system, abs(fact.value) + 0.67))


def recompute_kaplan_yorke_dimension(entry, fact):
    system, sample = exponents(entry, fact)
    compare(cc.kaplan_yorke_dimension(sample), fact, order(system, np.min(sample)))


def recompute_n_positive_exponents(entry, fact):
    _, sample = exponents(entry, fact)
    low = sample.mean(axis=0) - quantile() * sample.std(axis=0, ddof=1) / math.sqrt(N_ORBITS)
    assert low[fact.value - 1] > 0 >= low[fact.value]


def recompute_sum_of_exponents(entry, fact):
    _, sample = exponents(entry, fact)
    size = np.max(np.abs(sample))
    assert np.max(np.abs(sample.sum(axis=1) - fact.value)) <= roundoff(10_000, size)


def recompute_symplectic_pairs(entry, fact):
    """The tangent map of every step keeps the symplectic form, which makes exponents pairs of sum 0."""
    assert fact.value == 0
    system = make(entry, fact)
    orbit = cc.trajectory(system, n_steps=64).x
    n = orbit.shape[1] // 2
    form = np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])
    for x in orbit[::4]:
        m = np.asarray(tangent_map(system, jnp.asarray(x), None))
        assert np.max(np.abs(m.T @ form @ m - form)) <= roundoff(64, np.max(np.abs(m)) ** 2)


def field_of(system, t=0.0):
    """Velocity as a function of the state: of a delay equation with constant history, of a noisy one without noise."""
    t = jnp.asarray(t)
    if isinstance(system, cc.steppers.DelayFlow):
        many = isinstance(system.delays, tuple)
        return lambda y: system.field(t, y, (y,) * len(system.delays) if many else y, system.args)
    field = system.drift if hasattr(system, "drift") else system.field
    return lambda y: field(t, y, system.args)


def field_at(system, y):
    y = jnp.asarray(y)
    velocity, jacobian = field_of(system)(y), jax.jacfwd(field_of(system))(y)
    return np.asarray(velocity), np.asarray(jnp.reshape(jacobian, (y.size, y.size)))


def recompute_divergence(entry, fact):
    system = make(entry, fact)
    for x in near_orbit(entry, system):
        jacobian = field_at(system, x)[1]
        size = np.sum(np.abs(np.diag(jacobian)))
        assert abs(np.trace(jacobian) - fact.value) <= roundoff(len(jacobian), size)


def recompute_fixed_points(entry, fact):
    system = make(entry, fact)
    for point in fact.value:
        x = jnp.asarray(point)
        size = 1 + float(jnp.max(jnp.abs(x)))
        if entry.kind == "map":
            residual, slope = system.step(x, None) - x, np.atleast_2d(tangent_map(system, x, None))
        else:
            residual, slope = field_at(system, x)
        # The point is known to round-off, which the slope stretches; the terms of the field are as large as size^2.
        assert np.max(np.abs(residual)) <= roundoff(8, size * (size + np.linalg.norm(slope)))


def recompute_hopf(entry, fact):
    system = make(entry, fact, **{fact.computation["parameter"]: fact.value})
    x = jnp.broadcast_to(jnp.asarray(fact.computation["at"]), system.x0.shape)
    if isinstance(fact.computation["at"], float):
        x = jnp.full(system.x0.shape, fact.computation["at"])
    velocity, jacobian = field_at(system, x)
    eigenvalues = np.linalg.eigvals(jacobian)
    turning = eigenvalues[np.abs(eigenvalues.imag) > 1e-3]
    assert np.max(np.abs(velocity)) <= roundoff(64, 100)
    assert abs(np.max(turning.real)) <= roundoff(64, np.linalg.norm(jacobian) ** 2)


def recompute_rest_exponents(entry, fact):
    velocity, jacobian = field_at(make(entry, fact), fact.computation["at"])
    rates = np.sort(np.linalg.eigvals(jacobian).real)[::-1]
    size = np.linalg.norm(jacobian)
    # sqrt(eps): a double eigenvalue without a full set of eigenvectors is known to no more.
    assert np.max(np.abs(velocity)) <= roundoff(8, size**2)
    assert np.max(np.abs(rates - np.asarray(fact.value))) <= np.max(fact.uncertainty) + math.sqrt(EPS) * size


def recompute_rest_frequencies(entry, fact):
    velocity, jacobian = field_at(make(entry, fact), fact.computation["at"])
    turning = np.sort(np.linalg.eigvals(jacobian).imag)[::-1][: len(fact.value)]
    assert np.max(np.abs(velocity)) == 0
    assert np.max(np.abs(turning - np.asarray(fact.value))) <= roundoff(64, np.linalg.norm(jacobian))


def recompute_multipliers(entry, fact):
    system, x = make(entry, fact), jnp.asarray(fact.computation["at"])
    multipliers = np.sort(np.linalg.eigvals(np.asarray(tangent_map(system, x, None))).real)[::-1]
    assert np.array_equal(system.step(x, None), x)
    assert np.max(np.abs(multipliers - np.asarray(fact.value))) <= roundoff(8, np.max(multipliers))


def recompute_conserved(entry, fact):
    """The drift along an orbit shrinks with the step as the order of the stepper says."""
    energy = jax.vmap(getattr(systems, fact.computation["function"]), in_axes=(0, None))
    dt, n_steps, drift = float(entry.make().dt), fact.computation["n_steps"], []
    for halvings in (0, 1):
        system = make(entry, fact, dt=dt / 2**halvings)
        start = getattr(systems, fact.computation["function"])(system.x0, system.args)
        assert abs(float(start) - fact.value) <= roundoff(8, 10)
        orbit = jnp.asarray(cc.trajectory(system, n_steps=n_steps * 2**halvings).x)
        drift.append(float(jnp.max(jnp.abs(energy(orbit, system.args) - fact.value))))
    p = system.stepper.order
    assert math.log2(drift[0] / drift[1]) > p - 0.5


@eqx.filter_jit
def short_step(system, x, h):
    return eqx.tree_at(lambda s: s.dt, system, h).step(x, None)


def y_after(h, system, x):
    return float(short_step(system, jnp.asarray(x), jnp.asarray(h))[1])


def recompute_period(entry, fact):
    """Time between downward crossings of y = 0, the last step shortened to land on it."""
    periods = []
    for dt in (0.02, 0.01):
        system = make(entry, fact, dt=dt)
        late = cc.run(system, n_steps=round(100 / dt))
        orbit = np.asarray(cc.trajectory(system, late, n_steps=round(20 / dt)).x)
        times = []
        for i in np.flatnonzero((orbit[:-1, 1] > 0) & (orbit[1:, 1] <= 0)):
            landed: Any = brentq(y_after, 0.0, dt, args=(system, orbit[i]), xtol=1e-14)
            times.append(i * dt + landed)
        periods.append(np.diff(times)[-1])
    error = abs(periods[0] - periods[1])  # 15 of 16 parts of the error of the longer step
    assert abs(periods[1] - fact.value) <= 2 * error / 15 + fact.uncertainty
    assert error < 1e-5


def recompute_stationary_variance(entry, fact):
    system, n_steps = make(entry, fact), fact.computation["n_steps"]
    runs = [np.asarray(cc.trajectory(system, None, entry.driver(seed), n_steps=n_steps).x) for seed in range(N_ORBITS)]
    late = np.array([np.mean((run[n_steps // 10 :] - fact.computation.get("about", 0.0)) ** 2) for run in runs])
    compare(late, fact, order(system, fact.computation["rate"]) * fact.value)


def recompute_stationary_mean(entry, fact):
    system, n_steps = make(entry, fact), fact.computation["n_steps"]
    runs = [np.asarray(cc.trajectory(system, None, entry.driver(seed), n_steps=n_steps).x) for seed in range(N_ORBITS)]
    late = np.array([np.mean(run[n_steps // 10 :]) for run in runs])
    assert min(run.min() for run in runs) > 0, "a rate is positive"
    compare(late, fact, order(system, fact.computation["rate"]) * fact.value)


def near_orbit(entry, system, n=16):
    """States along an orbit, moved off it by a tenth."""
    rng = np.random.default_rng(n)
    x = np.asarray(cc.trajectory(system, None, entry.driver(0), n_steps=50 * n, save_every=50).x)
    return [jnp.asarray(row * (1 + 0.1 * rng.normal(size=row.shape))) for row in x]


def recompute_symmetry(entry, fact, sign=1.0):
    """The velocity at the mirrored state is the mirrored velocity (backwards: its opposite)."""
    system, mirror = make(entry, fact), np.asarray(fact.value)
    field = field_of(system)
    for x in near_orbit(entry, system):
        here, there = np.asarray(field(x)), np.asarray(field(x * mirror))
        size = np.linalg.norm(here) + np.linalg.norm(field_at(system, x)[1]) * np.linalg.norm(x)
        assert np.max(np.abs(there - sign * mirror * here)) <= roundoff(8, size)
        assert np.any(np.abs(x * mirror - x) > 0)


def recompute_reversal(entry, fact):
    recompute_symmetry(entry, fact, sign=-1.0)


def recompute_modulus(entry, fact):
    system, x = make(entry, fact), jnp.asarray(fact.computation["at"])
    multipliers = np.abs(np.linalg.eigvals(np.asarray(tangent_map(system, x, None))))
    assert np.max(np.abs(multipliers - fact.value)) <= roundoff(8)


def recompute_closed_orbit(entry, fact):
    """The orbit comes back after a whole number of steps that make up the period; how near says the start's digits."""
    gaps = []
    for n_steps in (2000, 4000):
        system = make(entry, fact, dt=fact.value / n_steps)
        gaps.append(float(jnp.linalg.norm(cc.run(system, n_steps=n_steps) - system.x0)))
    assert gaps[1] < fact.computation["closes"]
    late = make(entry, fact, dt=1.001 * fact.value / 4000)
    assert float(jnp.linalg.norm(cc.run(late, n_steps=4000) - late.x0)) > 100 * gaps[1]


def recompute_integrals(entry, fact):
    """Every one of them stays along the field, and they are independent."""
    system, of = make(entry, fact), getattr(systems, fact.computation["function"])
    for x in near_orbit(entry, system):
        slopes = jax.jacfwd(lambda x: of(x, system.args))(x)
        rates = slopes @ field_of(system)(x)
        assert np.max(np.abs(rates)) <= roundoff(64, float(jnp.linalg.norm(slopes)))
        assert np.linalg.matrix_rank(np.asarray(slopes)) == fact.value


def recompute_energy_kept_by(entry, fact):
    """What is left of the energy's rate when friction is taken away."""
    system, of = make(entry, fact), getattr(systems, fact.computation["function"])
    for x in near_orbit(entry, system):
        slope = jax.grad(of)(x, system.args)
        friction = jnp.asarray(fact.computation["loss"]) * x
        rate, size = slope @ (field_of(system)(x) + friction), jnp.linalg.norm(slope) * jnp.linalg.norm(friction)
        assert abs(float(rate) - fact.value) <= roundoff(64, float(size))


def recompute_unison_exponents(entry, fact):
    """Exponents of the steady turn of all oscillators together, from the field in the frame that turns with them."""
    system = make(entry, fact)
    n = system.x0.size // 2
    growth, shear, omega = (float(system.args[k]) for k in ("growth", "shear", "omega"))
    turn = omega - shear * growth
    x = jnp.concatenate([jnp.full(n, math.sqrt(growth)), jnp.zeros(n)])
    frame = np.block([[np.zeros((n, n)), turn * np.eye(n)], [-turn * np.eye(n), np.zeros((n, n))]])
    velocity, jacobian = field_at(system, x)
    rates = np.sort(np.linalg.eigvals(jacobian + frame).real)[::-1]
    assert np.max(np.abs(velocity + frame @ np.asarray(x))) <= roundoff(8)
    assert np.max(np.abs(rates - np.asarray(fact.value))) <= math.sqrt(EPS) * np.linalg.norm(jacobian)


def recompute_spectral_radius(entry, fact):
    radius = np.max(np.abs(np.linalg.eigvals(np.asarray(make(entry, fact).args["weights"]))))
    assert abs(radius - fact.value) <= fact.uncertainty


def recompute_mean_kept(entry, fact):
    system = make(entry, fact)
    after = cc.run(system, n_steps=200)
    size = float(jnp.max(jnp.abs(after)))
    assert abs(float(jnp.mean(after) - jnp.mean(system.x0))) <= roundoff(200, size)


def recompute_closed_solution(entry, fact):
    """The error at a fixed time shrinks with the order of the stepper, until space or round-off is the limit."""
    of, duration = getattr(systems, fact.computation["function"]), fact.computation["duration"]
    base = make(entry, fact)
    error = []
    for halvings in (0, 1):
        n_steps = round(duration / float(base.dt)) * 2**halvings
        system = make(entry, fact, dt=duration / n_steps)
        extra = () if fact.computation["function"] == "soliton" else (system.args,)
        end = cc.run(system, of(0.0, system.grid, *extra), n_steps=n_steps)
        error.append(float(jnp.max(jnp.abs(end - of(duration, system.grid, *extra)))))
    assert error[0] < 1e-4
    assert error[1] < max(error[0] / 2**3.5, 1e-11)


def recompute_integral(entry, fact):
    """An integral over the circle: its value at the start (the tails of the soliton are e^-50), and its drift."""
    of, drift = getattr(systems, fact.computation["function"]), []
    for halvings in (0, 1):
        system = make(entry, fact, dt=float(entry.make().dt) / 2**halvings)
        assert abs(float(of(system.x0, system)) - fact.value) <= roundoff(64, 4.0)
        end = cc.run(system, n_steps=fact.computation["n_steps"] * 2**halvings)
        drift.append(abs(float(of(end, system)) - fact.value))
    assert drift[1] < max(drift[0] / 2**3.5, 1e-11)


def tier(name, i):
    slow = catalogue[name].facts[i].computation.get("slow", False)
    return pytest.param(name, i, marks=[pytest.mark.slow] if slow else [], id=f"{name}-{i}")


@pytest.mark.parametrize(("name", "i"), [tier(*row) for row in ROWS])
def test_fact(name, i):
    entry = catalogue[name]
    fact = entry.facts[i]
    globals()[f"recompute_{fact.kind}"](entry, fact)
