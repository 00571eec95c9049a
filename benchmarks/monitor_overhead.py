"""What a StabilityMonitor costs at its default interval: a JAX loop of SGD on an MLP of 26,000 parameters.

4,096 samples, batches of 64, float32; the same number of steps with and without the monitor, in turn.
"""

import itertools
import pathlib
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.training import Problem, StabilityMonitor

SIZES, N, BATCH, RATE, N_STEPS = (64, 128, 128, 10), 4096, 64, 0.05, 20_000


def apply(params, x):
    for w, b in params[:-1]:
        x = jnp.tanh(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def problem() -> Problem:
    rng = np.random.default_rng(0)
    shapes = list(itertools.pairwise(SIZES))
    params = [
        (jnp.asarray(rng.normal(size=s) / np.sqrt(s[0]), jnp.float32), jnp.zeros(s[1], jnp.float32)) for s in shapes
    ]
    x = rng.normal(size=(N, SIZES[0])).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(SIZES[0], SIZES[-1])), axis=1)
    return Problem(apply, params, (x, y), loss="cross_entropy", batched=True)


def train(task: Problem, monitor: StabilityMonitor | None) -> float:
    rng = np.random.default_rng(1)

    @jax.jit
    def step(params, batch):
        gradient = jax.grad(task.loss)(params, batch)
        return jax.tree.map(lambda p, g: p - RATE * g, params, gradient)

    x, y = (np.asarray(a) for a in task.data)
    params = task.params
    step(params, (x[:BATCH], y[:BATCH]))
    if monitor is not None:
        monitor(0, params)  # compiles; its cost is told apart
    began = time.perf_counter()
    for n in range(1, N_STEPS + 1):
        rows = rng.integers(0, N, BATCH)
        params = step(params, (x[rows], y[rows]))
        if monitor is not None:
            monitor(n, params)
    jax.block_until_ready(params)
    return time.perf_counter() - began


def main() -> None:
    task = problem()
    pairs = []
    print(
        f"\nStabilityMonitor at its default interval, {task.n_params:,} parameters, {N_STEPS:,} steps of batch {BATCH}"
    )
    for k in range(3):
        bare = train(task, None)
        with tempfile.TemporaryDirectory() as folder:
            monitor = StabilityMonitor(
                task, pathlib.Path(folder) / "run.sqlite", batch_size=BATCH, learning_rate=RATE, live=False
            )
            watched = train(task, monitor)
            monitor.close()
        pairs.append(watched / bare - 1)
        print(f"  {k}: {1e6 * bare / N_STEPS:.0f} us a step, watched {100 * pairs[-1]:+.1f} %; {monitor.summary()}")
    print(f"  median overhead of the wall time: {100 * sorted(pairs)[1]:.1f} %")


if __name__ == "__main__":
    main()
