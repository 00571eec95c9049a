"""Systems that the tests of reports share."""

import jax.numpy as jnp

import cocycle as cc


def lorenz(**values):
    args = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3} | values

    def field(t, y, a):
        return jnp.stack([a["sigma"] * (y[1] - y[0]), y[0] * (a["rho"] - y[2]) - y[1], y[0] * y[1] - a["beta"] * y[2]])

    return cc.Flow(field, args, dt=0.01, x0=[-5.8, -4.3, 26.1], name="lorenz", variables=("x", "y", "z"))


def logistic(r=4.0):
    return cc.Map(lambda x, a: a["r"] * x * (1 - x), {"r": r}, x0=0.3, name="logistic")
