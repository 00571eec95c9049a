"""Stationary fluctuations of SGD in linear networks, and why they are larger in sharper directions."""
