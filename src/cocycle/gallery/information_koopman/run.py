"""Eight modes share a power: gradient ascent on mutual information plus a reward for entropy."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.gallery.information_koopman.trained import N_LATENT, train
from cocycle.gallery.results import Curve, Plot, Results

MEMORY, NOISE, N_MODES = 0.95, 1.0, 8


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: of the ascent.
        rate: of the ascent.
        n_updates: of each model of the pendulum; 0 leaves the trained part out.
        n_linear: of each model of the linear data.
        seed: of everything drawn.
    """

    n_steps: int = 60_000
    rate: float = 1.0
    n_updates: int = 4000
    n_linear: int = 6000
    seed: int = 0


SMOKE = Config(n_updates=0)


def information(s: Any) -> Any:
    """Mutual information between neighbours in time of all modes [nats].

    Args:
        s: (modes,) powers.
    """
    return jnp.sum(-0.5 * jnp.log(1 - (MEMORY * s / (s + NOISE)) ** 2))


def entropy(shares: Any) -> Any:
    """Von Neumann entropy of independent modes [nats].

    Args:
        shares: (modes,) of the power.
    """
    return -jnp.sum(jnp.where(shares > 1e-300, shares * jnp.log(jnp.maximum(shares, 1e-300)), 0.0))


@jax.jit
def ascend(start: Any, power: Any, reward: Any, rate: Any, n_steps: Any) -> Any:
    """Powers after gradient ascent in the logarithms of the shares.

    Args:
        start: (modes,) logarithms.
        power: to be shared.
        reward: for the entropy.
        rate: of the ascent.
        n_steps: steps.
    """

    def objective(logits: Any) -> Any:
        shares = jax.nn.softmax(logits)
        return information(power * shares) + reward * entropy(shares)

    def one(k: Any, logits: Any) -> Any:
        return logits + rate * jax.grad(objective)(logits)

    return jax.nn.softmax(jax.lax.fori_loop(0, n_steps, one, start))


def main(config: Config) -> Results:
    """All rewards.

    Args:
        config: sizes.
    """
    start = 0.1 * jax.random.normal(jax.random.key(config.seed), (N_MODES,))

    def shares(power: float, reward: float) -> Any:
        return ascend(start, power, reward, config.rate, config.n_steps)

    def rank(power: float, reward: float) -> float:
        return float(jnp.exp(entropy(shares(power, reward))))

    rewards = (0.0, 0.02, 0.035, 0.04, 0.05, 0.06, 0.1)
    ranks = np.array([rank(1.0, g) for g in rewards])
    large = rank(800.0, 0.0)
    measured = {
        "collapse": float(ranks[0]),
        "rescued": float(ranks[3]),
        "information": float(information(shares(1.0, 0.0))),
        "large_power": large,
    }
    controls = {
        "collapse": float(ranks[-1]),
        "rescued": float(ranks[0]),
        "information": float(information(jnp.full(N_MODES, 1 / N_MODES))),
        "large_power": float(ranks[0]),
    }
    plots = (
        Plot("Modes alive", "reward for entropy", "effective rank", (Curve(np.array(rewards), ranks, "power 1"),)),
    )
    if config.n_updates:
        found = train(config.n_updates, config.n_linear, jax.random.key(config.seed))
        measured |= {"gap": found.gap, "error": found.ratio, "eigenvalues": found.distance}
        controls |= {"gap": found.gap_of_starts, "error": found.ratio_of_one, "eigenvalues": found.distance_of_others}
        lines = tuple(
            Curve(np.arange(1, N_LATENT + 1), shares, name)
            for shares, name in zip(found.spectra, ("coherence alone", "and a reward for entropy"), strict=True)
        )
        plots += (Plot("Trained models of a pendulum", "mode", "share of latent variance", lines, log_y=True),)
    return Results(measured, controls, plots)
