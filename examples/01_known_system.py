"""A known system, measured: error bars included."""

import cocycle as cc

lorenz = cc.systems.Lorenz63(rho=28.0)
spectrum = cc.lyapunov_spectrum(lorenz, n_steps=100_000)
print(spectrum)
