"""Memory of transients from ensembles, and how much a reservoir remembers."""
