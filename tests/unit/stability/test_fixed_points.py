"""Fixed points: closed forms, proof by intervals, types and indices."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import NoIntervalError, NotDifferentiableError, NotFoundError, ParameterError, UnknownNameError
from cocycle.core.functions import Map
from cocycle.core.system import AbstractSystem
from cocycle.stability import Guarantee, IntervalNewton, Multistart, fixed_points
from cocycle.stability.equilibria import interval as iv
from cocycle.stability.equilibria.enclosure import Enclosure
from cocycle.steppers import Flow

ROUND_OFF = 64 * np.finfo(float).eps
BOX = {"x": (-30.0, 30.0), "y": (-30.0, 30.0), "z": (-1.0, 60.0)}
LORENZ = cc.systems.Lorenz63()
METHODS = [IntervalNewton(), Multistart(n_starts=64)]


@pytest.mark.parametrize("method", METHODS, ids=["interval", "multistart"])
def test_lorenz_has_its_three_fixed_points(method):
    found = fixed_points(LORENZ, BOX, method=method)
    a = np.sqrt(8 / 3 * 27)
    exact = np.array([[-a, -a, 27.0], [0.0, 0.0, 0.0], [a, a, 27.0]])
    np.testing.assert_allclose(found.x, exact, atol=ROUND_OFF * 27)
    assert [str(p.kind) for p in found] == ["saddle-focus", "saddle", "saddle-focus"]
    # Eigenvalues at the origin: -8/3, and the roots of s^2 + 11 s + 10 (1 - 28).
    roots = np.sort([-8 / 3, *np.roots([1, 11, -270])])
    np.testing.assert_allclose(np.sort(np.real(found[1].eigenvalues)), roots, rtol=1e-13)
    # The flow enters a ball: indices sum to (-1)^3.
    assert found.sum_of_indices == -1
    assert [p.n_unstable for p in found] == [2, 1, 2]
    assert found.guarantee is (Guarantee.ALL if isinstance(method, IntervalNewton) else Guarantee.SEARCHED)


def test_a_certified_error_bounds_the_true_one():
    found = fixed_points(LORENZ, BOX)
    a = np.sqrt(8 / 3 * 27)
    for point, exact in zip(found, ([-a, -a, 27.0], [0, 0, 0], [a, a, 27.0]), strict=True):
        assert point.certified
        # The exact numbers are rounded themselves.
        assert np.abs(point.x - exact).max() <= point.error + ROUND_OFF * 27


def test_thomas_has_27_fixed_points_by_an_independent_count():
    b = float(cc.systems.Thomas().args["b"])
    found = fixed_points(cc.systems.Thomas(), [(-6.0, 6.0)] * 3)

    # x = sin(y)/b, y = sin(z)/b, z = sin(x)/b: zeros of one function of x.
    def around(x):
        return np.sin(np.sin(np.sin(x) / b) / b) / b - x

    grid = np.linspace(-6, 6, 200_001) + 1e-7
    assert found.guarantee is Guarantee.ALL
    assert len(found) == np.sum(np.diff(np.sign(around(grid))) != 0)


def test_fixed_points_of_the_second_iterate_of_henon():
    found = fixed_points(cc.systems.Henon(), {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}, period=2)
    a, b = 1.4, 0.3
    one = np.roots([a, 1 - b, -1])
    # Points of period 2: a^2 x^2 - a (1 - b) x + (1 - b)^2 - a = 0.
    two = np.roots([a**2, -a * (1 - b), (1 - b) ** 2 - a])
    np.testing.assert_allclose(found.x[:, 0], np.sort([*one, *two]), rtol=1e-13)
    assert found.guarantee is Guarantee.ALL


KINDS = [
    ([[-1.0, 0.0], [0.0, -2.0]], "stable node", 1),
    ([[-1.0, 2.0], [-2.0, -1.0]], "stable focus", 1),
    ([[1.0, 2.0], [-2.0, 1.0]], "unstable focus", 1),
    ([[1.0, 0.0], [0.0, 2.0]], "unstable node", 1),
    ([[1.0, 0.0], [0.0, -2.0]], "saddle", -1),
    ([[0.0, 1.0], [-1.0, 0.0]], "centre", 1),
]


@pytest.mark.parametrize(("matrix", "kind", "index"), KINDS, ids=[k[1] for k in KINDS])
def test_types_of_linear_flows(matrix, kind, index):
    system = Flow(_linear, jnp.asarray(matrix), dt=0.1, x0=[0.1, 0.2])
    found = fixed_points(system, [(-1.0, 1.0)] * 2)
    assert (str(found[0].kind), found[0].index) == (kind, index)
    assert found[0].stable == (max(np.linalg.eigvals(np.array(matrix)).real) < -1e-9)


def _linear(t, y, a):
    return a @ y


def test_a_line_of_fixed_points_is_left_undecided_not_lost():
    system = Flow(lambda t, y, a: jnp.stack([-y[0], 0.0 * y[1]]), dt=0.1, x0=[0.1, 0.2])
    found = fixed_points(system, [(-1.0, 1.0)] * 2, method=IntervalNewton(resolution=1e-2, max_boxes=2000))
    assert found.guarantee is Guarantee.PARTIAL
    lines = found.undecided
    assert len(lines)
    assert np.all((lines[:, 0, 0] <= 0) & (lines[:, 0, 1] >= 0))
    assert lines[:, 1, 0].min() == -1.0
    assert lines[:, 1, 1].max() == 1.0


def test_a_jump_is_not_taken_for_a_fixed_point():
    # x -> x / 2 + 0.75 (x < 1) jumps at 1 from below the diagonal's other side; only 0 rests.
    system = Map(lambda x, a: jnp.where(x < 1.0, 0.5 * x, 0.5 * x + 1.0), x0=0.5)
    found = fixed_points(system, [(-1.0, 3.0)])
    np.testing.assert_allclose(found.x[:, 0], [0.0, 2.0], atol=ROUND_OFF)


def test_intervals_enclose_what_they_should():
    function = lambda v: (  # noqa: E731
        jnp.stack([jnp.sin(v[0]) * v[1] ** 3, jnp.exp(-v[0]) / (2 + v[1] ** 2), jnp.tanh(v @ v), jnp.abs(v[0] - v[1])]),
        jnp.cos(3 * v),
    )
    rng = np.random.default_rng(0)
    low = rng.uniform(-2, 2, size=(300, 2))
    high = low + rng.uniform(0, 1, size=(300, 2))
    (first, second), rough = Enclosure(function, 2)(iv.Interval(low, high))
    assert not rough.any()
    for _ in range(20):
        v = low + rng.uniform(size=low.shape) * (high - low)
        a = np.stack([np.asarray(function(p)[0]) for p in v[:20]])
        b = np.cos(3 * v[:20])
        assert np.all((first.lo[:20] <= a) & (a <= first.hi[:20]))
        assert np.all((second.lo[:20] <= b) & (b <= second.hi[:20]))


def test_arithmetic_rounds_outwards():
    third = iv.divide(iv.point(1.0), iv.point(3.0))
    assert third.lo < third.hi
    back = iv.multiply(third, iv.point(3.0))
    assert back.lo <= 1.0 <= back.hi
    assert iv.divide(iv.point(1.0), iv.Interval(np.array(-1.0), np.array(1.0))).hi == np.inf


class _Plain(AbstractSystem):
    dt: float = 1.0
    x0: float = 0.5

    def step(self, x, w):
        return x


BAD = [
    (LORENZ, [(0, 1)], {}, ParameterError, "3 pairs"),
    (LORENZ, {"x": (0, 1)}, {}, ParameterError, "no range for y"),
    (LORENZ, {"xx": (0, 1)}, {}, UnknownNameError, "did you mean|known names"),
    (LORENZ, [(1, 0)] * 3, {}, ParameterError, "low end below"),
    (LORENZ, BOX, {"period": 2}, ParameterError, "periodic_orbit"),
    (_Plain(), [(0, 1)], {}, NotDifferentiableError, "derive"),
    (Flow(lambda t, y, a: jnp.cos(t) - y, dt=0.1, x0=0.5), [(0, 1)], {}, ParameterError, "Stroboscopic"),
    (Map(lambda x, a: jnp.linalg.inv(x * jnp.eye(2))[0, 0], x0=0.5), [(0.1, 1)], {"method": IntervalNewton()},
     NoIntervalError, "Multistart"),
]  # fmt: skip


@pytest.mark.parametrize(("system", "box", "options", "error", "words"), BAD)
def test_bad_input_is_refused(system, box, options, error, words):
    with pytest.raises(error, match=words):
        fixed_points(system, box, **options)


def test_nothing_found_is_said_with_its_guarantee():
    system = Flow(lambda t, y, a: 1.0 + y**2, dt=0.1, x0=0.5)
    assert len(fixed_points(system, [(-3.0, 3.0)])) == 0
    with pytest.raises(NotFoundError, match="proved") as caught:
        fixed_points(system, [(-3.0, 3.0)], throw=True)
    assert caught.value.found.guarantee is Guarantee.ALL


def test_results_save_and_show(tmp_path):
    found = fixed_points(LORENZ, BOX)
    again = cc.load(found.save(tmp_path / "points"))
    np.testing.assert_array_equal(again.x, found.x)
    assert again.guarantee is Guarantee.ALL
    assert "saddle" in str(found)
    assert found.to_xarray()["x"].shape == (3, 3)
    assert found.to_xarray()["type"].values.tolist() == ["saddle-focus", "saddle", "saddle-focus"]
    assert "saddle-focus" in found._repr_html_()
