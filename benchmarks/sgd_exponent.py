"""Exponent of SGD at a minimum of a network with 100,000 parameters, 256 samples, 2,000 steps of 8 samples."""

import time

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.training import Problem, growth, minimum, parameter_space_exponent, tangent_kernel

N_SAMPLES, BATCH, N_STEPS = 256, 8, 2000


def network(params, x):
    for W, b in params[:-1]:
        x = jnp.tanh(W @ x + b)
    return params[-1] @ x


def problem(width: int) -> Problem:
    """Three hidden layers at random weights, which interpolate their own outputs."""
    keys = jax.random.split(jax.random.key(0), 5)
    sizes = [64, width, width, width]
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [jax.random.normal(k, s) / np.sqrt(s[1]) for k, s in zip(keys[:3], shapes, strict=True)]
    last = jax.random.normal(keys[3], (width,)) / np.sqrt(width)
    params = (*((W, jnp.zeros(len(W))) for W in weights), last)
    x = jax.random.normal(keys[4], (N_SAMPLES, 64))
    return Problem(network, params, (x, jax.vmap(lambda x: network(params, x))(x)))


def timed(call):
    began = time.perf_counter()
    out = call()
    return out, time.perf_counter() - began


def one(width: int, direct: bool) -> None:
    case = problem(width)
    _, first = timed(lambda: tangent_kernel(case).dense())
    _, kernel = timed(lambda: tangent_kernel(case).dense())
    at, whole = timed(lambda: minimum(case))
    driver = cc.Minibatch(0, N_SAMPLES, BATCH)
    rate = np.array([8.0 / np.max(at.sample_sharpness)])
    call = lambda: growth(at, rate, np.array([BATCH]), driver, n_steps=N_STEPS).exponents()
    timed(call)
    found, product = timed(call)
    print(f"{case.n_params:>8} parameters: kernel {kernel:.2f} s (first {first:.2f} s), and eigenvalues {whole:.2f} s;")
    print(f"{'':>8} then {N_STEPS} steps {product:.3f} s: exponent {found}", flush=True)
    if direct:
        options = {"learning_rate": float(rate[0]), "n_steps": N_STEPS}
        other, seconds = timed(lambda: parameter_space_exponent(case, at, driver, **options))
        print(f"{'':>8} by Hessian products in parameter space, compilation included: {seconds:.1f} s: {other}")


def main() -> None:
    for width, direct in ((64, False), (208, True), (400, False)):
        one(width, direct)
