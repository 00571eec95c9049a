"""Training as a random dynamical system: the state is parameters and optimiser memory, the drive is mini-batches."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import Minibatch
from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractDifferentiableSystem
from cocycle.training.optimisers import AbstractOptimiser
from cocycle.training.problem import AbstractProblem, Params


class TrainingState(eqx.Module):
    """State of a training run.

    Attributes:
        params: parameters.
        memory: what the optimiser remembers; None where it remembers nothing.
    """

    params: Params
    memory: Any = None


def check_batch_size(problem: AbstractProblem, batch_size: Any) -> int:
    """Check a batch size: a whole number from 1 to the number of samples.

    Raises:
        ParameterError: if it is not.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ParameterError(f"batch_size must be a whole number of at least 1, got {batch_size!r}.")
    if batch_size > problem.n_samples:
        raise ParameterError(
            f"batch_size={batch_size} exceeds the {problem.n_samples} samples of the data; take a smaller batch "
            "(all of them at once is gradient descent)."
        )
    return batch_size


class Training(AbstractDifferentiableSystem):
    r"""A training run: $\theta_{n+1} = U_\omega(\theta_n)$, one optimiser step on the batch that the driver names.

    Without a driver all samples are seen each step, which is gradient descent; `batches(key, ...)` makes the driver
    of a stochastic run.

    Args:
        problem: model, parameters, data and loss.
        optimiser: the update rule.

    Raises:
        ParameterError: if the problem cannot be traced by JAX.

    Limits: exponents need an update with a derivative; see the optimisers.
    Cost: one gradient on the batch a step.

    Example:
        >>> import cocycle as cc
        >>> problem = cc.training.Problem(lambda w, x: w * x, jnp.array(1.0), (jnp.array([1.0]), jnp.array([0.0])))
        >>> run = Training(problem, cc.training.SGD(0.5))
        >>> float(cc.run(run, n_steps=3).params)
        0.125
        >>> round(float(cc.maximal_exponent(run, n_steps=40)), 12)
        -0.69314718056
    """

    problem: AbstractProblem
    optimiser: AbstractOptimiser
    dt: Float[Array, ""]
    x0: Any
    name: str | None = eqx.field(static=True)

    def __init__(self, problem: AbstractProblem, optimiser: AbstractOptimiser):
        if not problem.traceable:
            raise ParameterError(
                f"a {type(problem).__name__} cannot be stepped by JAX; train it in its own framework, and ask for the "
                "stability of what it reached."
            )
        self.problem = problem
        self.optimiser = optimiser
        self.dt = jnp.asarray(1.0)
        self.x0 = TrainingState(problem.params, optimiser.init(problem.params))
        self.name = type(optimiser).__name__

    def initial_state(self, x0: Any) -> TrainingState:
        """Turn parameters into a state with a fresh memory; a state stays what it is."""
        if isinstance(x0, TrainingState):
            return jax.tree.map(jnp.asarray, x0)
        params = jax.tree.map(jnp.asarray, x0)
        return TrainingState(params, self.optimiser.init(params))

    def batches(self, key: Any, batch_size: int, *, replace: bool = True) -> Minibatch:
        """Return the driver of a stochastic run.

        Args:
            key: random key; the same key is the same order of samples.
            batch_size: samples a step.
            replace: draw each batch independently (True), or walk through a new order each epoch.
        """
        return Minibatch(key, self.problem.n_samples, check_batch_size(self.problem, batch_size), replace)

    def observe(self, x: TrainingState) -> Params:
        """Return the parameters."""
        return x.params

    def step(self, x: TrainingState, w: Any) -> TrainingState:
        """Take one optimiser step on the samples w; None is all of them."""
        problem, batch = self.problem, self.problem.batch(w)

        def gradient(params: Params) -> Params:
            return problem.unflat(problem.gradient(params, batch))

        return TrainingState(*self.optimiser.update(gradient, x.params, x.memory))

    def loss(self, x: TrainingState) -> Float[Array, ""]:
        """Return the loss on all data, e.g. to save along a trajectory with `observe=run.loss`."""
        return self.problem.loss(x.params, self.problem.data)
