"""LEEP and NLEEP: how well labels follow from a soft assignment to source classes, or to clusters.

N: items, D: width, C: classes of the target, Z: those of the source, or clusters.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.linalg import svd

from transferlab.transferability.estimator import NotDefined, classes_of, features_of, indicators
from transferlab.transferability.gaussian_mixture import mixture_posteriors
from transferlab.transferability.items import Array, Items
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Limits, Seed
from transferlab.utils.options import checked


class LEEP:
    """Log expected empirical prediction, by what the head of the source task says of the target's items."""

    name = "leep"

    def __call__(self, items: Items) -> float:
        """Nats, at most 0; see :func:`leep`."""
        classes = classes_of(items, self.name)
        if items.source_probabilities is None:
            raise NotDefined("leep needs probabilities of source classes, which this encoder's head does not give")
        probabilities = np.asarray(items.source_probabilities, dtype=np.float64)
        if probabilities.ndim != 2 or len(probabilities) != len(classes):
            raise UserError(f"leep: probabilities {probabilities.shape} must be [{len(classes)} items, source classes]")
        totals = probabilities.sum(axis=1, keepdims=True)
        if not ((probabilities >= 0).all() and (abs(totals - 1) < 0.01).all()):  # 16-bit ones do not add up exactly
            raise UserError("leep: source_probabilities must be from 0 to 1 and add up to 1 for each item, not logits")
        return leep(probabilities / totals, classes)


def leep(probabilities: Array, classes: Array) -> float:
    r"""LEEP (Nguyen et al., ICML 2020): :math:`\frac1N \sum_i \log \sum_z \hat p(y_i|z)\, p_i(z)`.

    Args:
        probabilities: [N, Z], rows of sum 1.
        classes: [N] in 0..C-1.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    joint = indicators(classes).T @ probabilities  # [C, Z], N times the joint distribution
    marginal = joint.sum(axis=0)
    conditional = joint / np.where(marginal > 0, marginal, 1)  # [C, Z]; source classes that never occur do not count
    return float(np.log((probabilities * conditional[classes]).sum(axis=1)).mean())


class NLEEP:
    """LEEP on the clusters of a Gaussian mixture, so that no head is needed.

    Args:
        components_per_class: clusters for each class of the target.
        variance: share of the variance that the principal components keep on which the mixture is fitted.
        seed: of the mixture's start.
    """

    name = "nleep"

    @checked("estimator")
    def __init__(
        self, components_per_class: Count = 5, variance: Annotated[float, Limits(above=0, most=1)] = 0.8, seed: Seed = 0
    ) -> None:
        self.components_per_class = components_per_class
        self.variance = variance
        self.seed = seed

    def __call__(self, items: Items) -> float:
        """Nats, at most 0; see :func:`nleep`."""
        features, classes = features_of(items, self.name), classes_of(items, self.name)
        components = self.components_per_class * int(classes.max() + 1)
        if len(items) < 2 * components:
            raise NotDefined(
                f"nleep: {len(items)} items are too few for {components} clusters of at least two; look at more items "
                f"or lower estimator.components_per_class={self.components_per_class}"
            )
        return nleep(features, classes, components, self.variance, self.seed)


def nleep(features: Array, classes: Array, components: int, variance: float = 0.8, seed: int = 0) -> float:
    """NLEEP (Li et al., CVPR 2021): principal components, a Gaussian mixture, LEEP on its posteriors.

    The covariances of the mixture are diagonal: the principal components are uncorrelated over all items, and a full
    covariance of a hundred of them is singular for a cluster of some dozen items.

    Args:
        features: [N, D], not all the same.
        classes: [N] in 0..C-1.
        components: of the mixture, at most N.
        variance: share of it that the principal components keep.
        seed: of the mixture's start.
    """
    return leep(mixture_posteriors(principal_components(features, variance), components, seed=seed), classes)


def principal_components(features: Array, variance: float) -> Array:
    """[N, D] -> [N, d]: the least number of principal components that keeps this share of the variance."""
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    left, singular, _ = svd(centred, full_matrices=False)
    shares = np.cumsum(singular**2) / (singular**2).sum()
    kept = int((shares < variance - 1e-12).sum()) + 1  # rounding: all of the variance need not be exactly 1
    return left[:, :kept] * singular[:kept]
