"""The catalogue, its registry, and what the factories refuse."""

import dataclasses
import inspect
import pathlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle import systems
from cocycle.core.errors import CocycleError, ParameterError, ShapeError, UnknownNameError
from cocycle.core.system import AbstractSystem
from cocycle.systems import catalogue, register
from cocycle.systems.declared import Declared
from cocycle.systems.registry import FIELDS, OPTIONS

ROUND_OFF = 64 * np.finfo(float).eps


def factories():
    """Public functions of cocycle.systems that make a system: CapWords, as classes are."""
    public = {name: getattr(systems, name) for name in systems.__all__}
    made = (inspect.isfunction, lambda f: isinstance(f, Declared))
    return {n: f for n, f in public.items() if any(is_one(f) for is_one in made) and n[0].isupper()}


def test_every_factory_is_registered():
    assert {id(f) for f in factories().values()} == {id(entry.factory) for entry in catalogue}


def test_every_entry_has_facts_texts_and_sources():
    bib = (pathlib.Path(__file__).parents[3] / "docs" / "refs.bib").read_text()
    keys = set(re.findall(r"@\w+\{(\w+),", bib)) | {"derivation"}
    for entry in catalogue:
        checked = isinstance(entry.factory, Declared)  # by its check vector, see test_declared.py
        assert entry.facts or checked, (
            f"{entry.name} has no facts: add a row to facts.toml and its check to tests/facts"
        )
        assert entry.equations
        assert entry.title
        assert set(entry.meanings) == set(entry.parameters), entry.name
        assert {*entry.sources, *(fact.source for fact in entry.facts)} <= keys, entry.name
        assert entry.field in FIELDS


@pytest.mark.parametrize("name", catalogue.names())
def test_entry_says_what_it_makes(name):
    entry = catalogue[name]
    made = entry.make()
    assert isinstance(made, AbstractSystem)
    system: Any = made
    assert system.name == name
    assert set(inspect.signature(entry.factory).parameters) - set(OPTIONS) == set(entry.parameters)
    state = system.initial_state(system.x0)
    if entry.dimension is not None:
        assert sum(leaf.size for leaf in jax.tree.leaves(state)) == entry.dimension == len(system.variables)
    assert entry.name in str(entry)
    assert entry.title in str(entry)


def test_parameters_reach_the_system():
    for entry in catalogue:
        for name, default in entry.parameters.items():
            if isinstance(default, float):
                system: Any = entry.make(**{name: default * 0.75})
                assert name not in system.args or float(system.args[name]) == default * 0.75
                assert name in system.args or entry.kind == "delay" or float(system.grid.length) == default * 0.75


def test_names_iteration_and_filter():
    assert list(catalogue.names()) == sorted(catalogue.names())
    assert [entry.name for entry in catalogue] == list(catalogue.names())
    assert len(catalogue) == len(catalogue.names()) >= 18
    assert catalogue["Mackey Glass"] is catalogue["mackey_glass"]
    maps = catalogue.filter(kind="map")
    assert {"cat_map", "henon", "logistic", "standard_map", "tent"} <= set(maps.names())
    assert all(entry.kind == "map" for entry in maps)
    lorenz = catalogue.filter(field="climate", dimension=3, chaotic=True)
    assert {"lorenz63", "lorenz84"} <= set(lorenz.names())
    assert all((e.field, e.dimension, e.chaotic) == ("climate", 3, True) for e in lorenz)
    assert len(catalogue.filter(dimension=1000)) == 0


def test_tables_show_every_system():
    text, html = str(catalogue), catalogue._repr_html_()
    for entry in catalogue:
        assert entry.name in text
        assert entry.name in html
    assert "&#x27;" in html  # "Arnold's" is escaped


def test_entries_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(catalogue["henon"], "name", "x")  # noqa: B010


