"""A random quadratic form on a sphere: synchronization by common noise."""
