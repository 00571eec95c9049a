"""Almost-linear recurrent networks: few linear pieces, and the symbolic dynamics that they give."""