REFUSED = [
    (lambda: catalogue["lorentz63"], UnknownNameError, "lorenz63"),
    (lambda: catalogue.filter(kind="maps"), UnknownNameError, "map"),
    (lambda: catalogue.filter(field="climat"), UnknownNameError, "climate"),
    (lambda: catalogue["lorenz63"].make(roh=20.0), UnknownNameError, "rho"),
    (lambda: catalogue["lorenz63"].make(rho="28"), ParameterError, "rho must be a number"),
    (lambda: catalogue["lorenz63"].make(rho=[[1], [2, 3]]), ParameterError, "rho must be a number"),
    (lambda: catalogue["lorenz63"].make(dt="small"), ParameterError, "dt must be a number"),
    (lambda: systems.Lorenz63(rho=True), ParameterError, "real number"),
    (lambda: systems.Lorenz63(rho=float("nan")), ParameterError, "finite"),
    (lambda: systems.Lorenz63(rho=1j), ParameterError, "real"),
    (lambda: systems.Lorenz63(rho=np.arange(3.0)), ParameterError, "one number"),
    (lambda: systems.Lorenz63(sigma=0.0), ParameterError, "positive"),
    (lambda: systems.Lorenz63(dt=-0.1), ParameterError, "dt"),
    (lambda: systems.Lorenz63(x0=[1.0, 2.0]), ShapeError, r"\(3,\)"),
    (lambda: systems.Lorenz63(x0="here"), ParameterError, "x0"),
    (lambda: systems.Lorenz96(n=3), ParameterError, "at least 4"),
    (lambda: systems.Logistic(r=4.5), ParameterError, "from 0 to 4"),
    (lambda: systems.VanDerPol(mu=-1.0), ParameterError, "negative"),
    (lambda: systems.Duffing(delta=-0.1), ParameterError, "negative"),
    (lambda: systems.Thomas(b=0.0), ParameterError, "positive"),
    (lambda: systems.DoublePendulum(m2=0.0), ParameterError, "positive"),
    (lambda: systems.DoublePendulum(stepper=cc.steppers.Leapfrog()), ParameterError, "separable"),
    (lambda: systems.MackeyGlass(tau=-17.0), ParameterError, "tau must be positive"),
    (lambda: systems.MackeyGlass(tau=0.01), ParameterError, "dt"),
    (lambda: systems.OrnsteinUhlenbeck(theta=-1.0), ParameterError, "positive"),
    (lambda: systems.DoubleWell(sigma=-0.5), ParameterError, "negative"),
    (lambda: systems.GeometricBrownianMotion(sigma=-0.5), ParameterError, "negative"),
    (lambda: systems.Kuramoto(n=1), ParameterError, "at least 2"),
    (lambda: systems.Kuramoto(n=3, frequencies=[1.0, 2.0]), ShapeError, "disagree"),
    (lambda: systems.Kuramoto(adjacency=np.ones((2, 3))), ShapeError, "square"),
    (lambda: systems.Kuramoto(frequencies=[0.1]), ParameterError, "at least 2"),
    (lambda: register("henon", kind="map", dimension=2, field="physics", chaotic=True), ParameterError, "already"),
    (lambda: register("x", kind="map", dimension=2, field="art", chaotic=True), ParameterError, "field"),
]


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says):
    with pytest.raises(error, match=says) as caught:
        call()
    assert isinstance(caught.value, CocycleError)
    assert "\n" not in str(caught.value)


def test_traced_parameters_pass():
    rates = jax.vmap(lambda rho: systems.Lorenz63(rho=rho).step(jnp.ones(3), None))(jnp.array([20.0, 28.0]))
    for row, rho in zip(rates, (20.0, 28.0)):
        # Batched multiplications may be fused differently.
        assert np.max(np.abs(row - systems.Lorenz63(rho=rho).step(jnp.ones(3), None))) < ROUND_OFF


def test_double_pendulum_follows_its_hamiltonian(key):
    system = systems.DoublePendulum(m1=1.3, m2=0.7, l1=0.9, l2=1.4)
    for k in jax.random.split(key, 16):
        u = 2.0 * jax.random.normal(k, (4,))
        slope = jax.grad(systems.double_pendulum_energy)(u, system.args)
        expected = jnp.concatenate([slope[2:], -slope[:2]])
        size = float(jnp.max(jnp.abs(expected)))
        assert np.max(np.abs(system.field(0.0, u, system.args) - expected)) < ROUND_OFF * size


def test_henon_heiles_follows_its_hamiltonian(key):
    system = systems.HenonHeiles(coupling=0.7)
    for k in jax.random.split(key, 16):
        u = jax.random.normal(k, (4,))
        slope = jax.grad(systems.henon_heiles_energy)(u, system.args)
        expected = jnp.concatenate([slope[2:], -slope[:2]])
        assert np.max(np.abs(system.field(0.0, u, system.args) - expected)) < ROUND_OFF * 10


def test_kuramoto_is_the_sum_over_links(key):
    a, b, c = jax.random.split(key, 3)
    links = np.asarray(jax.random.uniform(a, (5, 5)))
    system = systems.Kuramoto(coupling=1.7, frequencies=jax.random.normal(b, (5,)), adjacency=links)
    theta = np.asarray(jax.random.normal(c, (5,)))
    slow = [
        float(system.args["frequencies"][i])
        + 1.7 / 5 * sum(links[i, j] * np.sin(theta[j] - theta[i]) for j in range(5))
        for i in range(5)
    ]
    assert np.max(np.abs(system.field(0.0, jnp.asarray(theta), system.args) - np.array(slow))) < ROUND_OFF * 10


def test_mackey_glass_sweeps_its_delay_without_compiling_again():
    short, long = (systems.MackeyGlass(tau=tau, dt=0.5, max_delay=30.0) for tau in (17.0, 30.0))
    shapes = [[leaf.shape for leaf in jax.tree.leaves(s.initial_state(s.x0))] for s in (short, long)]
    assert shapes[0] == shapes[1]
    assert jax.tree.structure(short) == jax.tree.structure(long)
