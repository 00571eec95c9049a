"""Lion on quadratics and on a small network: a box, a Lyapunov function, and where it ends."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from cocycle.core.run import run, trajectory
from cocycle.gallery.lion_lyapunov.network import DecayedDescent, network
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.steppers import RK4, Flow
from cocycle.training import AbstractOptimiser, Lion


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_starts: starts of the flow.
        duration: of each orbit, in units of its time.
        n_steps: steps of Lion on the quadratics.
        n_problems: quadratics in each dimension.
        dimensions: of the quadratics.
        n_train: steps of Lion on the network.
        seed: of problems, starts and weights.
    """

    n_starts: int = 50
    duration: float = 2.0
    n_steps: int = 200_000
    n_problems: int = 5
    dimensions: tuple[int, ...] = (4, 16, 50)
    n_train: int = 20_000
    seed: int = 0


SMOKE = Config(n_steps=2000, n_problems=1, dimensions=(4,), n_train=50)
RATE, LATE = 1e-4, 1000
SMOOTH, E = 0.1, (0.1, 0.5, 0.9)
DT, SAVE = 1e-3, 10
FREE = 0.3


def main(config: Config) -> Results:
    """The flow and its Lyapunov function, Lion on quadratics, Lion on a network.

    Args:
        config: sizes.
    """
    rise, rise_control, fall_plot = flow(config)
    ends, ends_control, excess_plot = quadratics(config)
    net, net_control, net_plot = network(config)
    return Results(rise | ends | net, rise_control | ends_control | net_control, (fall_plot, excess_plot, net_plot))


def bowl(key: Any, d: int) -> tuple[Any, Any]:
    """Matrix and vector of f(x) = x A x / 2 - b x, curvatures 0.5 to 2, whose minimiser has a component of size 2."""
    k = jax.random.split(key, 3)
    q = jnp.linalg.qr(jax.random.normal(k[0], (d, d)))[0]
    a = (q * jax.random.uniform(k[1], (d,), minval=0.5, maxval=2.0)[None]) @ q.T
    x = jax.random.normal(k[2], (d,))
    return a, a @ (2 * x / jnp.max(jnp.abs(x)))


# The flow, state (x, m) ----------------------------------------------------------------------------------------------


def penalty(x: Any) -> Any:
    """K, a smooth absolute value."""
    return jnp.sum(jnp.sqrt(x**2 + SMOOTH**2))


def conjugate(y: Any) -> Any:
    """K*, finite in the unit box."""
    return -SMOOTH * jnp.sum(jnp.sqrt(1 - y**2))


def field(t: Any, states: Any, args: Any) -> Any:
    """Lion-K with unit rates and unit decay, of many orbits."""
    return jax.vmap(lambda state: one_field(state, args))(states)


def one_field(state: Any, args: Any) -> Any:
    """Field of one orbit."""
    x, m = state
    push = args["A"] @ x - args["b"] + m
    return jnp.stack([jax.grad(penalty)(m - args["e"] * push) - x, -push])


def lyapunov(args: Any, factor: Any, state: Any) -> Any:
    """H, with its bracket times a factor (1 is the theorem's)."""
    x, m = state
    bracket = conjugate(x) + penalty(m) - x @ m
    height = 0.5 * x @ args["A"] @ x - args["b"] @ x + conjugate(x)
    return height + factor * (1 - args["e"]) / (1 + args["e"]) * bracket


@jax.jit
def heights(args: Any, factor: Any, orbits: Any) -> Any:
    """H of all samples (time, starts)."""
    return jax.vmap(jax.vmap(lambda state: lyapunov(args, factor, state)))(orbits)


def flow(config: Config) -> tuple[dict, dict, Plot]:
    """Largest rise of H between two samples, its control; where the flow ends; the picture."""
    key = jax.random.key(config.seed)
    a, b = bowl(key, 4)
    k = jax.random.split(key, 2)
    starts = jnp.stack(
        [
            jax.random.uniform(k[0], (config.n_starts, 4), minval=-0.95, maxval=0.95),
            jax.random.normal(k[1], (config.n_starts, 4)),
        ],
        axis=1,
    )
    n_steps = round(config.duration / DT)
    rises, curves = {}, []
    for e in E:
        args = {"A": a, "b": b, "e": e}
        system = Flow(field, args, dt=DT, x0=starts, stepper=RK4())
        orbits = trajectory(system, n_steps=n_steps, save_every=SAVE).x
        for factor in (1.0, 0.0, 2.0):
            height = np.asarray(heights(args, factor, orbits))
            rises[e, factor] = float(np.max(np.diff(height, axis=0)))
            if e == E[0]:
                times = DT * SAVE * np.arange(1, len(height) + 1)
                curves.append(Curve(times, height[:, 0], f"bracket times {factor:g}", dashed=factor != 1.0))
    last = Flow(field, {"A": a, "b": b, "e": E[0]}, dt=0.02, x0=starts, stepper=RK4())
    x = run(last, n_steps=3000)[0, 0]
    slopes = [float(jnp.max(jnp.abs(a @ x - b + p))) for p in (jax.grad(conjugate)(x), 0 * x)]
    picture = Plot("Lyapunov function of the flow", "time", "H", tuple(curves))
    return (
        {"lyapunov": max(rises[e, 1.0] for e in E), "flow_minimiser": slopes[0]},
        {"lyapunov": min(rises[E[0], 0.0], rises[E[0], 2.0]), "flow_minimiser": slopes[1]},
        picture,
    )


