"""What flows can do, phase oscillators on dense random graphs, and descent up to its edge of stability."""

import dataclasses

import jax

from cocycle.gallery.dynamics_of_networks.descent import descent
from cocycle.gallery.dynamics_of_networks.flows import kuramoto_onset, oscillators, reflection
from cocycle.gallery.results import Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_training: steps of the optimiser of neural differential equations.
        n_oscillators: N.
        duration: time of the oscillators.
        dt: their time step.
        n_steps: steps of gradient descent.
        record_every: steps between measurements of the sharpness.
        n_product: steps of the product that gives the exponent of SGD.
        seed: of weights, graphs, phases and batches.
    """

    n_training: int = 1000
    n_oscillators: int = 1500
    duration: float = 60.0
    dt: float = 0.1
    n_steps: int = 16_000
    record_every: int = 200
    n_product: int = 100_000
    seed: int = 0


SMOKE = Config(n_training=50, n_oscillators=200, duration=10.0, n_steps=400, record_every=100, n_product=10_000)


def main(config: Config) -> Results:
    """Run all blocks.

    Args:
        config: sizes.
    """
    key = jax.random.key(config.seed)
    parts = [reflection(config, key), oscillators(config, key), descent(config)]
    measured = {k: v for part in parts for k, v in part[0].items()}
    controls = {k: v for part in parts for k, v in part[1].items()}
    return Results(
        {**measured, "onset": kuramoto_onset(1.0)},
        {**controls, "onset": kuramoto_onset(0.5)},
        tuple(part[2] for part in parts),
    )
