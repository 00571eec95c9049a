"""Structured layers of Fourier-factored matrices as forecasters: fewer numbers, nearly the same error."""
