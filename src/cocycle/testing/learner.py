"""The rules that a learner keeps."""

import dataclasses
import pathlib
import tempfile
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import CocycleError, DataError
from cocycle.core.run import trajectory
from cocycle.core.storage import load
from cocycle.core.system import AbstractSystem
from cocycle.learn.rules import Context
from cocycle.testing.agreement import ROUND_OFF, differ, require

N_ROWS = 400
N_AHEAD = 5


def sample_rows(n: int = N_ROWS) -> np.ndarray:
    """Rows to try a learner on: a damped linear oscillation, never quite the same, and smooth.

    Args:
        n: number of rows.

    Returns:
        (n, 2).
    """
    t = 0.2 * np.arange(n)
    slow = 1 + 0.3 * np.sin(0.05 * t)
    return np.stack([slow * np.sin(t), slow * np.cos(t)], axis=1)


def check_learner(learner: Any, data: Any = None, *, key: Any = 0, promises_gaps: bool = True) -> None:
    """Check that a learner keeps the protocol.

    The configuration is frozen and left as it was; the same key gives the same model, which is a System with the step
    of the data; forecasts are rows in the units of the data, go on from the context, and are the same for the data as
    an array, as two trajectories and as a list; the driver warms the model up as `warm_up` does; a missing value in the
    context is bridged, one in the data cuts; a saved model comes back the same; data that cannot be used are
    refused with a DataError.

    Args:
        learner: the configuration.
        data: rows (time, D) that it can learn from; default 400 rows of a slow oscillation.
        key: random key, or seed.
        promises_gaps: whether missing values are promised to be handled.

    Raises:
        AssertionError: with a sentence that says what failed and what to do.

    Example:
        >>> from cocycle.learn import LinearAutoregression
        >>> check_learner(LinearAutoregression())
    """
    name = type(learner).__name__
    data = sample_rows() if data is None else np.asarray(data, dtype=float)
    key = jax.random.key(key) if isinstance(key, int) else key
    require(dataclasses.is_dataclass(learner), f"{name} is no dataclass; a learner is a frozen configuration.")
    before, rows = dataclasses.asdict(learner), data.copy()
    model = learner.fit(data, key=key, dt=0.5)
    require(_same(dataclasses.asdict(learner), before), f"{name}.fit changes the configuration; return a new system.")
    require(np.array_equal(rows, data), f"{name}.fit changes the data; work on a copy.")
    require(isinstance(model, AbstractSystem), f"{name}.fit returns a {type(model).__name__}, which is no System.")
    require(float(model.dt) == 0.5, f"{name}: the model has dt = {float(model.dt)}, the data have 0.5.")
    again = learner.fit(data, key=key, dt=0.5)
    gap = differ(eqx.filter(again, eqx.is_array), eqx.filter(model, eqx.is_array))
    require(gap is None, f"{name} is not pure: the same data and key give {gap}. Take all randomness from the key.")
    ahead = _forecasts(name, model, data)
    _units(name, learner, data, key, ahead)
    _saved(name, model, data, ahead)
    if promises_gaps:
        _gaps(name, learner, model, data, key)
    _refusals(name, learner, model, data, key)


