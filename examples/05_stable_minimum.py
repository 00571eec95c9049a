"""Training is a random dynamical system: can SGD settle at this minimum, at this rate and batch size?"""

import jax
import jax.numpy as jnp

import cocycle as cc

n_samples, n_inputs, n_hidden = 64, 8, 50
key_x, key_w, key_v = jax.random.split(jax.random.key(0), 3)
x = jax.random.normal(key_x, (n_samples, n_inputs))
z = jnp.sin(x[:, 0]) * x[:, 1]


def apply(params, x):
    return jnp.tanh(params["W"] @ x) @ params["v"]


params = {
    "W": jax.random.normal(key_w, (n_hidden, n_inputs)) / jnp.sqrt(n_inputs),
    "v": jax.random.normal(key_v, (n_hidden,)) / jnp.sqrt(n_hidden),
}

# An interpolating minimum: all 64 samples are fitted to round-off.
start = cc.training.Problem(apply, params, (x, z), loss="squared")
problem = cc.training.Problem(apply, cc.training.interpolate(start), (x, z), loss="squared")

verdict = cc.training.stability(problem, learning_rate=0.1, batch_size=2)
print(verdict)

# The same over learning rates and batch sizes, and what becomes of 200 runs that start beside the minimum.
chart = cc.training.stability_map(problem, batch_sizes=[1, 2, 4, 8, 16], n_steps=2000)
print(chart)
run = cc.training.Training(problem, cc.training.SGD(0.1))
print(cc.training.fates(run, batch_size=2, key=jax.random.key(1), n_runs=200))
