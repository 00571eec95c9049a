"""Lyapunov exponents of a public collection of chaotic flows, computed again with error bars."""
