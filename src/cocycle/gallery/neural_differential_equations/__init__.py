"""Differential equations and learning: reversible solvers, exact gradients, Brownian paths, what a flow cannot do."""