# Lion itself, and gradient descent with the same decay ----------------------------------------------------------------


@jax.jit
def descend(rule: AbstractOptimiser, a: Any, b: Any, x: Any, n_steps: Any) -> tuple[Any, Any, Any]:
    """Mean of the last steps, largest ratio of |x| - 1 over a step (times 1 / (1 - rate)), and |x| - 1 on the way."""

    def step(n: Any, carry: tuple) -> tuple:
        x, memory, total, worst, way = carry
        after, memory = rule.update(lambda x: a @ x - b, x, memory)
        before, now = jnp.abs(x) - 1.0, jnp.abs(after) - 1.0
        ratio = jnp.where((before > 1e-3) & (now > 0), now / (before * (1 - RATE)), 0.0)
        way = way.at[n * 200 // n_steps].set(jnp.max(now))
        total = total + jnp.where(n >= n_steps - LATE, after, 0.0)
        return after, memory, total, jnp.maximum(worst, jnp.max(ratio)), way

    start = (x, rule.init(x), 0 * x, jnp.zeros(()), jnp.zeros(200))
    _, _, total, worst, way = jax.lax.fori_loop(0, n_steps, step, start)
    return total / LATE, worst, way


def boxed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Minimiser in the unit box, by another algorithm."""
    found = minimize(
        lambda x: (0.5 * x @ a @ x - b @ x, a @ x - b),
        np.zeros(len(b)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-1, 1)] * len(b),
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000},
    )
    return found.x


def quadratics(config: Config) -> tuple[dict, dict, Plot]:
    """Distances of the ends from three points, worst over problems; shrinking of the excess."""
    rows, rules = [], (Lion(RATE, weight_decay=1.0), Lion(RATE, weight_decay=FREE), DecayedDescent(RATE, 1.0))
    way: Any = None
    for d in config.dimensions:
        for key in jax.random.split(jax.random.key(config.seed + d), config.n_problems):
            a, b = bowl(key, d)
            start = 20 * jax.random.normal(jax.random.fold_in(key, 1), (d,))
            lion, free, sgd = (descend(rule, a, b, start, config.n_steps) for rule in rules)
            way = lion[2] if way is None else way
            box, ridge = boxed(np.asarray(a), np.asarray(b)), jnp.linalg.solve(a + jnp.eye(d), b)
            inside = jnp.linalg.solve(a, b)
            inside = inside / max(1.0, float(jnp.max(jnp.abs(inside))) * FREE / 0.9)  # within the larger box
            wide = descend(rules[1], a, a @ inside, start, config.n_steps)
            distance = lambda x, y: float(jnp.max(jnp.abs(x - y)))  # noqa: E731
            kkt = lambda x, a=a, b=b: float(jnp.max(jnp.abs(x - jnp.clip(x - (a @ x - b), -1, 1))))  # noqa: E731
            rows.append(
                (
                    (lion[1] - 1, free[1] - 1),
                    (distance(lion[0], box), distance(sgd[0], box)),
                    (kkt(lion[0]), kkt(sgd[0])),
                    (distance(sgd[0], ridge), distance(lion[0], ridge)),
                    (distance(wide[0], inside), distance(lion[0], jnp.linalg.solve(a, b))),
                )
            )
    table = np.array(rows, dtype=float)
    names = ("excess", "box", "kkt", "ridge", "inactive")
    steps = (np.arange(200) + 1) * config.n_steps / 200
    bound = float(np.max(np.asarray(way)[0])) * np.exp(-RATE * (steps - steps[0]))
    curves = (Curve(steps, np.maximum(way, 1e-7), "Lion"), Curve(steps, np.maximum(bound, 1e-7), "bound", dashed=True))
    picture = Plot("Distance outside of the box", "step", "largest |x| - 1", curves, log_y=True)
    worst, least = np.max(table[:, :, 0], axis=0), np.min(table[:, :, 1], axis=0)
    return dict(zip(names, map(float, worst), strict=True)), dict(zip(names, map(float, least), strict=True)), picture
