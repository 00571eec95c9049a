"""A few macroscopic numbers of a network's tangent kernel: stages of learning, and generalisation from the start."""
