"""Where the softmax loss of two logits (z, 0) is lost: thresholds in three precisions."""

from typing import Any

import numpy as np

BITS = {np.float16: 11, np.float32: 24, np.float64: 53}


def plain_loss(z: Any) -> Any:
    """Log-softmax loss of the first logit as libraries compute it, rounded at each operation."""
    one = type(z)(1)
    return np.log(one + np.exp(-z))


def log1p_loss(z: Any) -> Any:
    """The same without the loss of digits."""
    return np.log1p(np.exp(-z))


def stable_max_loss(z: Any) -> Any:
    """Loss of StableMax: s(z) = 1 + z for z >= 0, in the place of the exponential."""
    one = type(z)(1)
    return np.log(one + one / (one + z))


def largest_loss(loss: Any) -> float:
    """Largest loss over precisions, one per cent above (bits) ln 2."""
    return max(float(loss(kind(1.01 * bits * np.log(2)))) for kind, bits in BITS.items())


def threshold(loss: Any) -> float:
    """Largest |ratio - 1| over precisions: ratio of the least z with a loss of zero to (bits) ln 2."""
    ratios = []
    for kind, bits in BITS.items():
        low, high = kind(1.0), kind(40 * bits)
        with np.errstate(under="ignore"):
            while kind(0.5) * (low + high) not in (low, high):
                middle = kind(0.5) * (low + high)
                low, high = (low, middle) if loss(middle) == 0 else (middle, high)
        ratios.append(float(high) / (bits * np.log(2)))
    return float(np.max(np.abs(np.array(ratios) - 1)))
