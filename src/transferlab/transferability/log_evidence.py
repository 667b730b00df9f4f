"""LogME: how probable the labels are under a Bayesian linear model on the features (You et al., ICML 2021).

N: items, D: width, C: classes, r = min(N, D): singular values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd
from scipy.optimize import minimize_scalar

from transferlab.transferability.estimator import classes_of, features_of, indicators, values_of
from transferlab.transferability.items import Array, Items

# The ratio alpha / beta, in units of the largest squared singular value. Below the first the noise is less than a
# millionth of the signal: labels that the features explain exactly would have infinite evidence. At the last the
# features explain nothing, and the evidence is that of noise alone.
RATIOS = np.logspace(-12, 12, 97)


@dataclass(frozen=True)
class Evidence:
    """The maximum of the evidence over both precisions.

    Attributes:
        per_item: log evidence / N in nats.
        alpha: precision of the weights.
        beta: precision of the noise.
    """

    per_item: float
    alpha: float
    beta: float


class LogME:
    """Log evidence per item: of the values, or the mean over the classes, each against the rest.

    As published neither features nor targets are centred, and the model has no intercept.
    """

    name = "logme"

    def __call__(self, items: Items) -> float:
        """Nats; of any sign, because the evidence is a density."""
        features = features_of(items, self.name)
        targets = values_of(items, self.name)[:, None] if items.regression else indicators(classes_of(items, self.name))
        return float(np.mean([evidence.per_item for evidence in log_evidence(features, targets)]))


def log_evidence(features: Array, targets: Array) -> list[Evidence]:
    r"""Maximise the evidence of :math:`y \sim N(0, I/\beta + F F^T/\alpha)` over alpha and beta.

    With the singular values s of F, z the part of y along each left singular vector, e what is left of y, and the
    ratio t = alpha / beta, the best noise variance of a ratio is known: :math:`1/\beta = q(t)/N`,
    :math:`q(t) = |e|^2 + \sum_i z_i^2 t / (t + s_i^2)`. What remains has one variable,

    .. math:: \log p = -\tfrac{N}{2} (\log 2\pi + 1 + \log(q/N)) - \tfrac12 \sum_{i=1}^{r} \log(1 + s_i^2/t),

    whose sum has r = min(N, D) terms: written with alpha and beta, (r/2) log alpha, where public implementations have
    (D/2) log alpha. The maximum is that to which the published fixed point iteration converges, where it converges to
    the best one. It is looked for on a grid, which sees all local ones, and then refined.

    Args:
        features: [N, D].
        targets: [N, C], no column all zeros.

    Returns:
        One for each column.
    """
    features, targets = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    left, singular, _ = svd(features, full_matrices=False)  # [N, r], [r]
    squared = singular**2
    along = left.T @ targets  # [r, C]
    # by subtraction of vectors and not of squares, which would leave rounding errors where nothing is left
    unexplained = ((targets - left @ along) ** 2).sum(axis=0)  # [C]
    return [
        _maximum(squared, energies, rest, len(features)) for energies, rest in zip(along.T**2, unexplained, strict=True)
    ]


def _maximum(squared: Array, energies: Array, rest: float, count: int) -> Evidence:
    """The best ratio for one target: [r] squared singular values, [r] squared parts of it, its squared remainder."""

    def noise(ratio: float) -> float:
        return (rest + (energies * (ratio / (ratio + squared))).sum()) / count

    def per_item(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        complexity = np.log1p(squared / ratio).sum() / count
        return float(-0.5 * (np.log(2 * np.pi * noise(ratio)) + 1 + complexity))

    grid = np.log(RATIOS * squared[0])
    values = [per_item(log_ratio) for log_ratio in grid]
    best = int(np.argmax(values))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(
        lambda log_ratio: -per_item(log_ratio), bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    log_ratio = found.x if -found.fun > values[best] else grid[best]
    beta = 1 / noise(np.exp(log_ratio))
    return Evidence(per_item(log_ratio), float(np.exp(log_ratio) * beta), float(beta))
