"""Networks and their training as dynamical systems."""
