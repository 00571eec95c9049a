"""Small problems whose minima are known in closed form; few shapes, so that little is compiled."""

import jax.numpy as jnp
import numpy as np

from cocycle.training import Problem

INPUTS = jnp.array([[1.0, 0.0], [0.6, 0.8]])


def product_net(params, x):
    return jnp.sum(params["u"] * params["v"] * x)


def product_minimum(*sizes):
    """Diagonal linear network at u v = 1; `sizes` are u^2 + v^2 >= 2, and K = Y diag(sizes) Y^T."""
    u = np.sqrt([(s + np.sqrt(s * s - 4)) / 2 for s in sizes])
    params = {"u": jnp.asarray(u), "v": jnp.asarray(1 / u)}
    return Problem(product_net, params, (INPUTS, INPUTS @ jnp.ones(2)))


def linear(w, x):
    return w @ x


def linear_problem(gradients):
    """Linear model, interpolated: the rows are the gradients of the samples."""
    gradients = jnp.asarray(gradients, dtype=float)
    w = jnp.ones(gradients.shape[1])
    return Problem(linear, w, (gradients, gradients @ w))


def with_kernel(kernel):
    """Linear problem with this tangent kernel, and one neutral direction."""
    root = np.linalg.cholesky(np.asarray(kernel, dtype=float))
    return linear_problem(np.hstack([root, np.zeros((len(root), 1))]))


def tanh_net(params, x):
    return jnp.tanh(params["W"] @ x) @ params["V"]


def tanh_problem(key, n=5, n_in=3, n_hidden=6, n_out=2, loss="squared"):
    import jax

    k = jax.random.split(key, 4)
    params = {"W": jax.random.normal(k[0], (n_hidden, n_in)), "V": jax.random.normal(k[1], (n_hidden, n_out))}
    x, z = jax.random.normal(k[2], (n, n_in)), jax.random.normal(k[3], (n, n_out))
    return Problem(tanh_net, params, (x, jnp.arange(n) % n_out if loss == "cross_entropy" else z), loss=loss)
