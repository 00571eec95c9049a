"""Fisher traces of a classifier from its tangent kernel, and along training."""
