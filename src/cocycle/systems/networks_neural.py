"""Networks of neurons."""

from typing import Any

import jax
import jax.numpy as jnp

from cocycle.core.start import count
from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import not_negative, positive, real, vector
from cocycle.systems.networks_more import graph, irregular, named, spread
from cocycle.systems.registry import register


def hindmarsh_rose_network_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of coupled Hindmarsh-Rose neurons; u holds all x, then all y, then all z."""
    x, y, z = jnp.reshape(u, (3, -1))
    voltage = y - x**3 + 3.0 * x * x - z + args["current"] + args["coupling"] * spread(args["adjacency"], x)
    adaptation = args["r"] * (4.0 * (x - args["x_rest"]) - z)
    return jnp.concatenate([voltage, 1.0 - 5.0 * x * x - y, adaptation])


@register(
    "hindmarsh_rose_network",
    kind="network",
    dimension=12,
    field="neuroscience",
    chaotic=True,
    n_steps=40_000,
    tags=("bursting", "synchronisation"),
)
def HindmarshRoseNetwork(
    *,
    n: int = 4,
    coupling: Any = 0.05,
    current: Any = 3.25,
    r: Any = 0.005,
    x_rest: Any = -1.6,
    adjacency: Any = None,
    dt: Any = 0.02,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Bursting neurons with electrical synapses.

    $$\dot x_i = y_i - x_i^3 + 3 x_i^2 - z_i + I + K \sum_j A_{ij} (x_j - x_i)$$
    $$\dot y_i = 1 - 5 x_i^2 - y_i, \quad \dot z_i = r (4 (x_i - x_R) - z_i)$$

    Args:
        n: number of neurons, at least 2; another n compiles again.
        coupling: K, conductance of a synapse, not negative.
        current: I, driving current.
        r: rate of the slow adaptation, positive.
        x_rest: x_R, voltage at rest.
        adjacency: A (n, n), row i the links into i; default a ring.
        dt: time per step.
        x0: initial state (3 n,): all x, then all y, then all z.
        stepper: rule of one step.

    Returns:
        Flow with state (3 n,).

    Raises:
        ParameterError: if r is not positive or coupling negative.
        ShapeError: if adjacency is not (n, n).

    Example:
        >>> HindmarshRoseNetwork(n=2).x0.shape
        (6,)

    Source: [hindmarsh1984].
    """
    n = count(n, "n", 2)
    args = {
        "coupling": not_negative(coupling, "coupling"),
        "current": real(current, "current"),
        "r": positive(r, "r"),
        "x_rest": real(x_rest, "x_rest"),
        "adjacency": graph(adjacency, n),
    }
    default = jnp.concatenate([-1.0 + 0.3 * irregular(n, 1.0), -4.0 + irregular(n, 2.0), jnp.full(n, 3.1)])
    x0 = vector(x0, default)
    name = "hindmarsh_rose_network"
    return Flow(hindmarsh_rose_network_field, args, dt=dt, x0=x0, stepper=stepper, name=name, variables=named("xyz", n))


def fitzhugh_nagumo_network_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of coupled FitzHugh-Nagumo neurons; u holds all v, then all w."""
    v, w = jnp.split(u, 2)
    fast = v - v**3 / 3.0 - w + args["current"] + args["coupling"] * spread(args["adjacency"], v)
    return jnp.concatenate([fast, args["epsilon"] * (v + args["a"] - args["b"] * w)])


@register(
    "fitzhugh_nagumo_network",
    kind="network",
    dimension=16,
    field="neuroscience",
    chaotic=False,
    n_steps=20_000,
    tags=("excitable", "synchronisation"),
)
def FitzHughNagumoNetwork(
    *,
    n: int = 8,
    coupling: Any = 0.1,
    current: Any = 0.5,
    epsilon: Any = 0.08,
    a: Any = 0.7,
    b: Any = 0.8,
    adjacency: Any = None,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""FitzHugh and Nagumo's neurons with electrical synapses.

    $$\dot v_i = v_i - v_i^3 / 3 - w_i + I + K \sum_j A_{ij} (v_j - v_i), \quad
    \dot w_i = \varepsilon (v_i + a - b w_i)$$

    Args:
        n: number of neurons, at least 2; another n compiles again.
        coupling: K, conductance of a synapse, not negative.
        current: I, driving current.
        epsilon: rate of recovery relative to that of the voltage, positive.
        a: offset of recovery.
        b: self-inhibition of recovery.
        adjacency: A (n, n), row i the links into i; default a ring.
        dt: time per step.
        x0: initial state (2 n,): all v, then all w.
        stepper: rule of one step.

    Returns:
        Flow with state (2 n,).

    Raises:
        ParameterError: if epsilon is not positive or coupling negative.
        ShapeError: if adjacency is not (n, n).

    Example:
        >>> FitzHughNagumoNetwork(n=2).x0.shape
        (4,)

    Source: [fitzhugh1961]; [nagumo1962].
    """
    n = count(n, "n", 2)
    args = {name: real(v, name) for name, v in {"current": current, "a": a, "b": b}.items()}
    args |= {"coupling": not_negative(coupling, "coupling"), "epsilon": positive(epsilon, "epsilon")}
    args["adjacency"] = graph(adjacency, n)
    default = jnp.concatenate([irregular(n, 1.0), 0.5 * irregular(n, 2.0)])
    x0 = vector(x0, default)
    name = "fitzhugh_nagumo_network"
    return Flow(fitzhugh_nagumo_network_field, args, dt=dt, x0=x0, stepper=stepper, name=name, variables=named("vw", n))


def random_rate_field(t: Any, x: Any, args: Any) -> Any:
    """Velocity of the random network of rate neurons."""
    return args["g"] * (args["weights"] @ jnp.tanh(x)) - x


@register(
    "random_rate_network",
    kind="network",
    dimension=100,
    field="neuroscience",
    chaotic=True,
    n_steps=10_000,
    tags=("random coupling", "recurrent network"),
)
def RandomRateNetwork(
    *,
    n: int = 100,
    g: Any = 2.0,
    seed: int = 0,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Sompolinsky, Crisanti and Sommers's network: rate neurons with random couplings of gain g.

    $$\dot x_i = -x_i + g \sum_{j \ne i} J_{ij} \tanh x_j, \quad J_{ij} \sim N(0, 1/n)$$

    Args:
        n: number of neurons, at least 2; another n compiles again.
        g: gain; large networks are silent below 1 and chaotic above.
        seed: seed of the couplings.
        dt: time per step, in time constants of a neuron.
        x0: initial state (n,).
        stepper: rule of one step.

    Returns:
        Flow with state (n,).

    Raises:
        ParameterError: if n is below 2, or g not a finite number.

    Laws: divergence -n everywhere, since no neuron couples to itself; silence is an equilibrium.
    Limits: the onset of chaos at g = 1 is sharp only as n grows.

    Example:
        >>> RandomRateNetwork(n=10).x0.shape
        (10,)

    Source: [sompolinsky1988].
    """
    n = count(n, "n", 2)
    weights = jax.random.normal(jax.random.key(count(seed, "seed", 0)), (n, n)) / jnp.sqrt(n)
    args = {"g": real(g, "g"), "weights": weights * (1.0 - jnp.eye(n))}
    x0 = vector(x0, irregular(n, 1.0))
    return Flow(
        random_rate_field, args, dt=dt, x0=x0, stepper=stepper, name="random_rate_network", variables=named("x", n)
    )
