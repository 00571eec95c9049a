"""Delay equations: Mackey and Glass's control of blood cells."""

from typing import Any

from cocycle.steppers.delay import DelayFlow
from cocycle.systems.checks import positive
from cocycle.systems.registry import register


def mackey_glass_field(t: Any, x: Any, past: Any, args: Any) -> Any:
    """Production that depends on the density a delay ago, less decay."""
    return args["beta"] * past / (1.0 + past ** args["power"]) - args["gamma"] * x


@register("mackey_glass", kind="delay", dimension=None, field="physiology", chaotic=True, tags=("infinite dimension",))
def MackeyGlass(
    *,
    beta: Any = 0.2,
    gamma: Any = 0.1,
    power: Any = 10.0,
    tau: Any = 17.0,
    dt: Any = 0.1,
    x0: Any = None,
    max_delay: float | None = None,
) -> DelayFlow:
    r"""Mackey and Glass's density of blood cells, whose production answers late.

    $$\dot x = \frac{\beta x_\tau}{1 + x_\tau^n} - \gamma x, \quad x_\tau = x(t - \tau)$$

    Args:
        beta: rate of production, positive.
        gamma: rate of decay, positive.
        power: n, steepness of the answer, positive.
        tau: delay, at least dt.
        dt: time per step.
        x0: initial history: a positive number, or a function of t <= 0; default 1.2.
        max_delay: largest delay that the history has room for; default tau. Give it to sweep tau without compiling
            again.

    Returns:
        DelayFlow with a scalar variable.

    Raises:
        ParameterError: if a rate, the power or tau is not positive, or tau is below dt.

    Limits: a history that turns negative has no power: start positive.

    Example:
        >>> float(MackeyGlass(tau=23.0).delays)
        23.0

    Source: [mackey1977].
    """
    args = {name: positive(v, name) for name, v in {"beta": beta, "gamma": gamma, "power": power}.items()}
    if x0 is None or not callable(x0):
        x0 = positive(1.2 if x0 is None else x0, "x0", "it is a density") if not isinstance(x0, tuple) else x0
    tau = positive(tau, "tau", "the equation looks back, not ahead")
    return DelayFlow(
        mackey_glass_field,
        args,
        delays=tau,
        dt=dt,
        x0=x0,
        max_delay=max_delay,
        name="mackey_glass",
        variables=("x",),
    )
