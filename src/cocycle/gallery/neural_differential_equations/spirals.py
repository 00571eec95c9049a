"""Two classes of spirals told apart by a neural controlled differential equation."""

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.core.estimate import Estimate

N_POINTS, N_HIDDEN, N_WIDTH = 100, 8, 128
N_SERIES, BATCH, RATE = 256, 32, 1e-2
TURNING = jnp.array([[-0.3, 2.0], [-2.0, -0.3]])
TIMES = jnp.linspace(0.0, 4 * jnp.pi, N_POINTS)


def spirals(key: Any, flipped: bool) -> tuple[Any, Any]:
    """Series (n, time, 3) of t, x, y from random starts on the unit circle, and their classes.

    Args:
        key: of the starts.
        flipped: whether x of class 1 is mirrored, so that it turns the other way.
    """
    angle = jax.random.uniform(key, (N_SERIES,), maxval=2 * jnp.pi)
    starts = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    paths = jax.vmap(lambda t: starts @ jax.scipy.linalg.expm(t * TURNING).T)(TIMES).transpose(1, 0, 2)
    classes = jnp.arange(N_SERIES) % 2
    if flipped:
        paths = paths.at[:, :, 0].multiply(1.0 - 2.0 * classes[:, None])
    times = jnp.broadcast_to(TIMES[None, :, None], (N_SERIES, N_POINTS, 1))
    return jnp.concatenate([times, paths], axis=2), classes


def first_guess(key: Any) -> dict[str, Any]:
    """Weights of z(0), of the field and of the readout, uniform within one over the root of their inputs.

    Args:
        key: random key.
    """
    sizes = {
        "start1": (N_WIDTH, 3),
        "start2": (N_HIDDEN, N_WIDTH),
        "field1": (N_WIDTH, N_HIDDEN),
        "field2": (3 * N_HIDDEN, N_WIDTH),
        "read": (1, N_HIDDEN),
    }
    weights = {}
    for k, (name, shape) in zip(jax.random.split(key, len(sizes)), sizes.items(), strict=True):
        bound = shape[1] ** -0.5
        weights[name] = jax.random.uniform(k, (shape[0], shape[1] + 1), minval=-bound, maxval=bound)
    return weights


def affine(w: Any, x: Any) -> Any:
    """W x + b, b being the last column."""
    return w[:, :-1] @ x + w[:, -1]


def logit(p: dict[str, Any], series: Any) -> Any:
    """Readout of z at the end of the path: dz = f(z) dX, X the cubic Hermite path through the series.

    Args:
        p: weights.
        series: (time, 3).
    """
    path = diffrax.CubicInterpolation(TIMES, diffrax.backward_hermite_coefficients(TIMES, series))

    def field(t: Any, z: Any, args: Any) -> Any:
        hidden = jax.nn.softplus(affine(p["field1"], z))
        return jnp.tanh(affine(p["field2"], hidden)).reshape(N_HIDDEN, 3)

    z0 = affine(p["start2"], jax.nn.softplus(affine(p["start1"], series[0])))
    term = diffrax.ControlTerm(field, path).to_ode()
    steps = diffrax.StepTo(ts=TIMES)
    found = diffrax.diffeqsolve(
        term, diffrax.Heun(), TIMES[0], TIMES[-1], None, z0, stepsize_controller=steps, max_steps=N_POINTS
    )
    end: Any = found.ys
    return affine(p["read"], end[-1])[0]


def accuracy(key: Any, n_updates: int, *, flipped: bool = True, permuted: bool = False) -> Estimate:
    """Share of series of a second set that a model of the first puts into their class.

    Args:
        key: of data, weights and batches.
        n_updates: of Adam.
        flipped: whether the classes turn in different ways.
        permuted: whether the classes that it is trained on are dealt out anew.
    """
    k_train, k_test, k_guess, k_deal, k_batch = jax.random.split(key, 5)
    series, classes = spirals(k_train, flipped)
    if permuted:
        classes = jax.random.permutation(k_deal, classes)
    optimiser = optax.adam(RATE)

    def loss(p: Any, at: Any) -> Any:
        logits = jax.vmap(logit, in_axes=(None, 0))(p, series[at])
        return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, classes[at]))

    def one(k: Any, carry: Any) -> Any:
        p, state = carry
        at = jax.random.choice(jax.random.fold_in(k_batch, k), N_SERIES, (BATCH,), replace=False)
        updates, state = optimiser.update(jax.grad(loss)(p, at), state)
        return optax.apply_updates(p, updates), state

    p = first_guess(k_guess)
    p = jax.jit(lambda p: jax.lax.fori_loop(0, n_updates, one, (p, optimiser.init(p)))[0])(p)
    series, classes = spirals(k_test, flipped)
    found = jax.jit(jax.vmap(logit, in_axes=(None, 0)))(p, series)
    share = float(np.mean(np.asarray(found > 0) == np.asarray(classes)))
    return Estimate(share, float(np.sqrt(share * (1 - share) / N_SERIES)))
