"""A resonant-tunnelling diode drives a nanolaser whose light comes back after a delay: pulses as memory."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.run import run, trajectory
from cocycle.core.system import AbstractSystem
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability.equilibria.equation import equation_of, vector_of
from cocycle.stability.equilibria.newton import polish
from cocycle.steppers import Flow

CHARGE = 1.602176634e-19
SLOPE = 38.68
# Diode [A, V], circuit [Ohm, H, F, V], laser [1/s, A]; times are in ps.
DIODE = {"a": -5.5e-5, "b": 0.033, "c": 0.113, "d": -2.8e-6, "n1": 0.185, "n2": 0.045, "h": 1.8e-4}
R, L, C, V0 = 10.0, 126e-9, 2e-15, 0.73
N0, DECAY, GAIN, LOSS, PUMP = 5e5, 2.0, 1e-5, 3e-3, 210e-6
PS = 1e-12
SPIKE = 1.0
KICK = 40e-6
WARM_UP = 5000.0


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        dt: time step [ps].
        n_trips: round trips that pulses are followed.
        slow: whether the slow diode, whose delay is 20 ns, is run.
        seed: unused, nothing is random.
    """

    dt: float = 0.1
    n_trips: int = 11
    slow: bool = True
    seed: int = 0


SMOKE = Config(dt=0.2, n_trips=3, slow=False)


def current(v: Any, n1: Any = DIODE["n1"]) -> Any:
    """Current of the diode at a voltage [A]."""
    p = DIODE
    up, down = SLOPE * (p["b"] - p["c"] + n1 * v), SLOPE * (p["b"] - p["c"] - n1 * v)
    ratio = jnp.logaddexp(0.0, up) - jnp.logaddexp(0.0, down)
    angle = jnp.pi / 2 + jnp.arctan((p["c"] - n1 * v) / p["d"])
    return p["a"] * ratio * angle + p["h"] * jnp.expm1(SLOPE * p["n2"] * v)


def steady_light(i: Any) -> Any:
    """Photons of the laser at rest under a current: the positive root of its two rate equations."""
    pump = (PUMP + i) / CHARGE * PS
    b = pump * GAIN - DECAY * GAIN - LOSS * (DECAY + GAIN * N0)
    a, c = DECAY * GAIN, pump * GAIN
    root = jnp.sqrt(b * b + 4 * a * c)
    # Without cancellation where b is negative.
    return jnp.where(b > 0, (b + root) / (2 * a), 2 * c / jnp.where(b > 0, 1.0, root - b))


def slopes(y: Any, light: Any, kick: Any, a: Any) -> Any:
    """Slopes of voltage, current, photons and carriers [1/ps] under returning light."""
    v, i, s, n = y
    dv = (i - current(v) - a["kappa"] * light - kick) / (C * a["s"]) * PS
    di = (V0 - v - R * i) / (L * a["s"]) * PS
    ds = (GAIN * (n - N0) - DECAY) * s + GAIN * n
    dn = (PUMP + i) / CHARGE * PS - (LOSS + GAIN) * n - GAIN * (n - N0) * s
    return jnp.stack([dv, di, ds, dn])


class Neuron(AbstractSystem):
    """The four equations with a ring of past light; Heun's steps.

    Attributes:
        args: kappa, s (time scale of the diode), n_kicks times of kicks and their strength.
        kicks: times at which kicks begin [ps].
        strength: of a kick [A].
        instant: 1 where the laser follows its current at once, else 0.
    """

    args: Any
    kicks: Any
    strength: Any
    instant: Any
    dt: Any
    x0: Any

    def step(self, x: Any, w: Any) -> Any:
        """Advance voltage, current, photons and carriers, and write the light into the ring."""
        y, ring, n = x
        size = ring.shape[0]
        t = n * self.dt

        def kick(t: Any) -> Any:
            return self.strength * jnp.any((t >= self.kicks) & (t < self.kicks + 50.0 * self.args["s"]))

        def rate(y: Any, light: Any, t: Any) -> Any:
            k = slopes(y, light, kick(t), self.args)
            return jnp.where(self.instant > 0, k.at[2:].set(0.0), k)

        here, later = ring[n % size], ring[(n + 1) % size]
        k1 = rate(y, here, t)
        k2 = rate(y + self.dt * k1, later, t + self.dt)
        y = y + 0.5 * self.dt * (k1 + k2)
        y = jnp.where(self.instant > 0, y.at[2].set(steady_light(y[1])), y)
        return y, ring.at[n % size].set(y[2]), n + 1

    def observe(self, x: Any) -> Any:
        """Voltage, current and photons."""
        return x[0][:3]


def rest_state(kappa: float) -> np.ndarray:
    """Rest of voltage, current, photons and carriers."""
    args = {"kappa": kappa, "s": 1.0}
    # Carriers in units of a million, so that all unknowns are of order one.
    scale = jnp.array([1.0, 1e-4, 10.0, 1e6])
    field = lambda t, z, a: slopes(z * scale, z[2] * scale[2], 0.0, a) / scale  # noqa: E731
    flow = Flow(field, args, dt=0.1, x0=[0.729, 0.74, 0.5, 0.6])
    equation = equation_of(flow)
    v, _ = polish(equation, vector_of(equation.like))
    return np.asarray(v * scale)


