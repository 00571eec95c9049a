"""Generalised teacher forcing: gradients stay bounded along sequences of any length."""
