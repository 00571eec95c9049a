"""A system of one's own: the field as in diffrax, parameters as a dict, anything that jax.numpy can do."""

import jax.numpy as jnp

import cocycle as cc


@cc.flow(dt=0.05, x0=jnp.array([0.1, 0.2, 0.3]), args={"b": 0.18})
def thomas(t, y, args):
    return jnp.sin(jnp.roll(y, -1)) - args["b"] * y


page = cc.report(thomas)  # shows itself in a notebook; page.save(folder) writes report.html and report.json
print(page.json["verdict"]["regime"])

orbit = cc.trajectory(thomas, n_steps=10_000).to_xarray()  # labelled, saved anywhere
print(orbit)
