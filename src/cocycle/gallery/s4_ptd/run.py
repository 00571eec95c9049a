"""Responses of LegS, of its diagonal form, and of perturb-then-diagonalise, frequency by frequency."""

import dataclasses

import numpy as np

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import frequency_response, hippo_legs, hippo_normal, perturbed_diagonal


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n: states.
        n_frequencies: of the grid in the logarithm.
        size: of the perturbation.
        seed: of the perturbation.
    """

    n: int = 64
    n_frequencies: int = 2000
    size: float = 0.1
    seed: int = 1


SMOKE = Config(n_frequencies=400)
STRENGTH, TIME = 0.1, 15.0


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    w = frequencies(config.n, config.n_frequencies)
    whole = frequency_response(*hippo_legs(config.n), w)
    plain = frequency_response(*hippo_normal(config.n)[:2], w) @ hippo_normal(config.n)[2].T
    values, drive, V = perturbed_diagonal(*hippo_legs(config.n), config.size, config.seed)
    mended = frequency_response(values, drive, w) @ V.T
    gap, gap_mended = (np.linalg.norm(whole - g, axis=1) for g in (plain, mended))
    small = frequencies(16, config.n_frequencies)
    gap_small = frequency_response(*hippo_legs(16), small)
    gap_small = np.linalg.norm(
        gap_small - frequency_response(*hippo_normal(16)[:2], small) @ hippo_normal(16)[2].T, axis=1
    )
    worst = float(w[np.argmax(gap)])
    measured = {
        "gap_of_s4d": float(gap.max()),
        "worst_frequency": worst,
        "bounded_truth": float(np.linalg.norm(whole, axis=1).max()),
        "gap_of_ptd": float(gap_mended.max()),
        "mode_noise": mode_norm(config.n, 1303.27, plain=True),
    }
    controls = {
        "gap_of_s4d": float(gap_mended.max()),
        "worst_frequency": float(small[np.argmax(gap_small)]),
        "bounded_truth": float(np.linalg.norm(plain, axis=1).max()),
        "gap_of_ptd": float(gap.max()),
        "mode_noise": mode_norm(config.n, 1303.27, plain=False),
    }
    lines = (Curve(w, gap, "diagonal form"), Curve(w, gap_mended, "perturb, then diagonalise"))
    labels = "frequency [radians / time]", "distance of the responses"
    plot = Plot("Distance from LegS", *labels, lines, log_x=True, log_y=True)
    condition = float(np.linalg.cond(V))
    return Results(measured, controls, (plot,), (f"Condition number of the eigenvectors: {condition:.3g}.",))


def frequencies(n: int, n_grid: int) -> np.ndarray:
    """A grid in the logarithm, and a fine one about each eigenvalue.

    Args:
        n: states.
        n_grid: points of the first.
    """
    own = hippo_normal(n)[0].imag
    near = (own[own > 0][:, None] + np.linspace(-0.05, 0.05, 21)[None]).ravel()
    return np.sort(np.concatenate([np.geomspace(1e-2, 4 * n**2, n_grid), near]))


def mode_norm(n: int, frequency: float, *, plain: bool) -> float:
    """Norm of what 0.1 cos(w t) leaves in the state at t = 15, root mean square over its phase.

    Args:
        n: states.
        frequency: w.
        plain: whether in the diagonal form; else in LegS, whose start has died out by then.
    """
    w = np.array([frequency])
    if not plain:
        return STRENGTH * float(np.linalg.norm(frequency_response(*hippo_legs(n), w))) / np.sqrt(2)
    values, drive, V = hippo_normal(n)
    # x(t) = b (e^{iwt} - e^{lambda t}) / (iw - lambda): forced part and start.
    forced = frequency_response(values, drive, w)[0] * (1 - np.exp((values - 1j * frequency) * TIME))
    return STRENGTH * float(np.linalg.norm(V @ forced)) / np.sqrt(2)
