"""Diagonal state spaces: which diagonal, and how close to the full matrix."""
