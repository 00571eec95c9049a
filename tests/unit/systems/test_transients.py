"""Transient chaos: a chaotic repeller whose exponent and mean lifetime are known, and the records that rest on it."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import InsufficientDataError
from cocycle.systems import catalogue
from cocycle.systems.averaging import is_transient
from cocycle.systems.identities import Z
from cocycle.systems.transients import N_ESCAPES, PIECE, chaotic_points, pooled

LEFT, RIGHT = 0.3, 0.695
GAP = 1.0 - LEFT - RIGHT


def leaky(x, a):
    """Two full branches of slopes 1 / LEFT and 1 / RIGHT; what falls between them runs away."""
    inside = jnp.where(x < LEFT, x / LEFT, jnp.where(x > 1.0 - RIGHT, (x - (1.0 - RIGHT)) / RIGHT, -1e3))
    return jnp.where((x < 0.0) | (x > 1.0), 2.0 * x, inside)


LEAKY = cc.Map(leaky, x0=0.123)
# Each step keeps the uniform measure and loses the gap, so that a branch is chosen by its share of what is left.
RATE = -(LEFT * np.log(LEFT) + RIGHT * np.log(RIGHT)) / (LEFT + RIGHT)


@pytest.fixture(scope="module")
def pool():
    pilot = cc.lyapunov_spectrum(LEAKY, n_steps=100, n_transient=10)
    return pooled(LEAKY, pilot, n_times=1000.0, max_steps=10**6)


def test_exponent_and_lifetime_of_a_repeller(pool):
    largest, error = float(pool.spectrum.exponents[0]), float(pool.spectrum.stderr[0])
    assert abs(largest - RATE) < Z * error
    assert error < 0.01 * RATE
    mean, its_error = pool.lifetime
    # Pieces are the resolution: half of one is added to what sampling allows.
    assert abs(mean - 1.0 / GAP) < Z * its_error + PIECE / RATE
    assert its_error == pytest.approx(mean / np.sqrt(N_ESCAPES))
    assert pool.n_escapes == N_ESCAPES
    assert pool.spectrum.duration * largest > 1000.0


def test_another_seed_gives_the_same_within_errors(pool):
    pilot = cc.lyapunov_spectrum(LEAKY, n_steps=100, n_transient=10)
    other = pooled(LEAKY, pilot, n_times=1000.0, max_steps=10**6, seed=1)
    apart = float(other.spectrum.exponents[0] - pool.spectrum.exponents[0])
    assert apart != 0.0
    assert abs(apart) < Z * np.hypot(other.spectrum.stderr[0], pool.spectrum.stderr[0])


def test_points_lie_on_the_chaotic_set(pool):
    times, points = chaotic_points(LEAKY, pool, 1, 2000)
    assert len(times) == len(points) == 2000
    assert np.all((points >= 0.0) & (points <= 1.0))


def test_an_orbit_that_leaves_at_once_is_refused():
    gone = cc.Map(leaky, x0=0.302)
    pilot = cc.lyapunov_spectrum(LEAKY, n_steps=100, n_transient=10)
    with pytest.raises(InsufficientDataError, match="another x0"):
        pooled(gone, pilot, n_times=100.0, max_steps=10**5)


def test_records_of_transient_chaos_say_what_they_are():
    names = [e.name for e in catalogue if is_transient(e)]
    assert set(names) == {"fluid_trampoline", "hyper_lu", "liu_chen"}
    for name in names:
        record = catalogue[name].record
        assert record is not None
        assert any("transient chaotic set" in note for note in record.notes)
        assert record.lifetime is not None
        assert record.lyapunov_time is not None
        assert record.lifetime[0] > record.lyapunov_time * 100
    assert all(e.record.lifetime is None for e in catalogue if e.record is not None and e.name not in names)


def test_every_chaotic_record_covers_a_thousand_lyapunov_times():
    for entry in catalogue:
        if entry.chaotic:
            assert entry.record is not None, entry.name
            assert entry.record.duration * entry.record.exponents[0] > 1000.0, entry.name
