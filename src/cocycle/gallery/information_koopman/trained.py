"""Deep Koopman models with and without the two terms, on a pendulum seen through 32 features and on linear data."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.learn import Descent, KoopmanAutoencoder, koopman_eigenvalues, von_neumann_entropy
from cocycle.learn.fitted import many_forecasts

N_FEATURES, N_LATENT, LENGTH = 32, 8, 16
COHERENCE, REWARD = 2.0, 0.1
AHEAD = 20
DAMPING, TURN, OTHER_TURN = 0.02, 0.3, 0.8


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        gap: effective rank with the reward less that without.
        gap_of_starts: the same of two starts without it.
        ratio: error 20 steps ahead with the reward over that without.
        ratio_of_one: the same of a model with one latent coordinate.
        distance: of the nearest eigenvalues from those of the linear data, the worst of four settings.
        distance_of_others: from those of other data.
        spectra: shares of the latent variance without and with the reward, largest first.
    """

    gap: float
    gap_of_starts: float
    ratio: float
    ratio_of_one: float
    distance: float
    distance_of_others: float
    spectra: tuple[np.ndarray, np.ndarray]


def pendulum(n_orbits: int, n_rows: int, key: Any) -> list[np.ndarray]:
    """Orbits of a damped pendulum, rows 0.2 apart, seen through random features tanh(W x + b).

    Args:
        n_orbits: from random starts.
        n_rows: of each.
        key: of features and starts.
    """
    k_w, k_b, k_x = jax.random.split(key, 3)
    W, b = 0.7 * jax.random.normal(k_w, (N_FEATURES, 2)), 0.5 * jax.random.normal(k_b, (N_FEATURES,))

    def field(t: Any, y: Any, args: Any) -> Any:
        return jnp.stack([y[1], -0.1 * y[1] - jnp.sin(y[0])])

    flow = cc.Flow(field, dt=0.2)
    starts = np.asarray(jax.random.uniform(k_x, (n_orbits, 2), minval=-2.0, maxval=2.0))
    orbits = [cc.trajectory(flow, jnp.asarray(x0), n_steps=n_rows, progress=False).x for x0 in starts]
    return [np.asarray(jnp.tanh(x @ W.T + b)) for x in orbits]


def spiral(n_rows: int) -> np.ndarray:
    """Linear data: a rotation by TURN a row that decays by DAMPING.

    Args:
        n_rows: rows.
    """
    n = np.arange(n_rows)
    return np.exp(-DAMPING * n)[:, None] * np.stack([np.cos(TURN * n), np.sin(TURN * n)], axis=1)


def train(n_updates: int, n_linear: int, key: Any) -> Trained:
    """All models.

    Args:
        n_updates: of each model of the pendulum.
        n_linear: of each model of the linear data.
        key: random key.
    """
    k_data, k_fit = jax.random.split(key)
    orbits = pendulum(24, 120, k_data)
    seen, unseen = orbits[:16], orbits[16:]

    def model(coherence: float, reward: float, start: Any, n_latent: int = N_LATENT) -> Any:
        learner = KoopmanAutoencoder(
            n_latent=n_latent,
            reconstruction=0.1,
            coherence=coherence,
            entropy=reward,
            descent=Descent(n_updates=n_updates, batch_size=16, length=LENGTH, rate=3e-3, last_rate=1e-4, clip=1.0),
        )
        return learner.fit(seen, key=start, dt=0.2, progress=False)

    plain, rewarded = model(COHERENCE, 0.0, k_fit), model(COHERENCE, REWARD, k_fit)
    again, one = model(COHERENCE, 0.0, jax.random.fold_in(k_fit, 1)), model(COHERENCE, REWARD, k_fit, n_latent=1)
    ranks = [effective_rank(m, unseen) for m in (plain, rewarded, again)]
    errors = [error_ahead(m, unseen) for m in (plain, rewarded, one)]
    distances = np.array([linear_distances(c, r, n_linear, k_fit) for c in (0.0, COHERENCE) for r in (0.0, REWARD)])
    return Trained(
        gap=ranks[1] - ranks[0],
        gap_of_starts=abs(ranks[2] - ranks[0]),
        ratio=errors[1] / errors[0],
        ratio_of_one=errors[2] / errors[0],
        distance=float(distances[:, 0].max()),
        distance_of_others=float(distances[:, 1].min()),
        spectra=(shares(plain, unseen), shares(rewarded, unseen)),
    )


def latent(model: Any, orbits: list[np.ndarray]) -> Any:
    """Latent points of all rows."""
    return jax.vmap(model.rule.encoder)(model.scaler.to_rule(jnp.asarray(np.concatenate(orbits))))


def effective_rank(model: Any, orbits: list[np.ndarray]) -> float:
    """e^S of the latent covariance."""
    return float(jnp.exp(von_neumann_entropy(latent(model, orbits))))


def shares(model: Any, orbits: list[np.ndarray]) -> np.ndarray:
    """Shares of the latent variance, largest first."""
    values = np.linalg.eigvalsh(np.cov(np.asarray(latent(model, orbits)).T))[::-1]
    return values / values.sum()


def error_ahead(model: Any, orbits: list[np.ndarray]) -> float:
    """Mean square error of the features 20 rows ahead over their variance, from one row each."""
    starts = range(0, len(orbits[0]) - AHEAD - 1, 10)
    contexts = np.stack([x[k : k + 1] for x in orbits for k in starts])
    facts = np.stack([x[k + AHEAD] for x in orbits for k in starts])
    found = many_forecasts(model, contexts, AHEAD)[:, -1]
    return float(np.mean((found - facts) ** 2) / np.var(np.concatenate(orbits), axis=0).mean())


def linear_distances(coherence: float, reward: float, n_updates: int, key: Any) -> tuple[float, float]:
    """Distance of the eigenvalue nearest to that of the linear data, and to that of data which turn faster."""
    learner = KoopmanAutoencoder(
        n_latent=2,
        reconstruction=0.1,
        coherence=coherence,
        entropy=reward,
        descent=Descent(n_updates=n_updates, batch_size=16, length=LENGTH, rate=3e-3, last_rate=1e-4, clip=1.0),
    )
    values = koopman_eigenvalues(learner.fit(spiral(120), key=key, progress=False))
    truth = [np.exp(-DAMPING + 1j * turn) for turn in (TURN, OTHER_TURN)]
    return float(np.min(np.abs(values - truth[0]))), float(np.min(np.abs(values - truth[1])))
