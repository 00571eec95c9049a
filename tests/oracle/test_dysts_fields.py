"""Every field of the public collection (dysts, which is independent code) at random states and times.

The tolerance is round-off of a field of some hundred operations, relative to the norm of the field.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.systems import catalogue
from cocycle.systems.texts import texts

flows = pytest.importorskip("dysts.flows", reason="dysts is not installed: pip install cocycle[peers]")

ROUND_OFF = 1e-12
N_STATES = 8
SHARED = {row["dysts"]: name for name, row in texts().items() if "dysts" in row}
# Systems that take the drive from the time t, where dysts carries its phase as one more variable.
CLOCKED = {"duffing": "omega"}
# Systems whose unit of time differs: dysts runs that many times as fast.
RATES = {"thomas": 10.0}


def missing_half(u: np.ndarray, p: Any) -> np.ndarray:
    """What dysts' double pendulum leaves out: half of the term with p1 p2 cos(theta1 - theta2) in the torques.

    Ours is the gradient of its Hamiltonian (tests/unit/systems), so the slip is on the other side.
    """
    (a, b, pa, pb), (l1, l2, m1, m2) = u, (float(p[k]) for k in ("l1", "l2", "m1", "m2"))
    inertia = l1 * l2 * (m1 + m2 * np.sin(a - b) ** 2)
    half = m2 * l1 * l2 * pa * pb * np.cos(a - b) / 2 * np.sin(2 * (a - b)) / inertia**2
    return np.array([0.0, 0.0, half, -half])


SLIPS = {"double_pendulum": missing_half}


def states(theirs: Any) -> list[tuple[float, np.ndarray]]:
    """Random times and states about the initial state, as far away as the attractor is wide; the seed is the name."""
    rng = np.random.default_rng(sum(theirs.name.encode()))
    x0 = np.asarray(theirs.ic, dtype=float)
    width = np.asarray(theirs.std if getattr(theirs, "std", None) is not None else np.abs(x0), dtype=float)
    found: list[tuple[float, np.ndarray]] = []
    while len(found) < N_STATES:
        t, u = float(rng.uniform(0.0, 10.0)), x0 + 0.5 * width * rng.normal(size=x0.size)
        with np.errstate(all="ignore"):
            if np.all(np.isfinite(theirs.rhs(u, t))):
                found.append((t, u))
    return found


def compare(got: Any, expected: Any) -> None:
    got, expected = np.asarray(got), np.asarray(expected, dtype=float)
    assert np.linalg.norm(got - expected) <= ROUND_OFF * np.linalg.norm(expected)


@pytest.mark.parametrize("name", sorted(SHARED))
def test_field(name):
    theirs = getattr(flows, name)()
    key = SHARED[name]
    ours: Any = catalogue[key].make(**texts()[key].get("dysts_parameters", {}))
    if catalogue[key].kind == "delay":
        rng = np.random.default_rng(sum(name.encode()))
        for t, x, past in rng.uniform(0.1, 1.5, size=(N_STATES, 3)):
            expected = theirs._rhs(x, past, t, *theirs.param_list)
            compare(ours.field(jnp.asarray(t), jnp.asarray(x), jnp.asarray(past), ours.args), expected)
        return
    for t, u in states(theirs):
        expected = theirs.rhs(u, t)
        if key in CLOCKED:
            phase, u, expected = u[-1], u[:-1], expected[:-1]
            t = phase / float(ours.args[CLOCKED[key]])
        slip = SLIPS[key](u, ours.args) if key in SLIPS else 0.0
        rate = RATES.get(key, 1.0)
        compare(rate * np.asarray(ours.field(jnp.asarray(t), jnp.asarray(u), ours.args)) + slip, expected)


def test_the_whole_collection_is_here():
    """All 135 of them, none missing and none invented."""
    theirs = {n for n in dir(flows) if isinstance(getattr(flows, n), type) and n not in ("DynSys", "DynSysDelay")}
    assert set(SHARED) <= theirs
