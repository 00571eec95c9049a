"""All zeros of a function in a box, proved: bisection with Krawczyk's operator."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cocycle.core.progress import Progress
from cocycle.stability.equilibria import interval as iv
from cocycle.stability.equilibria.enclosure import BLOCK, Enclosure
from cocycle.stability.equilibria.interval import Interval

INFLATION = 1.3
REFINEMENTS = 6
# Boxes of one round; the rest waits, so that memory is bounded.
ROUND = 16 * BLOCK


class Roots(NamedTuple):
    """What a search by intervals knows.

    Attributes:
        boxes: enclosures, each of exactly one zero (n, D).
        undecided: boxes that are too small to go on with, and may hold zeros (m, D).
        n_boxes: boxes looked at.
        complete: whether every part of the box was decided.
    """

    boxes: Interval
    undecided: Interval
    n_boxes: int
    complete: bool


class _Krawczyk(NamedTuple):
    """Krawczyk's operator over boxes.

    Attributes:
        image: K(X), which holds every zero of X.
        excluded: whether the function has no zero in X by its range alone.
        smooth: whether no branch is open, so that the image says something.
    """

    image: Interval
    excluded: np.ndarray
    smooth: np.ndarray


def krawczyk(enclosure: Enclosure, box: Interval) -> _Krawczyk:
    r"""Apply Krawczyk's operator.

    $$K(X) = m - Y f(m) + (I - Y f'(X))(X - m), \qquad Y \approx f'(m)^{-1}$$

    Args:
        enclosure: of the pair (f, f').
        box: X (n, D).
    """
    n, d = box.lo.shape
    m = box.middle
    (over, slopes), rough = enclosure(box)
    (values, _), _ = enclosure(Interval(m, m))
    excluded = np.asarray(np.any((over.lo > 0) | (over.hi < 0), axis=1))
    finite = np.asarray(np.all(np.isfinite(slopes.lo) & np.isfinite(slopes.hi), axis=(1, 2)))
    centre = np.where(finite[:, None, None], slopes.middle, np.eye(d))
    Y = iv.point(_inverse(centre))
    moved = iv.product(Y, Interval(values.lo[..., None], values.hi[..., None]))
    contraction = iv.subtract(iv.point(np.broadcast_to(np.eye(d), (n, d, d))), iv.product(Y, slopes))
    offset = iv.subtract(box, iv.point(m))
    spread = iv.product(contraction, Interval(offset.lo[..., None], offset.hi[..., None]))
    image = iv.add(iv.subtract(iv.point(m), Interval(moved.lo[..., 0], moved.hi[..., 0])), _column(spread))
    return _Krawczyk(image, excluded, finite & ~rough)


def _column(a: Interval) -> Interval:
    return Interval(a.lo[..., 0], a.hi[..., 0])


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Inverses; the identity where a matrix is singular (any Y is valid, a bad one only proves nothing)."""
    scale = np.abs(matrices).max(axis=(1, 2))
    good = np.linalg.cond(matrices) < 1e14
    safe = np.where((good & (scale > 0))[:, None, None], matrices, np.eye(matrices.shape[-1]))
    return np.linalg.inv(safe)


def find_roots(
    function: Callable[[Any], tuple[Any, Any]],
    ends: Float[np.ndarray, "D 2"],
    *,
    resolution: float,
    max_boxes: int,
    progress: bool | None = None,
) -> Roots:
    """Find all zeros in a box, with proof.

    Args:
        function: from a vector to (value, Jacobian), written in `jax.numpy`.
        ends: lower and upper ends.
        resolution: boxes narrower than this share of the whole box in every direction are not divided again.
        max_boxes: boxes to look at before giving up.
        progress: show a progress bar.

    Returns:
        Roots.

    Raises:
        NoIntervalError: if the function has an operation without a rule.

    Source: [krawczyk1969]; [neumaier1990].
    """
    enclosure = Enclosure(function, len(ends))
    width = ends[:, 1] - ends[:, 0]
    todo = Interval(ends[None, :, 0], ends[None, :, 1])
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    stuck: list[Interval] = []
    seen = 0
    with Progress(max_boxes, "interval Newton", progress) as bar:
        while len(todo.lo) and seen < max_boxes:
            now, later = _split_rows(todo, ROUND)
            seen += len(now.lo)
            bar.advance(len(now.lo))
            proved, rest = _examine(enclosure, now)
            found.extend(proved)
            small = np.all(rest.width < resolution * width, axis=1)
            stuck.append(Interval(rest.lo[small], rest.hi[small]))
            todo = _joined([_halves(Interval(rest.lo[~small], rest.hi[~small]), width), later])
    undecided = _joined([*stuck, todo], len(ends))
    roots = _distinct(found, len(ends))
    inside = np.all((roots.hi >= ends[:, 0]) & (roots.lo <= ends[:, 1]), axis=1)
    return Roots(Interval(roots.lo[inside], roots.hi[inside]), undecided, seen, not len(undecided.lo))


def _examine(enclosure: Enclosure, box: Interval) -> tuple[list[tuple], Interval]:
    """Proved zeros of some boxes, and the boxes that must be divided."""
    # A little larger than the box, so that a zero on its face lies within.
    m, r = box.middle, 0.5 * box.width
    wide = Interval(m - INFLATION * r, m + INFLATION * r)
    found = krawczyk(enclosure, wide)
    image = found.image
    inner = Interval(np.maximum(image.lo, box.lo), np.minimum(image.hi, box.hi))
    empty = found.excluded | (found.smooth & np.any(inner.lo > inner.hi, axis=1))
    unique = found.smooth & ~empty & np.all((image.lo > wide.lo) & (image.hi < wide.hi), axis=1)
    proved = []
    if unique.any():
        home = Interval(wide.lo[unique], wide.hi[unique])
        tight = Interval(image.lo[unique], image.hi[unique])
        for _ in range(REFINEMENTS):
            again = krawczyk(enclosure, tight).image
            tight = Interval(np.maximum(tight.lo, again.lo), np.minimum(tight.hi, again.hi))
        proved = list(zip(tight.lo, tight.hi, home.lo, home.hi, strict=True))
    rest = ~empty & ~unique
    shrunk = found.smooth[rest, None]
    lo, hi = np.where(shrunk, inner.lo[rest], box.lo[rest]), np.where(shrunk, inner.hi[rest], box.hi[rest])
    return proved, Interval(lo, hi)


def _halves(box: Interval, scale: np.ndarray) -> Interval:
    """Both parts of each box, cut near the middle of its widest side."""
    if not len(box.lo):
        return box
    side = np.argmax(box.width / scale, axis=1)
    rows = np.arange(len(side))
    cut = box.lo[rows, side] + 0.49 * box.width[rows, side]
    left_hi, right_lo = box.hi.copy(), box.lo.copy()
    left_hi[rows, side] = cut
    right_lo[rows, side] = cut
    return Interval(np.concatenate([box.lo, right_lo]), np.concatenate([left_hi, box.hi]))


def _split_rows(box: Interval, n: int) -> tuple[Interval, Interval]:
    return Interval(box.lo[:n], box.hi[:n]), Interval(box.lo[n:], box.hi[n:])


def _joined(boxes: list[Interval], n_dimensions: int | None = None) -> Interval:
    if not boxes:
        return Interval(np.zeros((0, n_dimensions or 0)), np.zeros((0, n_dimensions or 0)))
    return Interval(np.concatenate([b.lo for b in boxes]), np.concatenate([b.hi for b in boxes]))


def _distinct(found: list[tuple], n_dimensions: int) -> Interval:
    """Keep one enclosure of each zero: an enclosure inside the home of another one holds the same zero."""
    kept: list[tuple] = []
    for lo, hi, home_lo, home_hi in found:
        same = any(np.all((lo >= h[2]) & (hi <= h[3])) or np.all((h[0] >= home_lo) & (h[1] <= home_hi)) for h in kept)
        if not same:
            kept.append((lo, hi, home_lo, home_hi))
    if not kept:
        return Interval(np.zeros((0, n_dimensions)), np.zeros((0, n_dimensions)))
    return Interval(np.stack([k[0] for k in kept]), np.stack([k[1] for k in kept]))
