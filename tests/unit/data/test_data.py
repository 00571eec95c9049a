"""The sample series are the files described in SOURCES.md."""

import numpy as np
import pytest

import cocycle.data
from cocycle.core.errors import UnknownNameError


@pytest.mark.parametrize(
    ("name", "shape", "first"), [("laser", 10_093, 86.0), ("sunspots", 3_126, 58.0), ("ecg", 7_500, -0.195)]
)
def test_series(name, shape, first):
    x = getattr(cocycle.data, name)()
    assert x.shape == (shape,)
    assert x[0] == first
    assert np.all(np.isfinite(x))
    assert cocycle.data.path(name).exists()


def test_laser_is_of_eight_bits():
    x = cocycle.data.laser()
    assert np.all(x == np.round(x))
    assert 0 <= x.min() < x.max() <= 255


def test_file_names_are_names_too():
    assert cocycle.data.path("santafe_laser.csv") == cocycle.data.path("laser")


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="'laser'"):
        cocycle.data.path("lazer")


def test_sources_are_shipped():
    text = (cocycle.data.path("laser").parent / "SOURCES.md").read_text()
    assert all(file in text for file in cocycle.data.FILES.values())
