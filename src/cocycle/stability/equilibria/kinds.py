"""What the eigenvalues at a fixed point say: its type, stability and index."""

import enum

import numpy as np
from jaxtyping import Float, Num

# Eigenvalues nearer to the boundary of stability than this share of the norm of the matrix count as on it: the
# round-off of a double eigenvalue is the square root of that of a simple one.
NEUTRAL = 3e-8


class Kind(enum.StrEnum):
    """Types of fixed points."""

    STABLE_NODE = "stable node"
    STABLE_FOCUS = "stable focus"
    UNSTABLE_NODE = "unstable node"
    UNSTABLE_FOCUS = "unstable focus"
    SADDLE = "saddle"
    SADDLE_FOCUS = "saddle-focus"
    CENTRE = "centre"
    NON_HYPERBOLIC = "non-hyperbolic"


def growth(eigenvalues: Num[np.ndarray, "D"], is_flow: bool) -> Float[np.ndarray, "D"]:
    """Return growth rates: real parts for a flow, log of absolute values for a map.

    Args:
        eigenvalues: of the Jacobian.
        is_flow: whether time is continuous.
    """
    if is_flow:
        return np.real(eigenvalues)
    with np.errstate(divide="ignore"):
        return np.log(np.abs(eigenvalues))


def neutral(eigenvalues: Num[np.ndarray, "D"], is_flow: bool) -> np.ndarray:
    """Say which eigenvalues lie on the boundary of stability within round-off.

    Args:
        eigenvalues: of the Jacobian.
        is_flow: whether time is continuous.
    """
    scale = max(float(np.abs(eigenvalues).max()), 0.0 if is_flow else 1.0)
    return np.abs(growth(eigenvalues, is_flow)) <= NEUTRAL * scale


def kind_of(eigenvalues: Num[np.ndarray, "D"], is_flow: bool) -> Kind:
    """Return the type of a fixed point.

    Node: all eigenvalues real; focus: some complex. A centre has only complex eigenvalues, all on the boundary.

    Args:
        eigenvalues: of the Jacobian.
        is_flow: whether time is continuous.

    Example:
        >>> str(kind_of(np.array([-1 + 2j, -1 - 2j]), True)), str(kind_of(np.array([2.0, 0.5]), False))
        ('stable focus', 'saddle')
    """
    rates, on = growth(eigenvalues, is_flow), neutral(eigenvalues, is_flow)
    scale = max(float(np.abs(eigenvalues).max()), 1e-300)
    turning = np.abs(np.imag(eigenvalues)) > NEUTRAL * scale
    if on.all() and turning.all():
        return Kind.CENTRE
    if on.any():
        return Kind.NON_HYPERBOLIC
    up = rates > 0
    if up.any() and not up.all():
        return Kind.SADDLE_FOCUS if turning.any() else Kind.SADDLE
    if up.all():
        return Kind.UNSTABLE_FOCUS if turning.any() else Kind.UNSTABLE_NODE
    return Kind.STABLE_FOCUS if turning.any() else Kind.STABLE_NODE


def index_of(matrix: Float[np.ndarray, "D D"], is_flow: bool) -> int:
    """Return the index of a fixed point: the sign of det f' for a flow, of det(1 - F') for a map; 0 if neither.

    Over all fixed points of a region that the flow only enters the indices sum to (-1)^D times its Euler number.

    Args:
        matrix: Jacobian of the field or of the map.
        is_flow: whether time is continuous.
    """
    square = matrix if is_flow else np.eye(len(matrix)) - matrix
    singular = np.linalg.svd(square, compute_uv=False)
    if singular[-1] <= NEUTRAL * max(singular[0], 1e-300):
        return 0
    return int(np.linalg.slogdet(square)[0])
