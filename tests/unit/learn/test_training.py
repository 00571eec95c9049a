"""Gradient-trained learners: recovery, bounded gradients, exact resumption after SIGKILL."""

import pathlib
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle import learn
from cocycle.core.errors import DataError, InterruptedWarning
from cocycle.core.run import Status

T = np.arange(400)
CIRCLE = np.stack([np.sin(0.3 * T), np.cos(0.3 * T)], axis=1)
SMALL = learn.Descent(n_updates=1500, batch_size=4, length=16, rate=1e-2, last_rate=1e-3)
LEARNER = learn.PLRNN(n_hidden=6, forcing=learn.GeneralisedForcing(), descent=SMALL)


def first_rule(key):
    found = learn.segments(CIRCLE, n_min=3)
    return LEARNER.first_rule(key, found, LEARNER.units(found))


def leaves(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.rule)]


def recovers(model):
    """Stated accuracy: the loss falls to 2 % of its start, and 100 free steps stay within 0.1 of the circle's orbit."""
    loss = model.record.curves["loss"]
    error = np.max(np.abs(model.forecast(CIRCLE[:300], 100).x - CIRCLE[300:]))
    return loss[-50:].mean() < 0.02 * loss[:50].mean() and error < 0.1


def test_training_recovers_a_rotation_and_resumes_exactly(tmp_path):
    """A run stopped after a part and resumed is, bit for bit, the run that was not stopped."""
    whole = LEARNER.fit(CIRCLE, key=3)
    loss = whole.record.curves["loss"]
    assert loss.shape == (1500,)
    assert recovers(whole)
    path = tmp_path / "training.npz"
    LEARNER.fit(CIRCLE, key=3, checkpoint=path)
    # The file now holds the end: take it back to update 15 by training so far only, under the same schedule.
    from cocycle.learn import descent

    stop = {"at": 15}
    real = descent._updates

    def stopping(carry, rows, starts, key, first, n, *rest):
        if int(first) >= stop["at"]:
            raise KeyboardInterrupt
        return real(carry, rows, starts, key, first, jnp.minimum(n, stop["at"]), *rest)

    path.unlink()
    pace = descent.Pace.next
    try:
        descent._updates = stopping
        descent.Pace.next = lambda self, remaining: min(15, pace(self, remaining))
        with pytest.warns(InterruptedWarning, match="interrupted after 15 of 1500"):
            part = LEARNER.fit(CIRCLE, key=3, checkpoint=path)
    finally:
        descent._updates, descent.Pace.next = real, pace
    assert part.record.status is Status.INTERRUPTED
    assert len(part.record.curves["loss"]) == 15
    resumed = LEARNER.fit(CIRCLE, key=3, checkpoint=path)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(resumed), leaves(whole), strict=True))
    assert np.array_equal(resumed.record.curves["loss"], loss)
    with pytest.raises(DataError, match="another run"):
        LEARNER.fit(CIRCLE, key=4, checkpoint=path)


def test_products_of_forced_jacobians_are_bounded(key):
    """Norm of ((1 - alpha) J)...((1 - alpha) J) is at most ((1 - alpha) s)^T, to round-off."""
    rule = first_rule(key)
    window = jnp.asarray(CIRCLE[:30])
    jacobians = jax.vmap(jax.jacfwd(lambda z: rule.advance(z, rule.show(z))))(window)
    norms = jnp.linalg.norm(jacobians, ord=2, axis=(1, 2))
    alpha, product = 0.3, jnp.eye(2)
    for j in jacobians:
        product = (1 - alpha) * j @ product
    s = float(jnp.exp(jnp.mean(jnp.log(norms))))
    assert float(jnp.linalg.norm(product, ord=2)) <= ((1 - alpha) * s) ** 30 * (1 + 1e-12)
    # The optimal strength is 1 - 1 / s where s exceeds 1.
    found = float(learn.optimal_strength(rule, window[None]))
    assert found == pytest.approx(max(0.0, 1 - 1 / s), abs=1e-12)


def test_clipped_network_is_bounded():
    """|A| < 1 and a bounded difference of rectifiers: every orbit stays."""
    model = LEARNER.fit(CIRCLE, key=3)
    far = cc.trajectory(model, jnp.array([1e6, -1e6]), n_steps=2000)
    assert far.status is Status.OK


SCRIPT = """
import sys
import numpy as np
from cocycle import learn
t = np.arange(400)
x = np.stack([np.sin(0.3 * t), np.cos(0.3 * t)], axis=1)
descent = learn.Descent(n_updates=int(sys.argv[2]), batch_size=4, length=16, rate=1e-2, last_rate=1e-3)
learner = learn.PLRNN(n_hidden=6, descent=descent)
from cocycle.learn import descent as module
module.CHECKPOINT_SECONDS = 0.2
model = learner.fit(x, key=3, checkpoint=sys.argv[1] if sys.argv[1] != "none" else None)
model.save(sys.argv[3])
"""


@pytest.mark.slow  # about a minute: three processes
def test_training_survives_sigkill(tmp_path):
    checkpoint, killed, plain = tmp_path / "training.npz", tmp_path / "killed.npz", tmp_path / "plain.npz"
    n = "60000"

    def command(*arguments):
        return [sys.executable, "-c", SCRIPT, *map(str, arguments)]

    process = subprocess.Popen(command(checkpoint, n, killed))
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    assert not pathlib.Path(killed).exists()
    done = int(cc.load(checkpoint)["done"])
    assert 0 < done < int(n)
    subprocess.run(command(checkpoint, n, killed), check=True)
    subprocess.run(command("none", n, plain), check=True)
    a, b = cc.load(killed), cc.load(plain)
    assert all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))
    assert a.record.numbers["n_updates"] == int(n)


@pytest.mark.slow  # 4 s: the same training with another rule
def test_almost_linear_network_trains():
    learner = learn.AlmostLinearRNN(n_latent=5, n_relu=1, forcing=learn.SparseForcing(4), descent=SMALL)
    model = learner.fit(CIRCLE, key=3)
    assert recovers(model)


def test_recursive_checkpoints_do_not_change_gradients(key):
    """Kept or computed again, the states are the same: gradients agree to the round-off of 20 products."""
    rule = first_rule(key)
    windows = jnp.asarray(CIRCLE[:42].reshape(2, 21, 2))
    weights = jnp.full(20, 0.3)

    def gradient(n):
        return jax.grad(lambda r: r.objective(windows, windows[:, :-1], weights, n))(rule)

    for a, b in zip(jax.tree.leaves(gradient(None)), jax.tree.leaves(gradient(5)), strict=True):
        assert not a.size or np.max(np.abs(a - b)) <= 1e3 * np.finfo(float).eps * np.max(np.abs(a))
