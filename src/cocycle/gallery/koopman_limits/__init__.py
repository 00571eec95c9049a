"""Which spectral facts of the Koopman operator data can tell: residuals, spurious modes, and two limits that differ."""
