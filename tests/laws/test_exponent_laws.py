"""Laws that every spectrum obeys, on random systems."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import cocycle as cc
from cocycle.stability import tangent_map

N_STEPS = 300
matrices = arrays(np.float64, (3, 3), elements=st.floats(-1, 1, allow_subnormal=False))
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)


def linear(x, args):
    """Bounded state, linear tangent: the state is held, the tangent is A."""
    y = args @ x
    return y + jax.lax.stop_gradient(x - y)


def bent(x, args):
    """A smooth random map of the torus with a varying, invertible derivative."""
    return (x + 2.0 + 0.3 * jnp.sin(args @ x)) % (2 * jnp.pi)


def power(m):
    def iterated(x, args):
        for _ in range(m):
            x = bent(x, args)
        return x

    return iterated


POWERS = {m: power(m) for m in (2, 3, 4)}
SHAPE = jnp.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 1.0]])
INVERSE = jnp.linalg.inv(SHAPE)


def conjugate(y, args):
    return SHAPE @ bent(INVERSE @ y, args)


def standard(x, args):
    p = x[1] + args * jnp.sin(x[0])
    return jnp.stack([x[0] + p, p]) % (2 * jnp.pi)


def volume_rate(found):
    assert found.mean_log_volume_rate is not None
    return found.mean_log_volume_rate


def spectrum(function, args, x0=(0.3, 0.2, 0.1), **options):
    system = cc.Map(function, args, x0=jnp.asarray(x0))
    return cc.lyapunov_spectrum(system, n_steps=N_STEPS, n_transient=0, qr_every=1, **options)


@SETTINGS
@given(matrices)
def test_trace_identity(a):
    """The sum of all exponents is the mean of log|det| of the tangent map, along the very orbit."""
    found = spectrum(bent, a)
    system = cc.Map(bent, a, x0=jnp.array([0.3, 0.2, 0.1]))
    states = np.concatenate([[system.x0], cc.trajectory(system, n_steps=N_STEPS - 1).x])
    volume = np.mean(jax.vmap(lambda x: jnp.linalg.slogdet(jax.jacfwd(lambda y: bent(y, a))(x))[1])(states))
    # Round-off: about 50 operations a step on numbers of order one; chaos does not matter, the orbit is the same.
    assert abs(found.exponents.sum() - volume) < 1e-12
    assert abs(float(volume_rate(found).value) - volume) < 1e-12
    assert found.volume_residual < 1e-12


@SETTINGS
@given(matrices, st.integers(2, 4))
def test_power_multiplies_by_m(a, m):
    """The exponents of f^m are m times those of f."""
    power = POWERS[m]

    once = cc.lyapunov_spectrum(
        cc.Map(bent, a, x0=jnp.array([0.3, 0.2, 0.1])), n_steps=60 * m, n_transient=0, qr_every=m
    )
    many = cc.lyapunov_spectrum(cc.Map(power, a, x0=jnp.array([0.3, 0.2, 0.1])), n_steps=60, n_transient=0, qr_every=1)
    assert np.allclose(many.exponents, m * once.exponents, rtol=0, atol=1e-9)


@SETTINGS
@given(matrices, st.floats(0.1, 10))
def test_time_rescaling(a, dt):
    """Exponents are rates: another unit of time divides them."""
    slow = cc.lyapunov_spectrum(
        cc.Map(bent, a, x0=jnp.array([0.3, 0.2, 0.1]), dt=dt), n_steps=N_STEPS, n_transient=0, qr_every=1
    )
    assert np.allclose(slow.exponents * dt, spectrum(bent, a).exponents, rtol=1e-13, atol=1e-13)


@SETTINGS
@given(matrices)
def test_linear_conjugation(a):
    """An affine change of coordinates changes no exponent beyond its end effect log cond(S) / n."""
    plain = spectrum(bent, a)
    moved = spectrum(conjugate, a, x0=SHAPE @ jnp.array([0.3, 0.2, 0.1]))
    ends = 2 * np.log(np.linalg.cond(SHAPE)) / N_STEPS
    # Only the volume is compared where chaos separates the two orbits by round-off.
    assert abs(plain.exponents.sum() - moved.exponents.sum()) < 3 * ends + 3 * float(volume_rate(plain).stderr)


@SETTINGS
@given(st.floats(0.0, 3.0), st.floats(0.1, 6.0))
def test_symplectic_pairs(k, p0):
    """The standard map is symplectic: its exponents are plus and minus the same number."""
    found = cc.lyapunov_spectrum(
        cc.Map(standard, k, x0=jnp.array([1.0, p0])), n_steps=N_STEPS, n_transient=0, qr_every=1
    )
    assert abs(found.exponents.sum()) < 1e-12


def test_inverse_map_negates():
    """The cat map backwards: the same numbers with the other sign, in reverse order."""
    forward = cc.Map(lambda x, a: jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1, x0=[0.1, 0.2])
    backward = cc.Map(lambda x, a: jnp.array([[1.0, -1.0], [-1.0, 2.0]]) @ x % 1, x0=[0.1, 0.2])
    a, b = (cc.lyapunov_spectrum(s, n_steps=500).exponents for s in (forward, backward))
    assert np.allclose(a, -b[::-1], rtol=0, atol=1e-13)


def test_constant_matrix_exactly():
    """A normal matrix has log|eigenvalues| at every step."""
    rotation = np.linalg.qr(np.arange(9.0).reshape(3, 3) + np.eye(3))[0]
    a = rotation @ np.diag([2.0, -0.5, 0.1]) @ rotation.T
    found = spectrum(linear, a)
    assert np.allclose(np.sort(found.exponents)[::-1], np.log([2.0, 0.5, 0.1]), rtol=0, atol=2 * np.log(10) / N_STEPS)


def test_tangent_map_is_the_jacobian():
    a = np.eye(3) * 0.5
    system = cc.Map(bent, a, x0=jnp.array([0.3, 0.2, 0.1]))
    assert np.allclose(tangent_map(system, system.x0, None), jax.jacfwd(lambda x: bent(x, a))(system.x0), rtol=1e-15)