def orbit(config: Config, *, kappa: float, tau: float, kicks: tuple[float, ...], duration: float, **options: Any):
    """Voltage and light over time; times in ps."""
    s, strength = options.get("s", 1.0), options.get("strength", KICK)
    y0 = rest_state(kappa)
    n = round(tau / config.dt)
    start = (jnp.asarray(y0), jnp.full(n, y0[2]), jnp.asarray(0))
    times = np.full(2, -1e9)
    times[: len(kicks)] = np.array(kicks) + WARM_UP
    args = {"kappa": jnp.asarray(kappa), "s": jnp.asarray(float(s))}
    instant = jnp.asarray(float(options.get("instant", False)))
    system = Neuron(args, jnp.asarray(times), jnp.asarray(strength), instant, jnp.asarray(config.dt), None)
    begin = run(system, start, n_steps=round(WARM_UP / config.dt))
    every = round(1.0 / config.dt) if s == 1.0 else round(4.0 / config.dt)
    found = trajectory(system, begin, n_steps=round(duration / config.dt), n0=0, save_every=every, progress=False)
    return np.asarray(found.t), np.asarray(found.x)


def spikes(t: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Times at which the voltage rises through 1 V, interpolated."""
    k = np.flatnonzero((v[:-1] < SPIKE) & (v[1:] >= SPIKE))
    return t[k] + (SPIKE - v[k]) / (v[k + 1] - v[k]) * (t[k + 1] - t[k])


def top(v: np.ndarray) -> float:
    """Largest voltage, between the samples by a parabola."""
    k = int(np.argmax(v[1:-1])) + 1
    bend = v[k - 1] - 2 * v[k] + v[k + 1]
    return float(v[k] - (v[k + 1] - v[k - 1]) ** 2 / (8 * bend)) if bend < 0 else float(v[k])


def diode(n1: float) -> dict[str, float]:
    """Peak and valley of the current."""
    v = np.linspace(0.3, 0.8, 500_001)
    i = np.asarray(jax.jit(current)(jnp.asarray(v), n1))
    peak = int(np.argmax(i[v < 0.7]))
    valley = int(np.argmin(np.where(v > v[peak], i, np.inf)))
    return {"peak_voltage": v[peak], "peak_current": 1e6 * i[peak], "valley_current": 1e6 * i[valley]}


def gap_change(config: Config, gap: float, *, tau: float, s: float = 1.0, instant: bool = False) -> tuple[float, Any]:
    """Change of the gap from that of the kicks over the round trips [ns], and its course."""
    duration = (config.n_trips + 1.5) * tau * 1.08
    t, x = orbit(config, kappa=1.1e-7, tau=tau, kicks=(0.0, gap), duration=duration, s=s, instant=instant)
    times = spikes(t, x[:, 0])
    pairs = len(times) // 2
    gaps = (times[1 : 2 * pairs : 2] - times[0 : 2 * pairs : 2]) / 1000
    return float(gaps[: config.n_trips + 1][-1]) - gap / 1000, gaps


def main(config: Config) -> Results:
    """Run all cases.

    Args:
        config: sizes.
    """
    measured, controls = diode(DIODE["n1"]), diode(1.1 * DIODE["n1"])
    rest = rest_state(0.0)
    measured |= {"rest_voltage": float(rest[0]), "rest_light": float(rest[2])}
    strong = rest_state(1.1e-6)
    controls |= {"rest_voltage": float(strong[0]), "rest_light": float(strong[2])}
    tops = {}
    for strength in (10e-6, 20e-6, 40e-6, 80e-6):
        t, x = orbit(config, kappa=0.0, tau=2000.0, kicks=(0.0,), duration=2000.0, strength=strength)
        tops[strength] = top(x[:, 0]), len(spikes(t, x[:, 0]))
    measured |= {"spikes_above_threshold": tops[20e-6][1], "overshoot": tops[40e-6][0]}
    measured["spread_of_overshoot"] = max(tops[k][0] for k in (20e-6, 80e-6)) - min(tops[k][0] for k in (20e-6, 80e-6))
    controls |= {"spikes_above_threshold": tops[10e-6][1], "overshoot": tops[10e-6][0]}
    controls["spread_of_overshoot"] = abs(tops[20e-6][0] - tops[10e-6][0])
    duration = (config.n_trips + 0.5) * 2150.0
    trains = {}
    for kappa in (1e-8, 2e-8, 1.1e-7):
        t, x = orbit(config, kappa=kappa, tau=2000.0, kicks=(0.0,), duration=duration)
        trains[kappa] = spikes(t, x[:, 0]), (t, x)
    measured["pulses_per_trip"] = (len(trains[1.1e-7][0]) - 1) / config.n_trips
    controls["pulses_per_trip"] = (len(trains[1e-8][0]) - 1) / config.n_trips
    measured["period"] = float(np.diff(trains[1.1e-7][0])[-2:].mean()) / 1000
    controls["period"] = float(np.diff(trains[2e-8][0])[-2:].mean()) / 1000
    change, gaps = gap_change(config, 1000.0, tau=3000.0)
    instant, calm = gap_change(config, 1000.0, tau=3000.0, instant=True)
    measured["attraction"], controls["attraction"] = change, instant
    curves = [Curve(np.arange(len(g)), g, name, dots=True) for g, name in ((gaps, "laser"), (calm, "steady laser"))]
    if config.slow:
        slow, _ = gap_change(config, 5500.0, tau=20_000.0, s=16.0)
        measured["repulsion"], controls["repulsion"] = slow, change
    t, x = trains[1.1e-7][1]
    shown = slice(0, 12_000, 4)
    return Results(
        measured,
        controls,
        (
            Plot("One pulse, kept", "t [ns]", "V", (Curve(t[shown] / 1000, x[shown, 0]),),
                 caption="A kick makes a pulse of the diode; its light returns after 2 ns and makes the next."),
            Plot("Gap between two pulses", "round trip", "gap [ns]", tuple(curves),
                 caption="The carriers of the laser remember the pulse before: the second one catches up."),
        ),
    )  # fmt: skip
