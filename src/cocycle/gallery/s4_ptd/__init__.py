"""Perturb, then diagonalise: a diagonal state space that is uniformly close."""
