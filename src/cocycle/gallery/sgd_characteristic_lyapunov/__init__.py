"""Which interpolating minima SGD can converge to: the sign of one exponent."""
