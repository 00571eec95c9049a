"""Selective state-space layers: perturbations of the state die out at known rates."""
