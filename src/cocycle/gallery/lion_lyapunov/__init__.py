"""Lion as constrained optimisation, with its Lyapunov function."""
