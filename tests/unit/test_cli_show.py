"""What `cocycle show` writes: equations without LaTeX, orbits in dots and shades."""

import numpy as np
import pytest

from cocycle.cli.braille import dots, shades
from cocycle.cli.equations import readable
from cocycle.systems import catalogue


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\dot x = \sigma (y - x)", "ẋ = σ (y − x)"),
        (r"\frac{a}{b} x", "a/b x"),
        (r"\frac{a + b}{c d} x", "((a + b) / (c d)) x"),
        (r"x = \frac{1}{(1 + a)(1 + b)}", "x = 1 / ((1 + a)(1 + b))"),
        (r"\frac{K}{2\pi} \sin 2 \pi x \pmod 1", "K/(2π) sin 2 π x (mod 1)"),
        (r"\sin^2\theta + \sin\theta", "sin² θ + sin θ"),
        (r"x_{i+1}^{n-1} e^{-a x^2} v_{sw}", "xᵢ₊₁ⁿ⁻¹ e^(−a x²) v_{sw}"),
        (r"\sqrt x + \sqrt{x + 1}, \quad \tfrac12 \mathrm{sgn}(z)\, y", "√x + √(x + 1),   ½ sgn(z) y"),
        (r"\foo x", "foo x"),
    ],
)
def test_equations_are_readable(latex, expected):
    assert readable(latex) == expected


def test_no_latex_is_left_of_the_catalogue():
    for entry in catalogue:
        for line in entry.equations:
            text = readable(line)
            assert not set(text) & set("\\\ue000\ue001\ue002"), (entry.name, text)
            assert text.count("(") == text.count(")"), (entry.name, text)


def lit(picture):
    return sum(bin(ord(c) - 0x2800).count("1") for line in picture.split("\n") for c in line)


def test_dots_light_the_pixels_of_the_points():
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    picture = dots(corners, n_columns=5, n_rows=3, joined=False).split("\n")
    assert [len(line) for line in picture] == [5] * 3
    # Dots 1 and 4 are the upper corners of a character, 7 and 8 the lower ones.
    assert (picture[0][0], picture[0][4]) == ("\u2801", "\u2808")
    assert (picture[2][0], picture[2][4]) == ("\u2840", "\u2880")
    assert lit("\n".join(picture)) == 4


def test_joined_dots_leave_no_gap_and_a_lone_point_sits_in_the_middle():
    assert lit(dots(np.array([[0.0, 0.0], [1.0, 0.0]]), n_columns=20, n_rows=2)) == 40
    assert lit(dots(np.array([[3.0, 3.0]]), n_columns=4, n_rows=2)) == 1


def test_shades_put_space_upwards_and_time_to_the_right():
    space = np.linspace(0.0, 1.0, 8)
    picture = shades(np.tile(space, (30, 1)), n_columns=10, n_rows=5).split("\n")
    assert picture[0] == "█" * 10
    assert picture[-1] == " " * 10
