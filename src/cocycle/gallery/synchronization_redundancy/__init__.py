"""Synchronization and redundancy in noisy gradient flows."""
