"""A dynamical systems perspective on neural networks: what flows can do, and mean fields on random graphs."""
