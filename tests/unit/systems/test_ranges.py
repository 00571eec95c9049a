"""Physical ranges of parameters: they fit the catalogue, and what lies outside warns."""

import warnings

import jax
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import RangeWarning
from cocycle.systems import catalogue
from cocycle.systems.ranges import _tables, ranges, unbounded


def test_every_range_belongs_to_a_parameter_whose_default_lies_in_it():
    for name in _tables().keys() - {"unbounded"}:
        entry = catalogue[name]
        assert entry.name == name
        for parameter, (low, high) in ranges(name).items():
            assert low <= np.min(entry.parameters[parameter]), (name, parameter)
            assert np.max(entry.parameters[parameter]) <= high, (name, parameter)


def test_every_system_with_parameters_has_a_range_or_a_reason_for_none():
    with_parameters = {entry.name for entry in catalogue if entry.parameters}
    bounded = {entry.name for entry in catalogue if entry.ranges}
    assert bounded | unbounded().keys() == with_parameters
    assert not bounded & unbounded().keys()
    assert all(unbounded().values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cc.systems.Lorenz63(rho=-1.0), "lorenz63: rho = -1 lies outside its physical range, 0 or more"),
        (lambda: cc.systems.Blasius(k1=-0.1), "blasius: k1 = -0.1 lies outside its physical range, 0 or more"),
        (lambda: catalogue["tent"].make(mu=2.5), "tent: mu = 2.5 lies outside its physical range, from 0 to 2"),
        (lambda: catalogue["lorenz63"].make(rho=-2), "lorenz63: rho = -2 lies outside its physical range, 0 or more"),
        (lambda: catalogue["laser"].make(h=0.5), "laser: h = 0.5 lies outside its physical range, 0 or less"),
        (lambda: cc.systems.HyperLu(d=1.4), "hyper_lu: d = 1.4 lies outside its physical range, 1.3 or less"),
        (lambda: cc.systems.Henon(b=1.5), "henon: b = 1.5 lies outside its physical range, from -1 to 1"),
    ],
    ids=["written factory", "declared factory", "declared, by name", "written, by name", "decay", "upper", "both"],
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
