"""Modular addition, with and without the direction that scales the logits."""
