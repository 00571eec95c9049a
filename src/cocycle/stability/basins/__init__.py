"""Basins of attraction."""
