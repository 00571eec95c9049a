"""Small pictures in a terminal: dots of Braille for curves and clouds, shades for space against time."""

import math

import numpy as np

# Bit of each of the 4 x 2 dots of a character, rows from the top.
BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
SHADES = " ░▒▓█"


def dots(points: np.ndarray, *, n_columns: int = 60, n_rows: int = 18, joined: bool = True) -> str:
    """Draw points of the plane, y upwards, so that they fill the picture.

    Args:
        points: shape (n, 2).
        n_columns: characters across.
        n_rows: lines.
        joined: join neighbours by straight lines.

    Returns:
        Lines of equal length.

    Example:
        >>> print(dots(np.array([[0.0, 0.0], [1.0, 1.0]]), n_columns=3, n_rows=2))
        ⠀⢀⠎
        ⡰⠁⠀
    """
    width, height = 2 * n_columns, 4 * n_rows
    low, high = points.min(axis=0), points.max(axis=0)
    unit = (points - low) / np.where(high > low, high - low, 1.0)
    unit[:, high <= low] = 0.5
    at = np.stack([unit[:, 0] * (width - 1), (1.0 - unit[:, 1]) * (height - 1)], axis=1)
    if joined and len(at) > 1:
        longest = np.abs(np.diff(at, axis=0)).max(axis=1)
        at = np.concatenate([_between(a, b, n) for a, b, n in zip(at[:-1], at[1:], longest, strict=True)])
    x, y = np.round(at).astype(int).T
    cells = np.zeros((n_rows, n_columns), int)
    np.bitwise_or.at(cells, (y // 4, x // 2), BITS[y % 4, x % 2])
    return "\n".join("".join(chr(0x2800 + cell) for cell in row) for row in cells)


def _between(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    share = np.linspace(0.0, 1.0, max(2, math.ceil(length) + 1))[:, None]
    return a + share * (b - a)


def shades(rows: np.ndarray, *, n_columns: int = 60, n_rows: int = 18) -> str:
    """Draw values of space (upwards) against time (to the right), bright where they are large.

    Args:
        rows: values (time, space).
        n_columns: characters across.
        n_rows: most lines.

    Returns:
        Lines of equal length.
    """
    image = rows.T[::-1]
    across = np.linspace(0, image.shape[1] - 1, n_columns).round().astype(int)
    up = np.linspace(0, len(image) - 1, min(n_rows, len(image))).round().astype(int)
    image = image[np.ix_(up, across)]
    low, high = np.quantile(image, [0.01, 0.99])
    step = np.clip((image - low) / max(high - low, 1e-300), 0.0, 1.0) * (len(SHADES) - 1)
    return "\n".join("".join(SHADES[level] for level in line) for line in np.round(step).astype(int))
