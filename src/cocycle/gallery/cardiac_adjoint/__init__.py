"""Adjoint data assimilation of an excitable medium: parameters and a hidden field from the voltage."""
