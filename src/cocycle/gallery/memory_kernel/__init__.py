"""Friction memory from coarse samples: directly, and by a fit of correlations."""
