"""Small pictures of orbits, as inline SVG: a curve, a cloud of points, or space against time."""

import base64
import dataclasses
import math
import struct
import zlib
from typing import Any, Literal

import numpy as np

from cocycle.systems.orbits import orbit
from cocycle.systems.registry import Entry

WIDTH, HEIGHT, MARGIN = 240, 180, 10
MANY = 13
N_POINTS, N_PERIODS = 900, 15
RTOL = 1e-7


@dataclasses.dataclass(frozen=True)
class Sketch:
    """What a small picture of a system shows.

    Attributes:
        kind: "curve", "cloud" or "raster".
        points: points of the plane (n, 2); of a raster, values (time, space).
    """

    kind: Literal["curve", "cloud", "raster"]
    points: np.ndarray


def sketch(entry: Entry) -> Sketch:
    """Choose what to show of a system.

    Planes are those of the two principal axes. Maps are clouds of points, delay equations are drawn against their own
    past, what has more than a dozen variables as space (up) against time (right), a lone variable against time.

    Args:
        entry: entry of the catalogue.
    """
    rows = _rows(entry)
    if entry.kind == "map":
        if rows.ndim == 1:
            return Sketch("cloud", np.stack([rows[:-1], rows[1:]], axis=1))
        return Sketch("cloud", rows) if rows.shape[1] == 2 else Sketch("raster", rows[:90])
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows[:, 0]
    if rows.ndim == 1:
        quarter = max(1, _points_per_period(entry) // 4)
        late = np.stack([rows[quarter:], rows[:-quarter]], axis=1)
        timed = np.stack([np.arange(len(rows)) / len(rows), rows], axis=1)
        return Sketch("curve", late if entry.kind == "delay" else timed)
    return Sketch("raster", rows) if rows.shape[1] >= MANY else Sketch("curve", plane(rows))


def thumbnail(entry: Entry) -> str:
    """Draw an orbit of a system, as `sketch` chooses.

    Args:
        entry: entry of the catalogue.

    Returns:
        An `<svg>` element.
    """
    chosen = sketch(entry)
    return {"curve": _curve, "cloud": _cloud, "raster": _raster}[chosen.kind](chosen.points)


def _points_per_period(entry: Entry) -> int:
    return 150 if entry.kind in ("flow", "network", "delay") else 20


def _rows(entry: Entry) -> np.ndarray:
    """Points of the orbit, angles wrapped to their sines."""
    if entry.kind == "map":
        return np.asarray(orbit(entry, n_periods=1, points_per_period=3 * N_POINTS, n_transient=1).x)
    per = _points_per_period(entry)
    many = entry.dimension is not None and entry.dimension >= MANY
    length = entry.period if entry.period is not None else 100 * float(np.asarray(_dt(entry)))
    n_periods = 3 if many and entry.kind != "pde" else (6 if entry.kind == "pde" else max(N_PERIODS, N_POINTS // per))
    dropped = 0 if not entry.chaotic else 10
    found = orbit(entry, n_periods=n_periods, points_per_period=per, n_transient=dropped, period=length, rtol=RTOL)
    x = np.array(found.x)
    for i, name in enumerate(found.variables or ()):
        if name in entry.angles:
            x[:, i] = np.sin(x[:, i])
    return x


def _dt(entry: Entry) -> Any:
    made: Any = entry.make()
    return made.dt


def plane(rows: np.ndarray) -> np.ndarray:
    """Project points on their two principal axes; two variables are taken as they are.

    Args:
        rows: points (n, d), d at least 2.

    Returns:
        Points (n, 2). Signs are chosen so that the farthest point along each axis is on the positive side.
    """
    if rows.shape[1] == 2:
        return rows
    spread = rows.std(axis=0)
    alike = spread.max() <= 20 * max(spread.min(), 1e-300)
    centred = (rows - rows.mean(axis=0)) / (1.0 if alike else np.where(spread > 0, spread, 1.0))
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    flat = centred @ axes.T
    return flat * np.sign(flat[np.argmax(np.abs(flat), axis=0), [0, 1]])


def _pixels(points: np.ndarray, scale: float) -> np.ndarray:
    """Whole numbers that fill the picture, `scale` of them a unit, y upwards."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    unit = (points - low) / np.where(high > low, high - low, 1.0)
    unit[:, high <= low] = 0.5
    unit[:, 1] = 1.0 - unit[:, 1]
    return np.round(scale * (MARGIN + unit * size)).astype(int)


def _svg(body: str, scale: float = 1.0) -> str:
    box = f"0 0 {math.ceil(WIDTH * scale)} {math.ceil(HEIGHT * scale)}"
    return f'<svg viewBox="{box}" aria-hidden="true">{body}</svg>'


def _curve(points: np.ndarray) -> str:
    """One line, in steps from point to point; what moves less than a pixel is left out."""
    scale = 2.0
    at = _pixels(points, scale)
    moved = np.concatenate([[True], np.any(np.diff(at, axis=0) != 0, axis=1)])
    at = at[moved]
    steps = "".join(f"{n}" if n < 0 else f" {n}" for n in np.diff(at, axis=0).ravel()).strip()
    return _svg(f'<path class="o" d="M{at[0, 0]} {at[0, 1]}l{steps or "0 0"}"/>', scale)


def _cloud(points: np.ndarray) -> str:
    """One dot for each point, each pixel once."""
    at = np.unique(_pixels(points, 1.0), axis=0)
    at = at[np.lexsort((at[:, 0], at[:, 1]))]
    return _svg('<path class="d" d="' + "".join(f"M{x} {y}h1" for x, y in at) + '"/>')


def _raster(rows: np.ndarray) -> str:
    """Space upwards, time to the right, as a small grey picture."""
    image = rows.T[::-1]
    image = image[:: max(1, math.ceil(len(image) / 90)), :: max(1, math.ceil(image.shape[1] / 180))]
    low, high = np.quantile(image, [0.01, 0.99])
    grey = np.round(15 * np.clip((image - low) / max(high - low, 1e-300), 0.0, 1.0)).astype(int)
    encoded = base64.b64encode(png(17 * grey)).decode("ascii")
    box = f'x="{MARGIN}" y="{MARGIN}" width="{WIDTH - 2 * MARGIN}" height="{HEIGHT - 2 * MARGIN}"'
    return _svg(f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{encoded}"/>')


def png(grey: np.ndarray) -> bytes:
    r"""Write a grey picture as a PNG file.

    Args:
        grey: brightness (height, width), whole numbers from 0 to 255.

    Returns:
        The file.

    Example:
        >>> png(np.zeros((2, 3), int))[:4]
        b'\x89PNG'
    """
    height, width = grey.shape
    lines = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in grey)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
