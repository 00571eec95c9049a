"""Solitons, their collisions and breathers of the nonlinear Schrödinger equation."""
