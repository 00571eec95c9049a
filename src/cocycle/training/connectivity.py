"""Are two solutions joined by a path of low loss? Barriers on the line between them, hidden units matched first."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.training.problem import AbstractProblem, Params

Groups = Mapping[str, Sequence[tuple[str, int]]]


class LinearPath(eqx.Module, Presentable):
    """Loss along the straight line between two parameters.

    Attributes:
        s: (n,) places, 0 at the first, 1 at the second.
        loss: (n,) loss there.
        barrier: (n,) loss above the line between the losses of the ends.
        height: largest of these, at least 0.
        place: where it is.
        distance: norm of the difference of the parameters.
    """

    s: np.ndarray
    loss: np.ndarray
    barrier: np.ndarray
    height: float
    place: float
    distance: float


def linear_path(
    problem: AbstractProblem, a: Params, b: Params, *, n_points: int = 25, indices: Any = None
) -> LinearPath:
    r"""Loss and barrier on the line between two solutions.

    $$\mathrm{barrier}(s) = L((1 - s) A + s B) - (1 - s) L(A) - s L(B)$$

    Args:
        problem: JAX or PyTorch problem.
        a: parameters at s = 0.
        b: parameters at s = 1.
        n_points: places, the ends included.
        indices: samples; default all.

    Returns:
        LinearPath.

    Raises:
        ParameterError: if fewer than 3 points are asked for.
        ShapeError: if the parameters do not have the same shapes.

    Limits: a barrier between two points is not seen.
    Cost: n_points evaluations of the loss.

    Example:
        >>> from cocycle.training import Problem
        >>> saddle = Problem(lambda w, x: w[0] * w[1], jnp.ones(2), (jnp.zeros(1), jnp.ones(1)))
        >>> linear_path(saddle, jnp.ones(2), -jnp.ones(2)).height
        0.5

    Source: [frankle2020].
    """
    start, end = _ends(problem, a, b)
    batch = problem.batch() if indices is None else problem.batch(jnp.asarray(indices))
    s = np.linspace(0.0, 1.0, count(n_points, "n_points", 3))
    places = [problem.unflat(jnp.asarray((1 - t) * start + t * end)) for t in s]
    loss = np.array([float(problem.loss(p, batch)) for p in places])
    barrier = loss - (1 - s) * loss[0] - s * loss[-1]
    top = int(np.argmax(barrier))
    height = max(0.0, float(barrier[top]))
    return LinearPath(s, loss, barrier, height, float(s[top]), float(np.linalg.norm(end - start)))


def barrier_from_curvature(
    problem: AbstractProblem, a: Params, b: Params, *, s: float = 0.5, n_points: int = 101, indices: Any = None
) -> float:
    r"""The same barrier at one place, as an integral of the curvature along the line.

    $$\mathrm{barrier}(s) = -\int_0^1 G(s, r)\, D^T H(r)\, D\, dr, \qquad G(s, r) = \min(s, r) (1 - \max(s, r))$$

    Args:
        problem: JAX or PyTorch problem.
        a: parameters at s = 0.
        b: parameters at s = 1; D is their difference.
        s: place, between 0 and 1.
        n_points: nodes of the midpoint rule.
        indices: samples; default all.

    Returns:
        The barrier [unit of the loss].

    Raises:
        ParameterError: if s is not between 0 and 1.
        ShapeError: if the parameters do not have the same shapes.

    Accuracy: O(1 / n_points^2).
    Laws: equal to the barrier of `linear_path` for smooth networks.
    Limits: with ReLU it is wrong: the Hessian does not see the kinks.
    Cost: n_points Hessian products.

    Source: the identity follows from integrating twice by parts; the view of barriers as ridges [singh2024].
    """
    start, end = _ends(problem, a, b)
    if not 0 < s < 1:
        raise ParameterError(f"s must lie between 0 and 1, got {s}.")
    batch = problem.batch() if indices is None else problem.batch(jnp.asarray(indices))
    direction = end - start
    total = 0.0
    for r in (np.arange(count(n_points, "n_points")) + 0.5) / n_points:
        params = problem.unflat(jnp.asarray((1 - r) * start + r * end))
        product = np.asarray(problem.hvp(params, batch, jnp.asarray(direction)), dtype=float)
        total -= min(s, r) * (1 - max(s, r)) * float(direction @ product) / n_points
    return total


def match_units(a: Any, b: Any, groups: Groups, *, max_rounds: int = 100) -> Any:
    r"""Permute the hidden units of a network so that its weights come near to those of another.

    For each layer in turn the permutation that maximises the inner product of all weights that touch its units, until
    none changes. The function of the network does not change.

    Args:
        a: parameters that stay, a JAX pytree.
        b: parameters to permute, of the same shapes.
        groups: for each hidden layer the axes that run over its units, as (path, axis): paths are those of
            `jax.tree_util.keystr(path, simple=True, separator=".")`, e.g.
            `{"hidden": [("w1", 0), ("b1", 0), ("w2", 1)]}`.
        max_rounds: rounds over all layers after which to stop.

    Returns:
        `b` permuted.

    Raises:
        ParameterError: if a group names a leaf that is not there, or axes of different length.
        ShapeError: if the parameters do not have the same shapes.

    Accuracy: the best permutation of each layer given the others; with one hidden layer the best of all.
    Cost: a linear assignment for each layer and round, cubic in its width.

    Example:
        >>> w = {"w1": np.array([[1.0], [2.0]]), "w2": np.array([[3.0, 4.0]])}
        >>> swapped = {"w1": w["w1"][::-1], "w2": w["w2"][:, ::-1]}
        >>> match_units(w, swapped, {"hidden": [("w1", 0), ("w2", 1)]})["w1"].tolist()
        [[1.0], [2.0]]

    Source: [ainsworth2023].
    """
    from scipy.optimize import linear_sum_assignment

    names, fixed, moving, structure = _leaves(a, b)
    _check_groups(groups, names, fixed)
    for _ in range(count(max_rounds, "max_rounds")):
        changed = False
        for axes in groups.values():
            places = [(names.index(path), axis) for path, axis in axes]
            similarity = sum(_by_unit(fixed[k], axis) @ _by_unit(moving[k], axis).T for k, axis in places)
            similarity = np.asarray(similarity)
            order = linear_sum_assignment(similarity, maximize=True)[1]
            if float(np.trace(similarity[:, order])) > float(np.trace(similarity)) * (1 + 1e-12):
                changed = True
                for k, axis in places:
                    moving[k] = np.take(moving[k], order, axis=axis)
        if not changed:
            break
    return jax.tree.unflatten(structure, moving)


def _by_unit(leaf: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(leaf, axis, 0).reshape(leaf.shape[axis], -1)


def _leaves(a: Any, b: Any) -> tuple[list[str], list[np.ndarray], list[np.ndarray], Any]:
    paths, structure = jax.tree_util.tree_flatten_with_path(a)
    others, other = jax.tree.flatten(b)
    if other != structure or any(np.shape(p[1]) != np.shape(q) for p, q in zip(paths, others, strict=True)):
        raise ShapeError("the two networks do not have the same parameters; both need the same architecture.")
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    return names, [np.asarray(leaf) for _, leaf in paths], [np.asarray(leaf) for leaf in others], structure


def _check_groups(groups: Groups, names: list[str], leaves: list[np.ndarray]) -> None:
    for group, axes in groups.items():
        lengths = set()
        for path, axis in axes:
            if path not in names:
                raise ParameterError(f"group {group!r} names {path!r}, but the parameters are {', '.join(names)}.")
            shape = leaves[names.index(path)].shape
            if not -len(shape) <= axis < len(shape):
                raise ParameterError(f"group {group!r}: {path!r} of shape {shape} has no axis {axis}.")
            lengths.add(shape[axis])
        if len(lengths) != 1:
            raise ParameterError(f"the axes of group {group!r} have lengths {sorted(lengths)}; they must be one.")


def _ends(problem: AbstractProblem, a: Params, b: Params) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
    start, end = (np.asarray(problem.flat(p), dtype=float) for p in (a, b))
    if start.shape != end.shape or len(start) != problem.n_params:
        raise ShapeError(
            f"the two ends have {len(start)} and {len(end)} parameters, the problem {problem.n_params}; all must agree."
        )
    return start, end
