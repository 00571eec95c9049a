"""Gradient descent, heavy ball, Nesterov and triple momentum as maps, and beside their differential equations."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.functions import Map
from cocycle.core.run import run, trajectory
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability import maximal_exponent
from cocycle.steppers import Flow
from cocycle.training import SGD, AbstractOptimiser, HeavyBall, Nesterov, Problem, Training

MU, L = 1.0, 25.0
ROOT = float(np.sqrt(L / MU))
BALL = {
    "learning_rate": 4 / (np.sqrt(L) + np.sqrt(MU)) ** 2,
    "momentum": ((ROOT - 1) / (ROOT + 1)) ** 2,
}
CYCLE = np.array([2592, 792, -2208]) / 1225
N_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: steps of the products that give the rates.
        n_late: steps before the cycle is looked at, a multiple of 3.
        steps: step sizes s of the comparison with flows.
        seed: unused, nothing is random.
    """

    n_steps: int = 40_000
    n_late: int = 300
    steps: tuple[float, ...] = (4e-3, 1e-3, 2.5e-4)
    seed: int = 0


SMOKE = Config(n_steps=2000, steps=(4e-3,))


def bowl(w: Any, x: Any) -> Any:
    """Linear model: with one sample and zero target the loss is a quadratic bowl."""
    return w * x


def quadratic(start: Any = (0.0, 0.0)) -> Problem:
    """Curvatures 1 and 25."""
    return Problem(bowl, jnp.asarray(start), (jnp.sqrt(jnp.array([[MU, L]])), jnp.zeros((1, 2))))


def kinked(x: Any) -> Any:
    """Slope of a convex function with curvature 25, 1 and 25 on its three pieces."""
    return jnp.where(x < 1, 25 * x, jnp.where(x < 2, x + 24, 25 * x - 24))


def ball_step(state: Any, args: Any) -> Any:
    """Heavy ball on the kinked function: state (x, velocity)."""
    rule = HeavyBall(args["learning_rate"], args["momentum"])
    return jnp.stack(rule.update(kinked, state[0], state[1]))


def triple_step(state: Any, args: Any) -> Any:
    """Triple momentum on the kinked function: state (xi, xi before)."""
    xi, before = state
    y = (1 + args["c"]) * xi - args["c"] * before
    return jnp.stack([(1 + args["b"]) * xi - args["b"] * before - args["a"] * kinked(y), xi])


