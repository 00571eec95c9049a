"""Exponents of a response, and transverse to synchrony: the tangent cocycle restricted to some directions."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.functions import Map
from cocycle.core.presentation import Presentable
from cocycle.core.start import start
from cocycle.core.sweep import sweep
from cocycle.core.system import AbstractSystem, AbstractTangentSystem, floating_part, push
from cocycle.core.tracing import is_traced
from cocycle.stability.exponents import lyapunov_spectrum
from cocycle.stability.frames import dimension, require_differentiable
from cocycle.stability.spectrum import Spectrum
from cocycle.steppers.flow import Flow


class _Restricted(AbstractTangentSystem):
    """A system whose tangents are projected after each step."""

    system: AbstractSystem
    mask: Any
    n_nodes: int | None = eqx.field(static=True)

    def __init__(self, system: AbstractSystem, mask: Any, n_nodes: int | None):
        self.system, self.mask, self.n_nodes = system, mask, n_nodes

    continuous_time: ClassVar[bool] = False

    @property
    def dt(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.system.dt

    @property
    def x0(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.system.x0

    @property
    def name(self) -> Any:
        return getattr(self.system, "name", None)

    def step(self, x: Any, w: Any) -> Any:
        return self._together(self.system.step(x, w))

    def push(self, x: Any, w: Any, V: Any) -> Any:
        x, V = push(self.system, x, w, V)
        if self.n_nodes is None:
            return x, jax.tree.map(lambda v, m: v * m[None], V, self.mask)
        return self._together(x), jax.tree.map(lambda v: v - jnp.mean(v, axis=1, keepdims=True), V)

    def _together(self, x: Any) -> Any:
        """Hold the nodes on the synchronous manifold, which round-off would leave where it is unstable."""
        if self.n_nodes is None:
            return x
        return jax.tree.map(lambda a: jnp.broadcast_to(jnp.mean(a, axis=0, keepdims=True), a.shape), x)

    def initial_state(self, x0: Any) -> Any:
        return self.system.initial_state(x0)

    def default_driver(self, x: Any) -> AbstractDriver:
        return self.system.default_driver(x)

    def observe(self, x: Any) -> Any:
        return self.system.observe(x)


def _restricted(system: AbstractSystem, mask: Any, n_nodes: int | None) -> _Restricted:
    # dt and x0 are properties here; the checker takes them for fields.
    make: Any = _Restricted
    return make(system=system, mask=mask, n_nodes=n_nodes)


def _response_mask(x: Any, response: Any) -> Any:
    """Floating leaves of x with 1 where a component responds, else 0."""
    moving, _ = floating_part(x)
    leaves = jax.tree.leaves(moving)
    if len(leaves) == 1 and leaves[0].ndim == 1:
        chosen = np.asarray(response)
        if chosen.dtype == bool and chosen.shape != leaves[0].shape:
            raise ShapeError(f"response has shape {chosen.shape}, the state {leaves[0].shape}; give one flag each.")
        mask = np.zeros(leaves[0].shape)
        try:
            mask[chosen] = 1.0
        except (IndexError, TypeError) as error:
            raise ParameterError(f"response must hold numbers of components, or flags: {error}.") from None
        return jax.tree.unflatten(jax.tree.structure(moving), [jnp.asarray(mask)])
    try:
        flags = jax.tree.leaves(jax.tree.broadcast(response, moving))
    except ValueError:
        raise ShapeError("response must be numbers of components, or flags in the structure of the state.") from None
    parts = [jnp.broadcast_to(jnp.asarray(f, dtype=float), a.shape) for f, a in zip(flags, leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(moving), parts)


class _Copy(eqx.Module):
    """A field, and a copy of some of its components that receives the others."""

    field: Callable[..., Any]
    at: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, t: Any, x: Any, args: Any) -> Any:
        whole, copy = x
        at = jnp.asarray(self.at)
        return self.field(t, whole, args), self.field(t, whole.at[at].set(copy), args)[at]


def _copied(system: Flow, x: Any, response: Any) -> tuple[Flow, Any, Any]:
    """The flow with a copy of its response beside it: within a step, the drive must not feel the tangent."""
    at = np.flatnonzero(np.asarray(_response_mask(x, response)))
    field = _Copy(system.field, tuple(int(i) for i in at))
    copied = Flow(field, system.args, dt=system.dt, stepper=system.stepper, name=system.name)
    return copied, (x, x[jnp.asarray(at)]), (False, True)


def conditional_exponents(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    response: Any,
    n_steps: int,
    n_vectors: int | None = None,
    **options: Any,
) -> Spectrum:
    r"""Exponents of a response under the drive that it receives: negative if copies of the response synchronise.

    $$\dot\xi = \frac{\partial f_{\mathrm{response}}}{\partial y}(x(t), y(t))\, \xi$$

    Args:
        system: drive and response as one differentiable system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        response: components that respond, by number or as flags; in a nested state, flags in its structure, such as
            `(False, True)`.
        n_steps: steps in all, the transient included.
        n_vectors: number of exponents; default all of the response.
        **options: those of `lyapunov_spectrum`.

    Returns:
        Spectrum of the response [nats / time].

    Raises:
        ParameterError: if there is no such component, or more exponents than components are asked for.
        ShapeError: if response does not fit the state.

    Limits: in a nested state, or under a step that is no flow, the drive must not feel the response within a step. Of
        a flow with a vector state a copy of the response is made, which gets the rest of the state as its drive.
    Laws: where the drive does not feel the response, these and the exponents of the drive are the spectrum of the
        whole.

    Example:
        >>> from cocycle.core.functions import Map
        >>> pair = Map(lambda x, a: jnp.array([3.9 * x[0] * (1 - x[0]), 0.5 * x[1] + x[0]]), x0=[0.3, 0.0])
        >>> found = conditional_exponents(pair, response=[1], n_steps=400)
        >>> round(float(found.exponents[0]), 9)
        -0.693147181

    Source: [pecora1991].
    """
    require_differentiable(system)
    x, _ = start(system, x0, driver, n_steps=n_steps)
    if isinstance(system, Flow) and isinstance(x, jax.Array) and x.ndim == 1:
        system, x, response = _copied(system, x, response)
    mask = _response_mask(x, response)
    size = int(sum(np.sum(np.asarray(m)) for m in jax.tree.leaves(mask))) if not is_traced(mask) else dimension(x)
    k = size if n_vectors is None else n_vectors
    if not 1 <= k <= size:
        raise ParameterError(f"n_vectors={k}, but the response has {size} components.")
    return lyapunov_spectrum(
        _Restricted(system=system, mask=mask, n_nodes=None), x, driver, n_steps=n_steps, n_vectors=k, **options
    )


def transverse_exponents(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_nodes: int,
    n_steps: int,
    n_vectors: int = 1,
    **options: Any,
) -> Spectrum:
    """Exponents transverse to full synchrony of a network of identical nodes: negative if synchrony is stable.

    Args:
        system: the network; every leaf of its state has the nodes along the first axis.
        x0: state in which all nodes agree, or the state of one node without that axis; default that of the system.
        driver: driver; default that of the system.
        n_nodes: number of nodes.
        n_steps: steps in all, the transient included.
        n_vectors: number of exponents, at most (nodes - 1) times the dimension of a node.
        **options: those of `lyapunov_spectrum`.

    Returns:
        Spectrum, largest first [nats / time].

    Raises:
        ShapeError: if the state has no axis of nodes.
        ParameterError: if the nodes differ, or too many exponents are asked for.

    Accuracy: the orbit is held on the synchronous manifold after every step.
    Laws: equal to the master stability function at the eigenvalues of the coupling.

    Source: [pecora1998].
    """
    require_differentiable(system)
    x, _ = start(system, system.x0 if x0 is None else x0, driver, n_steps=n_steps)
    leaves = jax.tree.leaves(x)
    if any(leaf.ndim == 0 or leaf.shape[0] != n_nodes for leaf in leaves):
        raise ShapeError(f"every leaf of the state needs {n_nodes} nodes along its first axis; stack them.")
    if not is_traced(x) and any(np.any(np.ptp(np.asarray(leaf), axis=0) != 0) for leaf in leaves):
        raise ParameterError("the nodes of x0 differ; synchrony begins with the same state at every node.")
    most = dimension(x) - dimension(x) // n_nodes
    if not 1 <= n_vectors <= most:
        raise ParameterError(f"n_vectors={n_vectors}, but there are {most} directions transverse to synchrony.")
    restricted = _restricted(system, None, n_nodes)
    return lyapunov_spectrum(restricted, x, driver, n_steps=n_steps, n_vectors=n_vectors, **options)


class _Beside(eqx.Module):
    """A node x and two responses beside it, coupled by a complex strength."""

    rule: Callable[..., Any]
    coupling: Any

    def couple(self, y: Any, h: Any) -> Any:
        return self.coupling(y) if callable(self.coupling) else h @ y

    def around(self, x: Any, rule: Callable[[Any], Any], args: Any) -> Any:
        """Next state, or slope, of the node and of its responses."""
        own, *others = x
        a, b = args["strength"]
        at = self.couple(own, args["coupling"])
        apart = [self.couple(y, args["coupling"]) - at for y in others]
        slopes = [rule(y) for y in others]
        if len(others) == 1:
            return rule(own), slopes[0] - a * apart[0]
        u, v = apart
        return rule(own), slopes[0] - a * u + b * v, slopes[1] - a * v - b * u

    def __call__(self, *call: Any) -> Any:
        if len(call) == 3:
            t, x, args = call
            return self.around(x, lambda y: self.rule(t, y, args["node"]), args)
        x, args = call
        return self.around(x, lambda y: self.rule(y, args["node"]), args)


class MasterStability(eqx.Module, Presentable):
    """Largest transverse exponent as a function of the coupling.

    Attributes:
        strength: (cases,) real or complex.
        exponents: (cases,) [nats / time].
        stderr: (cases,) [same].
    """

    strength: np.ndarray
    exponents: Array | np.ndarray
    stderr: Array | np.ndarray

    def crossings(self) -> tuple[np.ndarray, np.ndarray]:
        """Real strengths at which the exponent changes its sign, and their standard errors, by linear interpolation.

        Raises:
            ParameterError: if the strengths are complex, or do not increase.
        """
        s, f, e = (np.asarray(a) for a in (self.strength, self.exponents, self.stderr))
        if np.iscomplexobj(s) or not np.all(np.diff(s) > 0):
            raise ParameterError("crossings are of real strengths that increase.")
        i = np.flatnonzero(f[:-1] * f[1:] < 0)
        share = f[i] / (f[i] - f[i + 1])
        slope = (f[i + 1] - f[i]) / (s[i + 1] - s[i])
        spread = np.hypot((1 - share) * e[i], share * e[i + 1])
        return s[i] + share * (s[i + 1] - s[i]), spread / np.abs(slope)

    def stable(self, eigenvalues: Any, coupling: int | float = 1.0) -> bool:
        """Say whether a network synchronises: all its transverse modes lie where the function is negative.

        Args:
            eigenvalues: of the network's Laplacian; the smallest, 0, is along synchrony and left out.
            coupling: strength that multiplies the Laplacian.

        Raises:
            ParameterError: if a mode lies outside the strengths that were computed, or the eigenvalues are complex.
        """
        modes = coupling * np.sort(np.asarray(eigenvalues))[1:]
        s = np.asarray(self.strength)
        if np.iscomplexobj(modes) or np.iscomplexobj(s):
            raise ParameterError("for complex eigenvalues compute the function at those very values.")
        if modes.min() < s.min() or modes.max() > s.max():
            raise ParameterError(
                f"the modes span {modes.min():.4g} to {modes.max():.4g}, the strengths {s.min():.4g} to {s.max():.4g}; "
                "compute more strengths."
            )
        return bool(np.all(np.interp(modes, s, np.asarray(self.exponents)) < 0))


def master_stability(
    node: Any,
    coupling: Any,
    strength: Any,
    *,
    n_steps: int,
    x0: Any = None,
    n_vectors: int = 1,
    progress: bool | None = None,
    **options: Any,
) -> MasterStability:
    r"""Master stability function of a network of identical nodes.

    $$\dot x_i = f(x_i) - \sigma \sum_j L_{ij} h(x_j), \qquad
    \dot\xi = \bigl(Df(s) - \alpha\, Dh(s)\bigr) \xi, \quad \alpha = \sigma \gamma_k$$

    for the eigenvalues gamma_k of the Laplacian L. Each strength is the conditional exponent of a response beside the
    node, $\dot y = f(y) - \alpha (h(y) - h(s))$, so that the tangent is that of the step which is taken.

    Args:
        node: one node, a Flow or an undriven Map with a vector state; of maps the coupling is added to the next state,
            $x_i' = f(x_i) - \sigma \sum_j L_{ij} h(x_j)$.
        coupling: h, a matrix (D, D) or a function of the state.
        strength: values of alpha, real or complex.
        n_steps: steps in all, the transient included.
        x0: initial state of the node; default that of the node.
        n_vectors: exponents computed; the largest is kept.
        progress: show a progress bar; None shows it on a terminal when the work is long.
        **options: those of `lyapunov_spectrum`; `qr_every` is 10 for flows unless given.

    Returns:
        MasterStability.

    Raises:
        ParameterError: if the node is neither Flow nor undriven Map, or the coupling does not fit.

    Laws: at alpha = 0 it is the largest exponent of the node; for h(x) = x it falls by alpha.

    Source: [pecora1998].
    """
    values = np.atleast_1d(np.asarray(strength))
    pairs = np.stack([np.real(values), np.imag(values)], axis=1).astype(float)
    network = _beside(node, coupling, complex_strength=np.iscomplexobj(values))
    start_at = node.initial_state(node.x0 if x0 is None else x0)
    flags = (False,) + (True,) * (2 if np.iscomplexobj(values) else 1)
    state = (start_at,) * len(flags)

    def one(pair: Any) -> Any:
        system = eqx.tree_at(lambda s: s.args["strength"], network, (pair[0], pair[1]))
        found = conditional_exponents(system, state, response=flags, n_steps=n_steps, n_vectors=n_vectors, **options)
        return found.exponents[0], found.stderr[0]

    exponents, stderr = sweep(one, pairs, progress=progress)
    return MasterStability(values, exponents, stderr)


def _beside(node: Any, coupling: Any, complex_strength: bool) -> Any:
    if not isinstance(node, Flow) and not (isinstance(node, Map) and not node.driven):
        raise ParameterError(f"a node is a Flow or an undriven Map, got {type(node).__name__}.")
    x = node.initial_state(node.x0) if node.x0 is not None else None
    matrix = jnp.zeros(()) if callable(coupling) else jnp.asarray(coupling, dtype=float)
    if x is not None and not callable(coupling) and matrix.shape != (x.shape[0],) * 2:
        raise ParameterError(f"the coupling has shape {matrix.shape}; a matrix {x.shape * 2} or a function is needed.")
    args = {"node": node.args, "coupling": matrix, "strength": (jnp.zeros(()), jnp.zeros(()))}
    rule = _Beside(node.field if isinstance(node, Flow) else node.function, coupling if callable(coupling) else None)
    many = (x,) * (3 if complex_strength else 2) if x is not None else None
    if isinstance(node, Flow):
        return Flow(rule, args, dt=node.dt, x0=many, stepper=node.stepper, name=node.name)
    return Map(rule, args, dt=node.dt, x0=many, name=node.name)