def _same(a: Any, b: Any) -> bool:
    """Whether two nested dicts hold the same; a configuration may hold a System, and so arrays."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    return all(bool(np.all(x == y)) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def _forecasts(name: str, model: Any, data: np.ndarray) -> np.ndarray:
    found = model.forecast(data, N_AHEAD)
    require(
        found.x.shape == (N_AHEAD, data.shape[1]), f"{name}: forecasts have shape {found.x.shape}; rows are needed."
    )
    require(
        abs(float(found.t[0]) - len(data) * 0.5) < 1e-9, f"{name}: forecasts begin at {found.t[0]}, not after the data."
    )
    free = trajectory(model, n_steps=N_AHEAD).x
    require(np.shape(free) == found.x.shape, f"{name}: a trajectory shows {np.shape(free)}; observe() must give rows.")
    warm = model.warm_up(data)
    require(jax.tree.structure(warm) == jax.tree.structure(model.x0), f"{name}: warm_up returns no state of the model.")
    gap = differ(np.asarray(model.observe(warm)), found.x[0], tolerance=ROUND_OFF)
    require(gap is None, f"{name}: what warm_up shows is not the first forecast: {gap}.")
    start = model.rule.cold(model.scaler.to_rule(jnp.asarray(data[0])))
    driven = trajectory(model, start, Context(data), n_steps=len(data) + 2).x
    gap = differ(np.asarray(driven[-3:]), found.x[:3], tolerance=1e3 * ROUND_OFF)
    require(gap is None, f"{name}: a run under Context(data) ends otherwise than forecast(data): {gap}.")
    return found.x


def _units(name: str, learner: Any, data: np.ndarray, key: Any, ahead: np.ndarray) -> None:
    """The same numbers as a list of columns of JAX arrays."""
    other = learner.fit(jnp.asarray(data), key=key, dt=0.5).forecast(jnp.asarray(data), N_AHEAD).x
    gap = differ(other, ahead)
    require(gap is None, f"{name}: a JAX array gives another model than a NumPy array: {gap}. Convert on entry.")
    half = len(data) // 2
    two = learner.fit([data[:half], data[half:]], key=key, dt=0.5)
    require(np.all(np.isfinite(two.forecast(data, N_AHEAD).x)), f"{name}: two trajectories give a model that explodes.")


def _saved(name: str, model: Any, data: np.ndarray, ahead: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        back = load(model.save(pathlib.Path(folder) / "model"))
    require(type(back) is type(model), f"{name}: a saved model comes back as {type(back).__name__}.")
    gap = differ(back.forecast(data, N_AHEAD).x, ahead)
    require(gap is None, f"{name}: a saved model forecasts otherwise when it is loaded: {gap}.")


def _gaps(name: str, learner: Any, model: Any, data: np.ndarray, key: Any) -> None:
    broken = data.copy()
    broken[len(data) // 2] = np.nan
    found = learner.fit(broken, key=key, dt=0.5).forecast(data, N_AHEAD).x
    require(np.all(np.isfinite(found)), f"{name}: one missing row in the data spoils the model; cut there.")
    found = model.forecast(broken, N_AHEAD).x
    require(np.all(np.isfinite(found)), f"{name}: one missing row in the context spoils the forecast; bridge it.")


def _refusals(name: str, learner: Any, model: Any, data: np.ndarray, key: Any) -> None:
    infinite, flat = data.copy(), data.copy()
    infinite[3], flat[:, 0] = np.inf, 1.0
    wider = np.concatenate([data, data[:, :1]], axis=1)
    cases: list[tuple[str, Any]] = [
        ("two rows", lambda: learner.fit(data[:2], key=key)),
        ("infinity", lambda: learner.fit(infinite, key=key)),
        ("a constant column", lambda: learner.fit(flat, key=key)),
        ("three axes", lambda: learner.fit(data[None], key=key)),
        ("trajectories of different columns", lambda: learner.fit([data, wider], key=key)),
        ("text", lambda: learner.fit(data.astype(str), key=key)),
        ("a context of other columns", lambda: model.forecast(wider, 2)),
        ("an empty context", lambda: model.forecast(data[:0], 2)),
    ]
    for what, call in cases:
        try:
            call()
        except DataError:
            continue
        except CocycleError as error:
            raise AssertionError(f"{name} refuses {what} with {type(error).__name__}; raise a DataError.") from error
        except Exception as error:
            raise AssertionError(f"{name} fails on {what} with {type(error).__name__}: {error}; refuse it.") from error
        raise AssertionError(f"{name} accepts {what}; refuse it with a DataError that says what to do.")
