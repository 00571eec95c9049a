"""The predicted critical learning rate of a network on digits against the one that SGD shows, for three batch sizes.

A tanh network of 4,800 parameters interpolates the first 128 digits of scikit-learn. From its minimum SGD starts again
at eleven rates around the predicted one, 16 runs a rate. The rate that is found is where half of the runs escape
(Spearman and Kärber's estimate over the rates). A run can escape within its 4,000 steps only where the exponent carries
its part along the unstable direction that far: the rate at which it does is printed beside the critical one.
`--picture FILE.svg` draws the shares.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.training import SGD, Minimum, Problem, Training, fates, growth, interpolate, minimum, sgd_critical_rate

N, N_HIDDEN, SIZES = 128, 64, (2, 8, 32)
FACTORS = np.array([0.90, 0.95, 0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.05, 1.10])
RUNS = {"n_runs": 16, "n_steps": 4000, "noise": 1e-4, "radius": 1e-2, "tol": 1e-12}


def network(params, x):
    return params["V"] @ jnp.tanh(params["W"] @ x + params["b"])


def trained() -> Problem:
    """SGD for 20,000 steps, then Gauss-Newton steps onto the minimum."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x, z = jnp.asarray(data.data[:N] / 16.0), jax.nn.one_hot(data.target[:N], 10, dtype=float)
    keys = jax.random.split(jax.random.key(0), 2)
    params = {
        "W": jax.random.normal(keys[0], (N_HIDDEN, 64)) / 8,
        "b": jnp.zeros(N_HIDDEN),
        "V": jax.random.normal(keys[1], (10, N_HIDDEN)) / 8,
    }
    start = Problem(network, params, (x, z))
    run = Training(start, SGD(0.05))
    end = cc.run(run, None, run.batches(1, 16, replace=False), n_steps=20_000).params
    return Problem(network, interpolate(start, end), (x, z))


def half(shares: np.ndarray, n_runs: int) -> tuple[float, float]:
    """Factor at which half of the runs escape; its standard error, the spacing of the factors there included."""
    full = np.r_[0.0, shares, 1.0]
    places = np.r_[FACTORS[0], FACTORS, FACTORS[-1]]
    value = np.sum(np.diff(full) * (places[1:] + places[:-1]) / 2)
    width = (places[2:] - places[:-2]) / 2
    spacing = np.min(np.diff(FACTORS))
    return float(value), float(np.sqrt(np.sum(width**2 * shares * (1 - shares) / (n_runs - 1)) + spacing**2 / 12))


def reachable(at: Minimum, size: int, critical: float) -> float:
    """Factor at which the exponent brings a run from the start to the radius in its steps."""
    level = np.log(RUNS["radius"] / RUNS["noise"] * np.sqrt(at.n_params)) / RUNS["n_steps"]
    rates, sizes = FACTORS * critical, np.full(len(FACTORS), size)
    exponents = growth(at, rates, sizes, cc.Minibatch(1, N, size), n_steps=10_000).exponents().value
    return float(np.interp(level, exponents, FACTORS))


def escapes(problem: Problem, at: Minimum, size: int) -> tuple[float, float, np.ndarray]:
    """Predicted rate, its standard error, share of escaped runs at each factor of it."""
    predicted = sgd_critical_rate(at, size, cc.Minibatch(0, N, size), n_steps=20_000)
    critical, error = float(predicted.value), float(predicted.stderr)
    shares = []
    for k, factor in enumerate(FACTORS):
        found = fates(Training(problem, SGD(factor * critical)), batch_size=size, key=100 * size + k, **RUNS)
        shares.append(float(found.escaped.mean()))
    return critical, error, np.array(shares)


def draw(path: str, table: dict[int, np.ndarray]) -> None:
    """Share of escaped runs against the rate over the predicted one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for (size, shares), mark, colour in zip(table.items(), "os^", ("#0b6e99", "#d9730d", "#448361"), strict=True):
        axes.plot(FACTORS, shares, mark + "-", color=colour, label=f"batches of {size}", markersize=5, linewidth=1.2)
    axes.axvline(1.0, color="0.5", linewidth=1.0, linestyle="--")
    axes.set(xlabel="learning rate / predicted critical rate", ylabel="share of runs that escape", ylim=(-0.04, 1.04))
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    began = time.perf_counter()
    problem = trained()
    at = minimum(problem)
    print(
        f"\nDigits: {at.n_params:,} parameters, loss {at.loss:.1e}, sharpness {at.sharpness:.4g}, trace {at.trace:.4g}"
    )
    heads = ("predicted", "in 4,000 steps", "found", "ratio")
    print(f"  {'batch':>6s} {heads[0]:>24s} {heads[1]:>16s} {heads[2]:>20s} {heads[3]:>18s}  escaped at {FACTORS}")
    table = {}
    for size in SIZES:
        critical, error, table[size] = escapes(problem, at, size)
        ratio, spread = half(table[size], RUNS["n_runs"])
        near = reachable(at, size, critical)
        print(
            f"  {size:6d} {critical:12.6f} ± {error:.6f} {near:16.4f} {ratio * critical:10.5f} "
            f"± {spread * critical:.5f} {ratio:9.4f} ± {spread:.4f}  {table[size].round(2)}",
            flush=True,
        )
    print(f"  gradient descent: 2 / sharpness = {2 / at.sharpness:.6f}; {time.perf_counter() - began:.0f} s in all")
    if "--picture" in sys.argv:
        draw(sys.argv[sys.argv.index("--picture") + 1], table)


if __name__ == "__main__":
    main()
