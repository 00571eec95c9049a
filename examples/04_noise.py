"""Noise is a driver. The same driver is the same noise: do two points come together?"""

import jax
import jax.numpy as jnp

import cocycle as cc

double_well = cc.ItoSDE(
    drift=lambda t, x, a: x - x**3, diffusion=lambda t, x, a: a["sigma"], args={"sigma": 0.5}, dt=1e-3
)
noise = cc.Brownian(jax.random.key(0))
pair = cc.trajectory(double_well, jnp.array([-1.0, 1.0]), noise, n_steps=50_000)
print(abs(pair.x[-1, 1] - pair.x[-1, 0]))

spectrum = cc.lyapunov_spectrum(double_well, jnp.array(-1.0), noise, n_steps=500_000)
print(spectrum)  # negative: they synchronise
