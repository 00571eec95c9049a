"""Learning of deep linear networks in closed form."""
