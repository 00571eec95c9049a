"""Systems that are a field and numbers: the function is Python, everything else is a table of `rows/*.toml`."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from cocycle.core.errors import ParameterError, suggest
from cocycle.core.functions import Map
from cocycle.steppers import RK4, DelayFlow, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import real, vector
from cocycle.systems.ranges import warn_outside
from cocycle.systems.registry import ENTRIES, Entry, check_kind_and_field
from cocycle.systems.texts import texts, tuples


class Declared:
    """Factory of a declared system; call it with parameters that differ from the defaults.

    It behaves as the written ones do: keyword-only parameters with defaults, `x0`, `dt` (unless it is a map), and
    `stepper` (flows) or `max_delay` (delay equations); a signature and a docstring. Both come from the table of the
    system, which is read when first needed.

    Args:
        name: key in the catalogue and of the table.
        field: `field(t, y, p)`, of delay equations `field(t, y, delayed, p)`, of maps `f(x, p)`; p is the dict of
            parameters.
        stepper: default rule of one step, for flows.
    """

    def __init__(self, name: str, field: Callable[..., Any], stepper: AbstractStepper):
        self.name = name
        self.field = field
        self.stepper = stepper
        self.__name__ = self.__qualname__ = field.__name__
        self.__module__ = field.__module__
        self.__wrapped__ = field

    def __repr__(self) -> str:
        return f"<factory {self.__name__} of the catalogue's {self.name!r}>"

    @property
    def row(self) -> dict[str, Any]:
        """Table of the system."""
        return texts()[self.name]

    @property
    def defaults(self) -> dict[str, Any]:
        """Default parameters: floats, or nested tuples of them."""
        return {k: _floats(v) for k, v in self.row.get("parameters", {}).items()}

    @property
    def __signature__(self) -> inspect.Signature:
        keyword = inspect.Parameter.KEYWORD_ONLY
        named = [inspect.Parameter(k, keyword, default=v) for k, v in {**self.defaults, **self.options}.items()]
        return inspect.Signature(named, return_annotation=MADE[self.row["kind"]])

    @property
    def options(self) -> dict[str, Any]:
        """Options beside the parameters, with defaults."""
        every = {"dt": self.row.get("dt"), "x0": None, "stepper": self.stepper, "max_delay": None}
        return {k: every[k] for k in OPTIONS_OF[self.row["kind"]]}

    @property
    def __doc__(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return docstring(self)

    def __call__(self, **given: Any) -> Flow | DelayFlow | Map:
        """Make the system.

        Args:
            **given: parameters, `dt`, `x0`, `stepper` or `max_delay` that differ from the defaults.

        Returns:
            Flow, DelayFlow or Map.

        Raises:
            ParameterError: if there is no such parameter, or a value is not finite.
            ShapeError: if a value has not the shape of its default.

        Warns:
            RangeWarning: if a value lies outside of its physical range.
        """
        row, defaults = self.row, self.defaults
        known = (*defaults, *OPTIONS_OF[row["kind"]])
        for k in given:
            if k not in known:
                raise ParameterError(f"{self.name} has no parameter {k!r}; {suggest(k, known)}")
        p = {k: _checked(given.get(k, v), v, k) for k, v in defaults.items()}
        warn_outside(self.name, {k: p[k] for k in given if k in p})
        x0, names = given.get("x0"), tuple(row["variables"])
        if row["kind"] == "map":
            return Map(self.field, p, x0=vector(x0, row["x0"]), name=self.name, variables=names)
        dt = given.get("dt", row["dt"])
        if row["kind"] == "flow":
            stepper = given.get("stepper", self.stepper)
            return Flow(
                self.field, p, dt=dt, x0=vector(x0, row["x0"]), stepper=stepper, name=self.name, variables=names
            )
        looks_back = [p.pop(k) for k in row["delays"]]
        return DelayFlow(
            self.field,
            p,
            delays=looks_back[0] if len(looks_back) == 1 else tuple(looks_back),
            dt=dt,
            x0=x0 if callable(x0) or isinstance(x0, tuple) else vector(x0, row["x0"]),
            max_delay=given.get("max_delay"),
            name=self.name,
            variables=names,
        )

    def entry(self) -> Entry:
        """Return the entry of the catalogue."""
        row = self.row
        check_kind_and_field(row["kind"], row["field"])
        dimension = None if row["kind"] == "delay" else row["dimension"]
        n_steps, tags = row.get("n_steps", 100_000), tuple(row.get("tags", ()))
        return Entry(self.name, self, row["kind"], dimension, row["field"], row["chaotic"], n_steps, tags)


MADE = {"flow": Flow, "delay": DelayFlow, "map": Map}
OPTIONS_OF = {"flow": ("dt", "x0", "stepper"), "delay": ("dt", "x0", "max_delay"), "map": ("x0",)}


def declared(name: str, *, stepper: AbstractStepper = RK4()) -> Callable[[Callable[..., Any]], Declared]:
    """Turn the field that follows into a factory of the catalogue; all else is its table in `rows/*.toml`.

    Args:
        name: key in the catalogue and of the table, lower case with underscores.
        stepper: default rule of one step, for flows.

    Returns:
        A decorator that returns the factory.

    Raises:
        ParameterError: if the name is taken.
    """

    def decorate(field: Callable[..., Any]) -> Declared:
        factory = Declared(name, field, stepper)
        ENTRIES.add(name, factory.entry)
        return factory

    return decorate


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_floats(v) for v in value)
    return float(value)


def _checked(value: Any, default: Any, name: str) -> Any:
    return vector(value, default, name) if isinstance(default, tuple) else real(value, name)


def docstring(factory: Declared) -> str:
    """Write the docstring of a declared system from its table.

    Args:
        factory: the factory.
    """
    row = factory.row
    kind, names = row["kind"], ", ".join(row["variables"])
    title = row["title"] if row["title"].endswith(".") else row["title"] + "."
    state = f"initial history of [{names}]: numbers, or a function of t <= 0" if kind == "delay" else ""
    about = {
        "dt": "time per step.",
        "x0": f"{state or f'initial state [{names}]'}.",
        "stepper": "rule of one step.",
        "max_delay": "largest delay that the history has room for.",
    }
    meanings = {**row["meanings"], **{k: about[k] for k in OPTIONS_OF[kind]}}
    lines = [f"    {k}: {v if v.endswith('.') else v + '.'}" for k, v in meanings.items()]
    size = "a scalar state" if kind == "map" and isinstance(row["x0"], float) else f"state ({row['dimension']},)"
    made = f"DelayFlow of {names}" if kind == "delay" else f"{MADE[kind].__name__} with {size}"
    sources = row["source"] if isinstance(row["source"], list) else [row["source"]]
    parts = [
        title,
        "\n".join(f"$$ {e} $$" for e in row["equations"]),
        "\n".join(["Args:", *lines]),
        f"Returns:\n    {made}.",
        "Raises:\n    ParameterError: if a parameter is not a finite number.",
        f"Example:\n    >>> {factory.__name__}().variables\n    {tuples(row['variables'])!r}",
        "Source: " + ", ".join(f"[{key}]" for key in sources) + ".",
    ]
    return re.sub(r"\n\n\n+", "\n\n", "\n\n".join(p for p in parts if p))
