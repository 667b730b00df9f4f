"""Scores of how far the classes lie apart in the space of the features: H-score and TransRate.

N: items, D: width, C: classes.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, svd

from transferlab.transferability.estimator import classes_of, features_of, indicators
from transferlab.transferability.items import Array, Items
from transferlab.utils.option_kinds import Positive
from transferlab.utils.options import checked


class HScore:
    """How much of the variance lies between the classes, by the shrunk estimate of the covariance.

    From 0 to at most min(C - 1, D).
    """

    name = "hscore"

    def __call__(self, items: Items) -> float:
        """See :func:`h_score`."""
        return h_score(features_of(items, self.name), classes_of(items, self.name))


def h_score(features: Array, classes: Array) -> float:
    r"""Shrinkage-based H-score (Ibrahim et al. 2022; H-score: Bao et al. 2019).

    :math:`\mathrm{tr}(\Sigma_a^{-1} (1-a) \Sigma_z)`, :math:`\Sigma_a = (1-a) \Sigma + a\, \mathrm{tr}(\Sigma)/D\, I`
    with the shrinkage a of Ledoit and Wolf (2004), and the covariance :math:`\Sigma_z` of the features after each is
    replaced by the mean of its class. Covariances are divided by N. Computed along the singular vectors of the
    features, outside of which the classes do not differ: the inverse is never formed, and D may exceed N.

    Args:
        features: [N, D], not all the same.
        classes: [N] in 0..C-1.
    """
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    count, width = centred.shape
    left, singular, _ = svd(centred, full_matrices=False)
    kept = singular > singular[0] * max(count, width) * np.finfo(np.float64).eps
    points = left[:, kept] * singular[kept]  # [N, rank]: the centred features in the basis of the singular vectors
    variances = singular[kept] ** 2 / count  # [rank]
    shrinkage = ledoit_wolf_shrinkage(centred, variances)
    members = indicators(classes)  # [N, C]
    sizes = members.sum(axis=0)  # [C]
    means = members.T @ points / sizes[:, None]  # [C, rank]
    between = (sizes[:, None] * means**2).sum(axis=0) / count  # [rank]: the diagonal of the covariance of means
    shrunk = (1 - shrinkage) * variances + shrinkage * variances.sum() / width
    return float(((1 - shrinkage) * between / shrunk).sum())


def ledoit_wolf_shrinkage(centred: Array, variances: Array) -> float:
    """The weight of the spherical part in the estimate of a covariance (Ledoit and Wolf 2004), 0 to 1.

    Args:
        centred: [N, D], of mean 0.
        variances: [rank] the eigenvalues of its covariance that are not 0.
    """
    count, width = centred.shape
    squared = (variances**2).sum()  # of all entries of the covariance
    dispersion = squared - variances.sum() ** 2 / width  # how far the covariance is from a spherical one
    fourth = ((centred**2).sum(axis=1) ** 2).sum() / count
    error = min((fourth - squared) / count, dispersion)
    return float(error / dispersion) if error > 0 else 0.0


class TransRate:
    """How many nats are saved in coding the features when the classes are known.

    Args:
        epsilon: squared distortion up to which the features are coded; of scaled ones the share of their variance.
        scaled: bring the features to total variance 1 first. The published measure (epsilon 1e-4, not scaled) depends
            on the scale of the features, by which encoders differ without being better; and so small a distortion
            codes the noise, too: with fewer items than dimensions, noise alone scores highest.
    """

    name = "transrate"

    @checked("estimator")
    def __init__(self, epsilon: Positive = 0.1, scaled: bool = True) -> None:
        self.epsilon = epsilon
        self.scaled = scaled

    def __call__(self, items: Items) -> float:
        """See :func:`transrate`."""
        features = features_of(items, self.name)
        return transrate(features, classes_of(items, self.name), self.epsilon, self.scaled)


def transrate(features: Array, classes: Array, epsilon: float = 0.1, scaled: bool = True) -> float:
    r"""TransRate (Huang et al., ICML 2022): :math:`R(Z) - \sum_c (N_c/N) R(Z_c)`, Z the centred features.

    The published code weighs all classes by 1/C, which is the same for classes of one size.

    Args:
        features: [N, D], not all the same.
        classes: [N] in 0..C-1.
        epsilon: see :class:`TransRate`.
        scaled: see :class:`TransRate`.
    """
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    if scaled:
        centred /= np.sqrt((centred**2).sum() / len(centred))
    within = sum(
        (classes == number).mean() * coding_rate(centred[classes == number], epsilon)
        for number in range(classes.max() + 1)
    )
    return float(coding_rate(centred, epsilon) - within)


def coding_rate(points: Array, epsilon: float) -> float:
    r""":math:`\tfrac12 \log\det(I + Z^T Z / (N \epsilon))` of [N, D] points, over the smaller of both sides."""
    count, width = points.shape
    gram = points.T @ points if width <= count else points @ points.T
    factor = cholesky(np.eye(len(gram)) + gram / (count * epsilon), lower=True)
    return float(np.log(factor.diagonal()).sum())
