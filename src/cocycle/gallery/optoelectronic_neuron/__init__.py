"""Excitability and memory in a time-delayed optoelectronic neuron."""
