"""Error bars of a trained regressor from the features of its last layer, without training again."""

import math
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, solve_triangular

from cocycle.core.errors import InsufficientDataError, ParameterError, ShapeError
from cocycle.core.presentation import Presentable

RIDGES = 10.0 ** np.arange(-5.0, 5.25, 0.25)


class LastLayer(eqx.Module, Presentable):
    r"""Predicted variance of a regressor whose last layer is a linear Gaussian process.

    $$\sigma^2(x) = \alpha^2\, f(x)^T (G + \varsigma^2 I)^{-1} f(x), \qquad G = \sum_i f(x_i) f(x_i)^T$$

    Attributes:
        factor: (F, F) lower Cholesky factor of G + ridge.
        scale: alpha^2 [unit of the outputs, squared].
        ridge: varsigma^2.
        bias: whether a 1 is added to the features.
        negative_log_likelihood: of the calibration data, mean [nats]; NaN without calibration.
    """

    factor: np.ndarray
    scale: float
    ridge: float
    bias: bool
    negative_log_likelihood: float

    def leverage(self, features: Any) -> Float[np.ndarray, "n"]:
        """Return q(x) = f^T (G + ridge)^-1 f, the variance without its scale.

        Args:
            features: (n, F) features of the last layer.
        """
        f = _with_bias(features, self.bias)
        if f.shape[1] != len(self.factor):
            raise ShapeError(f"{f.shape[1]} features are given, the fit has {len(self.factor)} (a bias counts as one).")
        return np.sum(solve_triangular(self.factor, f.T, lower=True) ** 2, axis=0)

    def variance(self, features: Any) -> Float[np.ndarray, "n"]:
        """Return the predicted variance of each output.

        Args:
            features: (n, F) features of the last layer.
        """
        return self.scale * self.leverage(features)


def last_layer_uncertainty(
    features: Any,
    *,
    calibration: tuple[Any, Any] | None = None,
    ridge: float | None = None,
    scale: float | None = None,
    bias: bool = True,
) -> LastLayer:
    r"""Error bars from the features that a trained network feeds into its last layer.

    Args:
        features: (N, F) features of the training samples.
        calibration: features (M, F) and residuals (M,) of validation samples. They choose what is not given: the scale
            as $\alpha^2 = \langle r^2 / q \rangle$, the maximum of the likelihood at a given ridge, and the ridge by
            the likelihood on a grid from 1e-5 to 1e5.
        ridge: varsigma^2. With noise variance s^2 and prior variance 1/lambda of the weights, s^2 lambda.
        scale: alpha^2; then s^2.
        bias: add a 1 to the features, as a last layer with a bias has it.

    Returns:
        LastLayer, with `variance(features)`.

    Raises:
        ParameterError: if neither calibration nor both numbers are given, or a number is out of range.
        ShapeError: if shapes do not fit.
        InsufficientDataError: if fewer than 8 samples calibrate.

    Accuracy: with right ridge and scale the posterior variance of Bayesian linear regression, to round-off.
    Laws: another copy of a training point turns its leverage q into q / (1 + q).
    Limits: features are taken as given: what the network does not represent it is not unsure of.
    Cost: N F^2 + F^3, and F^2 a prediction.

    Example:
        >>> found = last_layer_uncertainty(np.eye(2), ridge=1.0, scale=2.0, bias=False)
        >>> found.variance(np.array([[1.0, 0.0]])).round(12).tolist()
        [1.0]

    Source: [bigi2024].
    """
    f = _with_bias(features, bias)
    gram = f.T @ f
    if calibration is None:
        if ridge is None or scale is None:
            raise ParameterError("give calibration=(features, residuals), or both ridge and scale.")
        return LastLayer(_factor(gram, ridge), _positive(scale, "scale"), float(ridge), bias, math.nan)
    g, residuals = _with_bias(calibration[0], bias), np.asarray(calibration[1], dtype=float)
    if residuals.shape != (len(g),) or g.shape[1] != f.shape[1]:
        raise ShapeError(
            f"calibration needs (M, {f.shape[1] - bias}) features and (M,) residuals, got "
            f"{np.shape(calibration[0])} and {residuals.shape}."
        )
    if len(g) < 8:
        raise InsufficientDataError(f"{len(g)} samples cannot calibrate error bars; give at least 8.")
    found = [_calibrated(gram, g, residuals, r, scale, bias) for r in (RIDGES if ridge is None else [ridge])]
    return min(found, key=lambda fit: fit.negative_log_likelihood)


def gaussian_log_loss(residuals: Any, variance: Any) -> float:
    r"""Mean negative log-likelihood of residuals under predicted variances [nats].

    Args:
        residuals: (n,) errors.
        variance: (n,) predicted variances, or one number.

    Example:
        >>> round(float(gaussian_log_loss(np.zeros(3), 1.0) - 0.5 * np.log(2 * np.pi)), 12)
        0.0
    """
    variance = np.asarray(variance, dtype=float)
    return float(np.mean(0.5 * (np.asarray(residuals) ** 2 / variance + np.log(2 * np.pi * variance))))


def _calibrated(
    gram: np.ndarray, g: np.ndarray, residuals: np.ndarray, ridge: float, scale: float | None, bias: bool
) -> LastLayer:
    factor = _factor(gram, ridge)
    q = np.sum(solve_triangular(factor, g.T, lower=True) ** 2, axis=0)
    best = float(np.mean(residuals**2 / q)) if scale is None else scale
    return LastLayer(factor, _positive(best, "scale"), float(ridge), bias, gaussian_log_loss(residuals, best * q))


def _factor(gram: np.ndarray, ridge: float) -> np.ndarray:
    try:
        shifted = gram + _positive(ridge, "ridge") * np.eye(len(gram))
        return np.tril(cho_factor(shifted, lower=True)[0])
    except np.linalg.LinAlgError:
        raise ParameterError(f"the features are degenerate at ridge={ridge:g}; take a larger ridge.") from None


def _positive(value: float, name: str) -> float:
    if not 0 < value < math.inf:
        raise ParameterError(f"{name} must be positive and finite, got {value}.")
    return float(value)


def _with_bias(features: Any, bias: bool) -> np.ndarray:
    f = np.asarray(features, dtype=float)
    if f.ndim != 2 or not len(f):
        raise ShapeError(f"features must be (samples, features), got shape {f.shape}.")
    if not np.all(np.isfinite(f)):
        raise ParameterError("features hold NaN or infinity; look at the network on these samples.")
    return np.concatenate([f, np.ones((len(f), 1))], axis=1) if bias else f
