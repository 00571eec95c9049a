"""Stable classes of neural stochastic equations: exponents, explosions, positivity, densities, contraction."""
