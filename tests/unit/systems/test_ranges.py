"""Physical ranges of parameters: they fit the catalogue, and what lies outside warns."""

import warnings

import jax
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import RangeWarning
from cocycle.systems import catalogue
from cocycle.systems.ranges import _tables, ranges


def test_every_range_belongs_to_a_parameter_whose_default_lies_in_it():
    for name in _tables():
        entry = catalogue[name]
        assert entry.name == name
        for parameter, (low, high) in ranges(name).items():
            assert low <= np.min(entry.parameters[parameter]), (name, parameter)
            assert np.max(entry.parameters[parameter]) <= high, (name, parameter)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cc.systems.Lorenz63(rho=-1.0), "lorenz63: rho = -1 lies outside its physical range, 0 or more"),
        (lambda: cc.systems.Blasius(k1=-0.1), "blasius: k1 = -0.1 lies outside its physical range, 0 or more"),
        (lambda: catalogue["tent"].make(mu=2.5), "tent: mu = 2.5 lies outside its physical range, from 0 to 2"),
        (lambda: catalogue["lorenz63"].make(rho=-2), "lorenz63: rho = -2 lies outside its physical range, 0 or more"),
    ],
    ids=["written factory", "declared factory", "declared, by name", "written, by name"],
)
def test_values_outside_warn_and_name_the_range(make, message):
    with pytest.warns(RangeWarning, match=message):
        system = make()
    assert system.name in message


def test_values_inside_and_traced_ones_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cc.systems.Lorenz63(rho=0.0)
        catalogue["tent"].make(mu=2.0)
        ends = jax.vmap(lambda r: cc.systems.Logistic(r=r).args["r"])(np.array([-1.0, 4.5]))
    assert ends.tolist() == [-1.0, 4.5]