def main(config: Config) -> Results:
    """Rates on quadratics, the cycle of heavy ball, and gaps to differential equations.

    Args:
        config: sizes.
    """

    def rate(rule: AbstractOptimiser) -> float:
        found = maximal_exponent(Training(quadratic(), rule), n_steps=config.n_steps, n_transient=config.n_steps // 2)
        return float(np.exp(float(found.value)))

    descent = rate(SGD(2 / (MU + L)))
    rates = {
        "rate_descent": descent,
        "rate_ball": rate(HeavyBall(**BALL)),
        "rate_nesterov": rate(Nesterov(1 / L, (ROOT - 1) / (ROOT + 1))),
    }
    measured, controls, picture = cycle(config)
    gaps, gap_picture = flows(config)
    return Results(
        {
            **rates,
            **measured,
            "flow_nesterov": float(np.min(gaps["nesterov"])),
            "flow_ball": float(np.min(1 / gaps["ball"])),
        },
        {
            "rate_descent": rate(SGD(1 / L)),
            "rate_ball": descent,
            "rate_nesterov": descent,
            **controls,
            "flow_nesterov": float(np.max(gaps["ball"])),
            "flow_ball": float(np.max(1 / gaps["nesterov"])),
        },
        (picture, gap_picture),
    )


def three_steps(state: Any) -> Any:
    """Heavy ball, three times."""
    for _ in range(3):
        state = ball_step(state, BALL)
    return state


def multiplier(state: Any) -> float:
    """Largest modulus of the multipliers of three steps at a state."""
    return float(np.max(np.abs(np.linalg.eigvals(np.asarray(jax.jacfwd(three_steps)(state))))))


def descent_multiplier() -> float:
    """The slower multiplier of three steps of gradient descent at the same rate."""
    return float(np.abs(1 - BALL["learning_rate"] * MU) ** 3)


def cycle(config: Config) -> tuple[dict, dict, Plot]:
    """Heavy ball on the kinked function from 3.3 and from 0.5; triple momentum from 3.3."""
    ball = Map(ball_step, BALL, x0=jnp.zeros(2))

    def late(x0: float) -> Any:
        return run(ball, jnp.array([x0, 0.0]), n_steps=config.n_late)

    def distance(x0: float) -> float:
        orbit = np.asarray(trajectory(ball, late(x0), n_steps=3).x)[:, 0]
        return min(float(np.max(np.abs(np.roll(orbit, k) - CYCLE))) for k in range(3))

    rho = 1 - 1 / ROOT
    constants = {"a": (1 + rho) / L, "b": rho**2 / (2 - rho), "c": rho**2 / ((1 + rho) * (2 - rho))}
    triple = Map(triple_step, constants, x0=jnp.zeros(2))
    path = np.abs(np.asarray(trajectory(triple, jnp.array([3.3, 3.3]), n_steps=120).x)[:, 0])
    shown = {x0: np.asarray(trajectory(ball, jnp.array([x0, 0.0]), n_steps=N_SHOWN).x)[:, 0] for x0 in (3.3, 0.5)}

    def slope(values: np.ndarray, first: int) -> float:
        n = np.arange(first, len(values))
        return float(np.exp(np.polyfit(n, np.log(values[first:]), 1)[0]))

    n = np.arange(1, N_SHOWN + 1)
    plot = Plot(
        "Heavy ball on a convex function with kinks in its slope",
        "step",
        "x",
        (
            Curve(n, shown[3.3], "heavy ball from 3.3", dots=True),
            Curve(n, shown[0.5], "heavy ball from 0.5"),
            Curve(n, path[:N_SHOWN], "triple momentum from 3.3"),
        ),
        caption="From 3.3 heavy ball falls on a cycle of three points and never leaves it.",
    )
    return (
        {"cycle": distance(3.3), "multiplier": multiplier(late(3.3)), "rate_triple": slope(path, 60)},
        {"cycle": distance(0.5), "multiplier": descent_multiplier(), "rate_triple": slope(np.abs(shown[3.3]), 20)},
        plot,
    )


def resolved(t: Any, y: Any, args: Any) -> Any:
    """High-resolution equation; `args["curvature"]` switches its curvature term on."""
    x, v = y[:2], y[2:]
    h, s = jnp.array([MU, L]), args["s"]
    drag = 2 * jnp.sqrt(MU) * v + args["curvature"] * jnp.sqrt(s) * h * v
    return jnp.concatenate([v, -drag - (1 + jnp.sqrt(MU * s)) * h * x])


def flows(config: Config) -> tuple[dict[str, np.ndarray], Plot]:
    """Largest distance of the methods from both equations up to t = 5: ratio without / with the curvature term."""
    gaps: dict[str, list[tuple[float, float]]] = {"nesterov": [], "ball": []}
    for s in config.steps:
        root = np.sqrt(MU * s)
        beta, n_steps = (1 - root) / (1 + root), round(5 / np.sqrt(s))
        paths = {name: np.asarray(path(name, s, beta, n_steps)) for name in gaps}
        start = np.ones(2)
        speed = -2 * np.sqrt(s) * np.array([MU, L]) * start / (1 + root)
        curves = []
        for curvature in (0.0, 1.0):
            inner = 10
            flow = Flow(resolved, {"s": s, "curvature": curvature}, dt=float(np.sqrt(s)) / inner)
            y0 = jnp.asarray(np.concatenate([start, speed]))
            curves.append(np.asarray(trajectory(flow, y0, n_steps=inner * n_steps, save_every=inner).x)[:, :2])
        for name, x in paths.items():
            without, within = (float(np.max(np.linalg.norm(x - c, axis=1))) for c in curves)
            gaps[name].append((without, within))
    table = {name: np.array(rows) for name, rows in gaps.items()}
    words = ("without", "with")
    plot = Plot(
        "Distance from the differential equations",
        "step s",
        "largest distance up to t = 5",
        tuple(
            Curve(config.steps, table[name][:, k], f"{label}, {words[k]} curvature term", dashed=not k)
            for name, label in (("nesterov", "Nesterov"), ("ball", "heavy ball"))
            for k in (0, 1)
        ),
        caption="Nesterov's method follows the equation with the curvature term, heavy ball the one without.",
        log_x=True,
        log_y=True,
    )
    return {name: rows[:, 0] / rows[:, 1] for name, rows in table.items()}, plot


def path(name: str, s: float, beta: float, n_steps: int) -> Any:
    """Iterates x_1 ... x_n of a method in the convention of the equations, from (1, 1)."""
    h = jnp.array([MU, L])

    def step(state: Any, args: Any) -> Any:
        x, before = state
        if name == "ball":
            return jnp.stack([x + beta * (x - before) - s * h * x, x])
        y = x + beta * (x - before)
        return jnp.stack([y - s * h * y, x])

    first = jnp.ones(2)
    second = first - 2 * s / (1 + np.sqrt(MU * s)) * h * first
    orbit = trajectory(Map(step, None, x0=jnp.zeros((2, 2))), jnp.stack([second, first]), n_steps=n_steps - 1)
    return jnp.concatenate([second[None], orbit.x[:, 0]])
