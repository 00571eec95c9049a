"""Which maps a flow can be: order, an extra dimension, a delay; and phase oscillators on dense random graphs."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.run import run, trajectory
from cocycle.gallery.results import Curve, Plot
from cocycle.stability import BifurcationKind, continue_fixed_point
from cocycle.steppers import DelayFlow, Flow
from cocycle.systems import Kuramoto

WIDTH = 16
N_STEPS = 32
STRONG, WEAK = 4.0, 1.0


def _network(key: Any, n: int) -> Any:
    """Weights of a field with one hidden layer, on n numbers and time."""
    a, b = jax.random.split(key)
    return {"in": jax.random.normal(a, (WIDTH, n + 1)), "bias": jnp.zeros(WIDTH),
            "out": 0.3 * jax.random.normal(b, (n, WIDTH))}  # fmt: skip


def _field(t: Any, h: Any, p: Any) -> Any:
    return p["out"] @ jnp.tanh(p["in"] @ jnp.append(h, t) + p["bias"])


def _outputs(p: Any, inputs: Any) -> Any:
    """First component of the flow over time 1 of each input."""
    from cocycle.steppers import RK4

    def one(h: Any) -> Any:
        step = lambda h, k: (RK4().step(_field, k / N_STEPS, h, p, 1.0 / N_STEPS), None)  # noqa: E731
        return jax.lax.scan(step, h, jnp.arange(N_STEPS))[0][0]

    return jax.vmap(one)(inputs)


def train(key: Any, n: int, n_steps: int) -> tuple[np.ndarray, float]:
    """Train a neural differential equation in n dimensions to reflect -1 and 1; losses, and the least of them."""
    inputs = jnp.array([[-1.0] + [0.0] * (n - 1), [1.0] + [0.0] * (n - 1)])
    targets = jnp.array([1.0, -1.0])
    optimiser = optax.adam(1e-2)

    def loss(p: Any) -> Any:
        return jnp.mean((_outputs(p, inputs) - targets) ** 2)

    @eqx.filter_jit
    def all_steps(p: Any) -> Any:
        def one(carry: Any, _: Any) -> Any:
            p, state = carry
            value, slope = jax.value_and_grad(loss)(p)
            update, state = optimiser.update(slope, state)
            return (optax.apply_updates(p, update), state), value

        return jax.lax.scan(one, (p, optimiser.init(p)), None, length=n_steps)[1]

    found = np.asarray(all_steps(_network(key, n)))
    return found, float(found.min())


def _pulled_back(t: Any, y: Any, past: Any, a: Any) -> Any:
    return -a * past


def _mean_field(t: Any, r: Any, a: Any) -> Any:
    return (0.5 * a["K"] - a["g"]) * r - 0.5 * a["K"] * r**3


def reflection(config: Any, key: Any) -> tuple[dict, dict, Plot]:
    """The reflection x -> -x: out of reach of a scalar flow, within that of two dimensions and of a delay."""
    alone, least = train(key, 1, config.n_training)
    pair, least_pair = train(key, 2, config.n_training)
    turn = Flow(lambda t, y, a: jnp.pi * jnp.stack([-y[1], y[0]]), dt=0.005, x0=[1.0, 0.0])

    def turned(duration: float) -> float:
        return abs(float(run(turn, n_steps=round(duration / 0.005))[0]) + 1.0)

    def delayed(product: float) -> float:
        flow = DelayFlow(_pulled_back, product, delays=1.0, dt=0.05, x0=1.0)
        return float(flow.observe(run(flow, n_steps=20)))

    strong, weak = delayed(2.0), delayed(0.2)

    steps = np.arange(config.n_training)
    picture = Plot(
        "Learning to reflect",
        "step of the optimiser",
        "mean squared error",
        (Curve(steps, alone, "1 dimension"), Curve(steps, pair, "2 dimensions"),
         Curve(steps[[0, -1]], [1.0, 1.0], "bound for a flow on the line", dashed=True)),
        caption="Orbits on a line cannot pass each other; with one more dimension they go round.",
        log_y=True,
    )  # fmt: skip
    return (
        {"least_loss": least, "turned": turned(1.0), "delayed": strong, "delayed_weakly": weak},
        {"least_loss": least_pair, "turned": turned(0.5), "delayed": weak, "delayed_weakly": strong},
        picture,
    )


def oscillators(config: Any, key: Any) -> tuple[dict, dict, Plot]:
    """Order parameter of oscillators with Lorentzian frequencies, on all links and on a fifth of them."""
    n = config.n_oscillators
    frequencies = np.tan(np.pi * ((np.arange(n) + 0.5) / n - 0.5))
    links = np.asarray(jax.random.bernoulli(jax.random.fold_in(key, 1), 0.2, (n, n)), dtype=float)
    phases = np.asarray(jax.random.uniform(jax.random.fold_in(key, 2), (n,), maxval=2 * np.pi))
    n_steps = round(config.duration / config.dt)
    curves = []

    def order(coupling: float, p: float) -> Estimate:
        adjacency = np.ones((n, n)) if p == 1.0 else links / p
        system = Kuramoto(coupling=coupling, frequencies=frequencies, adjacency=adjacency, dt=config.dt, x0=phases)
        watch = lambda x: jnp.abs(jnp.mean(jnp.exp(1j * x)))  # noqa: E731
        found = trajectory(system, n_steps=n_steps, observe=watch)
        r = np.asarray(found.x)
        curves.append(Curve(found.t, r, f"K = {coupling:g}, share of links {p:g}"))
        return mean_estimate(r[n_steps // 2 :])

    full, part, calm, calm_part = order(STRONG, 1.0), order(STRONG, 0.2), order(WEAK, 1.0), order(WEAK, 0.2)
    theory = np.sqrt(1 - 2 / STRONG)
    ends = np.array([0.0, config.duration])
    picture = Plot(
        "Order of the phases", "t", "r", (*curves, Curve(ends, [theory, theory], "theory", dashed=True)),
        caption="A graph with a fifth of the links, each five times as strong, does what the full one does.",
    )  # fmt: skip
    return (
        {"order_full": full, "order_part": part, "order_below": calm},
        {"order_full": calm, "order_part": calm_part, "order_below": full},
        picture,
    )


def kuramoto_onset(half_width: float) -> float:
    """Coupling at which order begins, a branch point of the mean field r' = (K/2 - g) r - K r^3 / 2."""
    flow = Flow(_mean_field, {"K": 0.5, "g": half_width}, dt=0.1, x0=[0.0])
    branch = continue_fixed_point(flow, parameter="K", stop=4.0, progress=False)
    return branch.of_kind(BifurcationKind.BRANCH_POINT)[0].value
