"""Information in latent linear models: coherence alone collapses them, entropy keeps modes alive."""
