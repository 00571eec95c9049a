"""Systems declared by a field and a table: their factories, and every field against its check vector.

A check vector is one value of the field, computed once by independent code (dysts) and kept with 17 digits.
The tolerance is round-off: a field is a sum of at most some hundred operations.
"""

import inspect
import subprocess
import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from cocycle import systems
from cocycle.core.errors import ParameterError, ShapeError
from cocycle.systems import catalogue
from cocycle.systems.declared import Declared
from cocycle.systems.registry import FIELDS
from cocycle.systems.texts import texts

ROUND_OFF = 1e-12
DECLARED = [name for name, row in texts().items() if "x0" in row]
CHECKED = [name for name, row in texts().items() if "check" in row]


def test_every_table_has_its_field_and_every_field_its_table():
    assert {e.name for e in catalogue if isinstance(e.factory, Declared)} == set(DECLARED)


@pytest.mark.parametrize("name", CHECKED)
def test_field_equals_independent_code(name):
    row: Any = texts()[name]
    check = row["check"]
    factory: Any = catalogue[name].factory
    system: Any = factory(**row.get("dysts_parameters", {}))
    u, expected = jnp.asarray(check["u"], dtype=float), np.asarray(check["f"])
    past = [jnp.asarray(v, dtype=float) for v in check.get("delayed", [])]
    extra = [] if not past else [past[0] if len(past) == 1 else tuple(past)]
    got = np.asarray(system.field(jnp.asarray(check["t"]), u, *extra, system.args))
    assert np.linalg.norm(got - expected) <= ROUND_OFF * np.linalg.norm(expected)


@pytest.mark.parametrize("name", DECLARED)
def test_table_is_complete(name):
    row: Any = texts()[name]
    known = {
        "kind",
        "dimension",
        "field",
        "title",
        "dysts",
        "source",
        "equations",
        "variables",
        "chaotic",
        "autonomous",
    }
    known |= {"tags", "period", "dt", "x0", "parameters", "meanings", "check", "facts", "n_steps", "delays", "angles"}
    known |= {"collection", "dysts_parameters", "n_vectors", "wraps", "correction", "lyapunov_times", "note"}
    assert set(row) <= known
    assert row["field"] in FIELDS
    assert len(row["variables"]) == row["dimension"]
    assert set(row.get("parameters", {})) == set(row["meanings"])
    assert row["kind"] == "map" or 0 < row["dt"] < row["period"]
    assert "check" in row or row.get("facts"), "a field needs a check vector or a fact that is recomputed"


def test_docstring_and_signature_come_from_the_table():
    factory: Any = systems.Aizawa
    assert factory.__doc__.startswith("Aizawa's")
    for part in ("Args:", "Returns:", "Raises:", "Example:", "Source: [", "stepper:"):
        assert part in factory.__doc__
    assert list(inspect.signature(factory).parameters)[-3:] == ["dt", "x0", "stepper"]
    assert factory.__name__ == "Aizawa"


def test_refused():
    with pytest.raises(ParameterError, match="no parameter 'aa'"):
        systems.Aizawa(aa=1.0)
    with pytest.raises(ParameterError, match="finite"):
        systems.Aizawa(a=float("inf"))
    with pytest.raises(ShapeError, match="shape"):
        systems.Aizawa(x0=[1.0])


def test_importing_reads_no_table():
    code = "import cocycle.systems, cocycle.systems.texts as t; assert t.texts.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True)
