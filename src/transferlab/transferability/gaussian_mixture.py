"""A mixture of Gaussians with diagonal covariances, fitted by expectation maximisation.

N: points, D: dimensions, K: components.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp

from transferlab.transferability.items import Array

LEAST_VARIANCE = 1e-6  # of a component in a dimension, in units of the mean variance of all points


def mixture_posteriors(
    points: Array, components: int, *, seed: int = 0, tolerance: float = 1e-3, most_steps: int = 100
) -> Array:
    """Fit a mixture and say to which component each point belongs.

    Args:
        points: [N, D], N at least K, not all the same.
        components: K.
        seed: of the first centres (k-means++).
        tolerance: ends when a step adds less than this to the mean log likelihood.
        most_steps: ends after as many in any case.

    Returns:
        [N, K] probabilities.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points / np.sqrt(points.var(axis=0).mean())
    _, nearest = kmeans2(points, spread_centres(points, components, seed), minit="matrix", iter=20, missing="warn")
    posteriors = np.eye(components)[nearest]  # [N, K]
    before = -np.inf
    for _ in range(most_steps):
        joint = _log_joint(points, posteriors)  # [N, K]
        likelihoods = logsumexp(joint, axis=1, keepdims=True)  # [N, 1]
        posteriors = np.exp(joint - likelihoods)
        if likelihoods.mean() - before < tolerance:
            break
        before = likelihoods.mean()
    return posteriors


def spread_centres(points: Array, count: int, seed: int) -> Array:
    """k-means++ (Arthur and Vassilvitskii 2007): each next centre by its squared distance to those before.

    Args:
        points: [N, D].
        count: K, at most N.
        seed: of the draws.

    Returns:
        [K, D] of the points.
    """
    generator = np.random.default_rng(seed)
    chosen = [int(generator.integers(len(points)))]
    distances = np.full(len(points), np.inf)
    for draw in generator.random(count - 1):
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        total = np.cumsum(distances)
        chosen.append(min(int(np.searchsorted(total, draw * total[-1], side="right")), len(points) - 1))
    return points[chosen]


def _log_joint(points: Array, posteriors: Array) -> Array:
    """[N, K] log densities of points and components, under the mixture that [N, K] posteriors make most likely."""
    sizes = posteriors.sum(axis=0) + 10 * np.finfo(np.float64).eps  # [K], a component may have lost all points
    means = posteriors.T @ points / sizes[:, None]  # [K, D]
    variances = posteriors.T @ points**2 / sizes[:, None] - means**2
    variances = np.maximum(variances, 0) + LEAST_VARIANCE
    precisions = 1 / variances
    distances = points**2 @ precisions.T - 2 * points @ (means * precisions).T + (means**2 * precisions).sum(axis=1)
    constants = np.log(sizes / len(points)) - 0.5 * np.log(2 * np.pi * variances).sum(axis=1)  # [K]
    return constants - 0.5 * distances
