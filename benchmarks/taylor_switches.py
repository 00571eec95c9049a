"""Fields that are not analytic: error against closed forms and time per switch, by what `Taylor` does at a switch."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.taylor_problems import best
from cocycle.steppers import Switches, Taylor

TOLERANCES = (1e-6, 1e-9, 1e-12, 1e-15)


def kink(t, y, a):
    """x'' = -x above zero, -4 x below."""
    return jnp.stack([y[1], -jnp.where(y[0] > 0, y[0], 4 * y[0])])


def jump(t, y, a):
    """x'' = -sign(x)."""
    return jnp.stack([y[1], -jnp.sign(y[0])])


def main() -> None:
    # Start and end: a quarter turn from a switch; periods 3 pi / 2 and 4, two switches each.
    cases = [
        ("kink", kink, [1.0, 0.0], 1.5 * np.pi, [1.0, 0.0]),
        ("jump", jump, [0.5, 0.0], 4.0, [0.5, 0.0]),
    ]
    print("10 switches: error against the closed form, and microseconds a switch (with the way to it)")
    print(f"  {'':22s}" + "".join(f"{tol:>18.0e}" for tol in TOLERANCES))
    for name, field, start, period, end in cases:
        for switches in (Switches.LOCATE, Switches.RUNGE_KUTTA):
            cells = []
            for tol in TOLERANCES:
                stepper = Taylor(tol, switches=switches, max_steps=10**7)
                run = jax.jit(lambda y, d, s=stepper, f=field: s.step(f, jnp.zeros(()), y, None, d))
                y = jnp.asarray(start)
                error = float(jnp.max(jnp.abs(run(y, 5 * period) - jnp.asarray(end))))
                seconds = best(lambda r=run, y=y, p=period: r(y, 500 * p), 3)
                cells.append(f"{error:>10.1e}{1e6 * seconds / 1000:>8.2f}")
            print(f"  {name}, {switches.value:16s}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
