"""A parameter sweep: one compilation, batched; on a cluster by joblib's own switch."""

import jax.numpy as jnp

import cocycle as cc

rho = jnp.linspace(0, 200, 400)
exponents = cc.sweep(lambda r: cc.lyapunov_spectrum(cc.systems.Lorenz63(rho=r), n_steps=20_000), rho)
print(exponents.exponents.shape)  # (400, 3)
