"""Continuation: bifurcations with closed forms, cascades, cycles, charts."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import ContinuationError, NotFoundError, ParameterError, UnknownNameError
from cocycle.core.functions import Map
from cocycle.stability import (
    BifurcationKind,
    BranchEnd,
    StepSizes,
    continue_cycle,
    continue_fixed_point,
    cycle_at_hopf,
    homoclinic_bracket,
    lyapunov_chart,
    period_doubling_cascade,
    periodic_orbit,
    switch_branch,
)
from cocycle.steppers import Flow

LOCATED = 1e-10  # Brent's method ends at round-off; 1e-6 is asked for


def lorenz(rho):
    return cc.systems.Lorenz63(rho=rho)


@pytest.fixture(scope="module")
def upper_branch():
    a = np.sqrt(8 / 3)
    return continue_fixed_point(lorenz(2.0), [a, a, 1.0], parameter="rho", stop=30.0)


def test_hopf_point_of_lorenz(upper_branch):
    (point,) = upper_branch.bifurcations
    assert point.kind is BifurcationKind.HOPF
    # sigma (sigma + beta + 3) / (sigma - beta - 1); frequency^2 = 2 beta sigma (sigma + 1) / (sigma - beta - 1).
    np.testing.assert_allclose(point.value, 470 / 19, atol=LOCATED)
    np.testing.assert_allclose(point.frequency, np.sqrt(2 * (8 / 3) * 110 / (19 / 3)), rtol=1e-9)
    assert abs(point.value - 470 / 19) <= max(point.error, 1e-13)
    rows = upper_branch.values < 470 / 19
    assert upper_branch.stable[rows].all()
    assert (upper_branch.n_unstable[~rows] == 2).all()
    # On the branch x^2 = beta (rho - 1).
    np.testing.assert_allclose(upper_branch.x[:, 0] ** 2, 8 / 3 * (upper_branch.values - 1), rtol=1e-9)


def test_pitchfork_of_lorenz_and_its_other_branch():
    branch = continue_fixed_point(lorenz(0.5), [0.0, 0.0, 0.0], parameter="rho", stop=3.0)
    (point,) = branch.bifurcations
    assert point.kind is BifurcationKind.BRANCH_POINT
    np.testing.assert_allclose(point.value, 1.0, atol=LOCATED)
    other = switch_branch(branch, point)
    assert other.end is BranchEnd.STOP
    np.testing.assert_allclose(np.abs(other.x[-1, 0]), np.sqrt(8 / 3 * 2), rtol=1e-9)


def test_both_folds_of_the_cusp_and_its_hysteresis():
    cusp = Flow(lambda t, y, a: a["r"] + y - y**3, {"r": -1.0}, dt=0.1, x0=[-1.3])
    branch = continue_fixed_point(cusp, parameter="r", stop=1.0)
    folds = branch.of_kind(BifurcationKind.FOLD)
    np.testing.assert_allclose([f.value for f in folds], [2 / 27**0.5, -2 / 27**0.5], atol=LOCATED)
    np.testing.assert_allclose([f.x[0] for f in folds], [-(3**-0.5), 3**-0.5], atol=1e-5)
    assert branch.end is BranchEnd.STOP
    assert branch.values[-1] == 1.0


def test_neimark_sacker_of_the_delayed_logistic_map():
    # x' = r x (1 - y), y' = x: the pair at the fixed point 1 - 1/r has modulus 1 at r = 2, angle pi / 3.
    delayed = Map(lambda x, a: jnp.stack([a["r"] * x[0] * (1 - x[1]), x[0]]), {"r": 1.5}, x0=[1 / 3, 1 / 3])
    branch = continue_fixed_point(delayed, parameter="r", stop=2.5)
    (point,) = branch.of_kind(BifurcationKind.NEIMARK_SACKER)
    np.testing.assert_allclose(point.value, 2.0, atol=LOCATED)
    np.testing.assert_allclose(point.frequency, np.pi / 3, atol=1e-8)


def test_onset_of_kuramoto_in_its_mean_field():
    # Lorentzian frequencies of half-width g: r' = (K/2 - g) r - K/2 r^3, onset at K = 2 g.
    mean_field = Flow(
        lambda t, r, a: (0.5 * a["K"] - a["g"]) * r - 0.5 * a["K"] * r**3, {"K": 1.0, "g": 1.0}, dt=0.1, x0=[0.0]
    )
    branch = continue_fixed_point(mean_field, parameter="K", stop=4.0)
    np.testing.assert_allclose(branch.bifurcations[0].value, 2.0, atol=LOCATED)
    other = switch_branch(branch, branch.bifurcations[0])
    np.testing.assert_allclose(np.abs(other.x[-1, 0]), np.sqrt(0.5), rtol=1e-9)


LOGISTIC = Map(lambda x, a: a["r"] * x * (1 - x), {"r": 2.5}, x0=0.6, name="logistic")


def test_first_eight_doublings_and_the_ratio():
    found = period_doubling_cascade(LOGISTIC, parameter="r", stop=3.6, n_doublings=8)
    assert found.periods.tolist() == [1, 2, 4, 8, 16, 32, 64, 128]
    np.testing.assert_allclose(found.values[:2], [3.0, 1 + np.sqrt(6)], atol=1e-12)
    # Published to 12 digits (Feigenbaum's logistic cascade): r_3, and its end.
    np.testing.assert_allclose(found.values[2], 3.544090359552, atol=1e-11)
    np.testing.assert_allclose(found.limit, 3.569945671871, atol=1e-8)
    # Ratios approach delta geometrically; their differences bound what is left.
    left = abs(found.ratios[-1] - found.ratios[-2])
    assert abs(found.ratios[-1] - 4.669201609103) < left
    assert left < 1e-2


def test_doubled_branch_of_a_map():
    branch = continue_fixed_point(LOGISTIC, parameter="r", stop=3.5)
    doubled = switch_branch(branch, branch.bifurcations[0])
    np.testing.assert_allclose(doubled.bifurcations[0].value, 1 + np.sqrt(6), atol=LOCATED)


def _hopf_normal_form(t, y, a):
    return a["m"] * y + jnp.stack([-y[1], y[0]]) - y * (y @ y)


@pytest.mark.slow  # 45 s, most of it for compiling shooting with one and with two segments
def test_cycle_born_at_a_hopf_point_and_its_branch():
    system = Flow(_hopf_normal_form, {"m": -0.5}, dt=0.05, x0=[0.0, 0.0])
    branch = continue_fixed_point(system, parameter="m", stop=0.5)
    (point,) = branch.bifurcations
    np.testing.assert_allclose(point.value, 0.0, atol=LOCATED)
    at, cycle = cycle_at_hopf(system, point, parameter="m", amplitude=0.1)
    # Radius sqrt(m), multiplier exp(-4 pi m).
    m = float(at.args["m"])
    np.testing.assert_allclose(np.linalg.norm(cycle.x), np.sqrt(m), rtol=1e-8)
    cycles = continue_cycle(at, cycle, parameter="m", stop=0.2, n_segments=2)
    np.testing.assert_allclose(cycles.maxima[-1, 0], np.sqrt(0.2), rtol=1e-3)  # largest of the steps of the stepper
    np.testing.assert_allclose(np.abs(cycles.eigenvalues[-1, 0]), np.exp(-4 * np.pi * 0.2), rtol=1e-6)
    assert cycles.periods is not None
    np.testing.assert_allclose(cycles.periods, 2 * np.pi, rtol=1e-9)
    assert cycles.stable.all()


@pytest.mark.slow  # 30 s
def test_period_doubling_of_the_rossler_cycle():
    # Against an independent finding: the multiplier of cycles solved one by one on both sides.
    system = cc.systems.Rossler(a=0.2, b=0.2, c=2.5)
    cycle = periodic_orbit(system)
    branch = continue_cycle(system, cycle, parameter="c", stop=3.0, n_segments=2, tol=1e-7)
    (point,) = branch.of_kind(BifurcationKind.PERIOD_DOUBLING)
    near = []
    for c in (point.value - 0.01, point.value + 0.01):
        other = periodic_orbit(cc.systems.Rossler(a=0.2, b=0.2, c=c), point.x, period=point.period)
        near.append(np.real(other.transverse).min())
    assert near[0] > -1 > near[1]
    np.testing.assert_allclose(np.mean(near), -1.0, atol=1e-3)  # linear within the interval


@pytest.mark.slow  # 20 s: about twenty orbits of 5,000 steps, and cycles of growing period
def test_homoclinic_orbit_of_lorenz_is_bracketed():
    bracket = homoclinic_bracket(lorenz(14.0), [0.0, 0.0, 0.0], parameter="rho", between=(13.0, 15.0), tol=1e-4)
    assert bracket.low < 13.9265574 < bracket.high
    # Cycles from the Hopf point: their period grows without bound towards the same value, from above.
    a = np.sqrt(8 / 3 * 22)
    branch = continue_fixed_point(lorenz(23.0), [a, a, 22.0], parameter="rho", stop=26.0)
    at, cycle = cycle_at_hopf(lorenz(23.0), branch.bifurcations[0], parameter="rho")
    cycles = continue_cycle(at, cycle, parameter="rho", stop=13.0, n_segments=6, n_points=160, throw=False)
    assert cycles.values.min() > 13.926
    assert cycles.values.min() < 14.5
    assert cycles.periods is not None
    assert cycles.periods.max() > 2 * cycles.periods[0]


def test_homoclinic_orbit_of_a_planar_saddle():
    # y'' = y - y^2 + e y' has a homoclinic orbit at e = 0 (a Hamiltonian flow).
    system = Flow(
        lambda t, y, a: jnp.stack([y[1], y[0] - y[0] ** 2 + a["e"] * y[1]]), {"e": 0.0}, dt=0.05, x0=[0.0, 0.0]
    )
    bracket = homoclinic_bracket(system, [0.0, 0.0], parameter="e", between=(-0.013, 0.01), tol=1e-4, duration=60.0)
    assert bracket.low - 1e-4 < 0 < bracket.high + 1e-4


def test_a_branch_that_ends_keeps_what_was_found():
    # x = sqrt(r) ends at r = 0, where the field is not smooth.
    edge = Flow(lambda t, y, a: jnp.sqrt(a["r"]) - y, {"r": 1.0}, dt=0.1, x0=[1.0])
    with pytest.raises(ContinuationError, match="stalls") as caught:
        continue_fixed_point(edge, parameter="r", stop=-1.0, steps=StepSizes(smallest=1e-4))
    branch = caught.value.branch
    assert branch.end is BranchEnd.STALLED
    assert 0 <= branch.values[-1] < 0.1
    np.testing.assert_allclose(branch.x[:, 0], np.sqrt(branch.values), atol=1e-9)
    same = continue_fixed_point(edge, parameter="r", stop=-1.0, steps=StepSizes(smallest=1e-4), throw=False)
    assert len(same) == len(branch)


def test_chart_over_two_parameters():
    henon = cc.systems.Henon()
    chart = lyapunov_chart(henon, over={"a": (0.1, 0.2, 2), "b": (0.1, 0.3, 3)}, n_steps=400)
    # Two stable fixed points: the exponent is log of the larger multiplier.
    for i, a in enumerate(chart.axes["a"]):
        for j, b in enumerate(chart.axes["b"]):
            x = max(np.roots([a, 1 - b, -1]))
            exact = np.log(np.abs(np.linalg.eigvals([[-2 * a * x, 1], [b, 0]])).max())
            np.testing.assert_allclose(chart.exponent[i, j], exact, rtol=1e-6)


BAD = [
    (lambda: continue_fixed_point(LOGISTIC, parameter="q", stop=3.0), UnknownNameError, "no parameter"),
    (lambda: continue_fixed_point(LOGISTIC, parameter="r", stop=2.5), ParameterError, "differ"),
    (lambda: continue_fixed_point(LOGISTIC, parameter="r", stop=3.0, limits=(2.8, 3.0)), ParameterError, "limits"),
    (lambda: StepSizes(first=1.0, largest=0.1), ParameterError, "smallest"),
    (lambda: lyapunov_chart(LOGISTIC, over={"r": (0.0, 1.0, 2)}), ParameterError, "two parameters"),
    (lambda: period_doubling_cascade(LOGISTIC, parameter="r", stop=2.9), ContinuationError, "no period doubling"),
    (lambda: homoclinic_bracket(lorenz(28.0), [8.5, 8.5, 27.0], parameter="rho", between=(27.0, 28.0)), ParameterError,
     "one unstable"),
    (lambda: continue_fixed_point(Flow(lambda t, y, a: a["r"] + y**2, {"r": 1.0}, dt=0.1, x0=[0.3]), parameter="r",
                                  stop=2.0), NotFoundError, "fixed_points"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
