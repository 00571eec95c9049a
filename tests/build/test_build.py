"""The project itself: doctests, citations, public names, import time."""

import ast
import doctest
import importlib
import pathlib
import pkgutil
import re
import subprocess
import sys

import pytest

import cocycle

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted(m.name for m in pkgutil.walk_packages(cocycle.__path__, "cocycle."))


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_every_citation_is_in_the_bibliography():
    bibliography = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "docs" / "refs.bib").read_text(), re.MULTILINE))
    missing = {}
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for line in re.findall(r"^\s*Source:(.*?)(?:\n\s*\n|\Z)", ast.get_docstring(node) or "", re.M | re.S):
                    keys = set(re.findall(r"\[([a-z]+[0-9]{4}[a-z]*)\]", line))
                    if keys - bibliography:
                        missing[str(file.relative_to(ROOT))] = keys - bibliography
    assert not missing


def test_every_public_name_resolves_and_has_a_docstring():
    for name in cocycle.__all__:
        value = getattr(cocycle, name)
        assert isinstance(value, str) or value.__doc__, name


def test_public_names_are_reviewed():
    """A rename is seen here."""
    listed = (ROOT / "tests" / "build" / "public_names.txt").read_text().split()
    assert sorted(cocycle.__all__) == sorted(listed)


def test_import_is_lazy():
    """`import cocycle` loads JAX and nothing heavy beside it."""
    heavy = ("equinox", "diffrax", "scipy.spatial", "pandas")
    code = f"import sys, cocycle; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_x64_can_be_left_off():
    code = "import cocycle, jax.numpy as jnp; print(jnp.zeros(1).dtype)"
    for value, dtype in (("0", "float32"), ("1", "float64")):
        env = {"COCYCLE_X64": value, "PATH": "", "JAX_PLATFORMS": "cpu"}
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout
        assert out.strip() == dtype


def test_files_stay_small_and_named_for_their_idea():
    for file in (ROOT / "src").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 400, file
        assert file.stem not in {"utils", "helpers", "misc", "common", "base", "manager", "tools"}, file


def test_editors_see_every_public_name():
    stub = ast.parse((ROOT / "src" / "cocycle" / "__init__.pyi").read_text())
    imported = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(cocycle.__all__)
