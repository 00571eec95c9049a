"""Noise-induced enhancement of regime lifetimes."""
