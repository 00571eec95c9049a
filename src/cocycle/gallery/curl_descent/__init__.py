"""Learning by a rule that is no gradient."""
