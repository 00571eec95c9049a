"""Accelerated gradient methods as maps and as flows."""
