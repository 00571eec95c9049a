"""The Fokker-Planck operator on a grid: a generator of jumps between boxes, with the law of the diffusion."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Float

from cocycle.core.errors import NonFiniteStateError, ParameterError, ShapeError
from cocycle.measures.boxes import BoxGrid
from cocycle.steppers import ItoSDE, StratonovichSDE

sp: Any = scipy.sparse  # its stubs know neither sparse arrays nor their attributes

MOST_DIMENSIONS = 3


class Generator(eqx.Module):
    """Rates of jumps between the boxes of a grid.

    Attributes:
        rates: (n, n) [1 / time]; rows sum to 0.
        boxes: the grid.
    """

    rates: Any
    boxes: BoxGrid

    @property
    def points(self) -> Float[np.ndarray, "states D"]:
        """Centres of the boxes (n, D)."""
        return self.boxes.centres

    @property
    def volumes(self) -> Float[np.ndarray, "states"]:
        """Volumes of the boxes (n,): a law divided by them is a density."""
        return self.boxes.volumes


def generator(
    sde: ItoSDE | StratonovichSDE, boxes: BoxGrid, *, periodic: bool | Sequence[bool] = False, time: float = 0.0
) -> Generator:
    r"""Fokker-Planck operator of a stochastic equation in one to three dimensions, on a grid of boxes.

    $$\partial_t \rho = -\nabla \cdot (b \rho) + \tfrac12 \sum_i \partial_i^2 (g_i^2 \rho)$$

    Rates across a face have the exponential (Scharfetter-Gummel) form, so that they are never negative, detailed
    balance is kept where the equation has it, and the limit of no noise is the upwind rule. The border reflects; make
    the grid large enough, or use sets of boxes as absorbing targets in `measures.markov`.

    Args:
        sde: equation whose noise is diagonal: component i has its own noise, or all of one dimension.
        boxes: the grid.
        periodic: whether an axis closes to a ring, for all axes or each.
        time: time at which coefficients that depend on t are taken.

    Returns:
        Generator, for `stationary_distribution`, `mean_first_passage`, `committor`, `relaxation_rates` and the rest.

    Raises:
        ParameterError: if there are more than three dimensions, or the noise is a matrix.
        ShapeError: if the state does not have the dimension of the grid.
        NonFiniteStateError: if a coefficient is not finite on the grid.

    Accuracy: second order in the width of boxes where there is noise, first order along axes without.
    Cost: n boxes; n (2 D + 1) rates.

    Example:
        >>> ou = ItoSDE(lambda t, x, a: -x, lambda t, x, a: 2**0.5, dt=0.01, x0=0.0)
        >>> from cocycle.measures.slow import relaxation_rates
        >>> relaxation_rates(generator(ou, BoxGrid([-6.0], [6.0], 400)), 3).real.round(2).tolist()
        [0.0, -1.0, -2.0]

    Source: [scharfetter1969]; [chang1970].
    """
    d = len(boxes.n)
    if d > MOST_DIMENSIONS:
        raise ParameterError(f"{d} dimensions make too many boxes; use transfer_operator with AdaptiveBoxes.")
    wraps = np.broadcast_to(np.asarray(periodic), (d,))
    centres = boxes.centres
    shape = boxes.n
    numbers = np.arange(boxes.n_boxes).reshape(shape)
    rows, columns, values = [], [], []
    for k in range(d):
        left = numbers if wraps[k] else np.take(numbers, np.arange(shape[k] - 1), axis=k)
        right = np.roll(numbers, -1, axis=k) if wraps[k] else np.take(numbers, np.arange(1, shape[k]), axis=k)
        i, j = left.ravel(), right.ravel()
        face = centres[i].copy()
        face[:, k] += 0.5 * boxes.width[k]
        speed, diffusion = _across(sde, face, k, time)
        h = boxes.width[k]
        there, back = _rates(speed, diffusion, h)
        rows += [i, j]
        columns += [j, i]
        values += [there, back]
    r, c, v = (np.concatenate(part) for part in (rows, columns, values))
    jumps = sp.csr_array((v, (r, c)), shape=(boxes.n_boxes, boxes.n_boxes))
    jumps.sum_duplicates()
    return Generator(sp.csr_array(jumps - sp.diags_array(np.asarray(jumps.sum(axis=1)).ravel())), boxes)


def _rates(speed: np.ndarray, diffusion: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates forward and backward across faces: D/h^2 B(-vh/D) and D/h^2 B(vh/D), B(z) = z / (e^z - 1)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.where(diffusion > 0, speed * h / np.where(diffusion > 0, diffusion, 1.0), 0.0)
        plain = np.abs(z) < 1e-8
        forward = np.where(plain, 1.0 + z / 2, -z / np.expm1(-np.where(plain, 1.0, z)))
        backward = np.where(plain, 1.0 - z / 2, z / np.expm1(np.where(plain, 1.0, z)))
    noisy = diffusion > 1e-12 * np.abs(speed) * h
    there = np.where(noisy, diffusion / h**2 * forward, np.maximum(speed, 0.0) / h)
    back = np.where(noisy, diffusion / h**2 * backward, np.maximum(-speed, 0.0) / h)
    return there, back


def _across(sde: Any, faces: np.ndarray, k: int, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Effective speed b - dD/dx_k (Ito) or b - (dD/dx_k) / 2 (Stratonovich) and D = g^2 / 2 along axis k."""
    scalar = sde.x0 is not None and np.ndim(sde.x0) == 0
    t = jnp.asarray(float(time))

    def state(x: Any) -> Any:
        return x[0] if scalar else x

    def drift(x: Any) -> Any:
        b = jnp.atleast_1d(sde.drift(t, state(x), sde.args))
        if b.shape != x.shape:
            raise ShapeError(f"the drift has shape {b.shape}, the grid {x.shape[0]} axes; both must agree.")
        return b[k]

    def diffusion(x: Any) -> Any:
        g = jnp.asarray(sde.diffusion(t, state(x), sde.args), dtype=float)
        if g.ndim > (0 if scalar else 1):
            raise ParameterError(
                f"the diffusion is a matrix of shape {g.shape}; a grid takes diagonal noise: "
                "return a number or the shape of the state, or use transfer_operator."
            )
        if x.shape[0] > 1 and sde.noise_shape == ():
            raise ParameterError("one scalar noise drives all components; a grid takes independent noise for each.")
        return 0.5 * jnp.broadcast_to(g, x.shape)[k] ** 2

    def both(x: Any) -> Any:
        value, slope = jax.value_and_grad(diffusion)(x)
        return drift(x) - (0.5 if isinstance(sde, StratonovichSDE) else 1.0) * slope[k], value

    speed, value = (np.asarray(v) for v in jax.jit(jax.vmap(both))(jnp.asarray(faces)))
    bad = ~(np.isfinite(speed) & np.isfinite(value))
    if bad.any():
        raise NonFiniteStateError(
            f"drift or diffusion are not finite at {faces[np.argmax(bad)]}; take a smaller grid.",
            step=0,
            last_state=faces[np.argmax(bad)],
        )
    return speed, value
