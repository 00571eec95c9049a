"""A recurrent network driven by its data is a system too."""

import jax
import jax.numpy as jnp

import cocycle as cc

n_hidden = 50
key_weights, key_inputs = jax.random.split(jax.random.key(0))
params = {"W": 2.0 * jax.random.normal(key_weights, (n_hidden, n_hidden)) / jnp.sqrt(n_hidden)}
inputs = jax.random.normal(key_inputs, (5000, n_hidden))
h0 = jnp.zeros(n_hidden)


def cell(params, h, u):
    return jnp.tanh(params["W"] @ h + 0.1 * u)


rnn = cc.Recurrent(cell, params)
spectrum = cc.lyapunov_spectrum(rnn, h0, cc.Recorded(inputs), n_steps=len(inputs), n_vectors=10)
print(spectrum)
