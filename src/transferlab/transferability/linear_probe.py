"""A linear model on frozen features, judged by cross-validation.

N: items, D: width, C: classes.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.linalg import qr, solve
from scipy.optimize import minimize
from scipy.special import log_softmax

from transferlab.transferability.estimator import (
    NotDefined,
    classes_of,
    features_of,
    indicators,
    values_of,
)
from transferlab.transferability.items import Array, Items
from transferlab.utils.option_kinds import Limits, Positive, Seed
from transferlab.utils.options import checked


class LinearProbe:
    """Held-out log likelihood of multinomial logistic regression; for values R2 of ridge regression.

    The log likelihood and not the accuracy: it has no ties and still tells encoders apart where nine of ten words are
    outside of any span. Its mean is taken in each class first and then over the classes, because scores of such
    tasks come from the rare ones. Classes with a single item are left out: they cannot be learned and held out.

    Args:
        folds: of the cross-validation.
        penalty: of the squared weights, in units of D items. With 1 the weights are a priori so small that the logits
            of standardised features vary by about 1, whatever the width: encoders of different width compare.
        seed: of the division into folds.
    """

    name = "linear_probe"

    @checked("estimator")
    def __init__(self, folds: Annotated[int, Limits(least=2)] = 5, penalty: Positive = 1.0, seed: Seed = 0) -> None:
        self.folds = folds
        self.penalty = penalty
        self.seed = seed

    def __call__(self, items: Items) -> float:
        """Classes: nats, at most 0. Values: at most 1; 0 is no better than the mean of all items."""
        features = features_of(items, self.name)
        if len(items) < 2 * self.folds:
            raise NotDefined(
                f"linear_probe: {len(items)} items are too few for estimator.folds={self.folds} of at least two"
            )
        if items.regression:
            return probe_r2(features, values_of(items, self.name), self.folds, self.penalty, self.seed)
        classes = classes_of(items, self.name)
        repeated = (np.bincount(classes) > 1)[classes]  # [N]
        _, kept = np.unique(classes[repeated], return_inverse=True)
        if len(np.unique(kept)) < 2:
            raise NotDefined("linear_probe: fewer than two classes have two items, one to learn from and one held out")
        return probe_log_likelihood(features[repeated], kept, self.folds, self.penalty, self.seed)


def probe_log_likelihood(features: Array, classes: Array, folds: int = 5, penalty: float = 1.0, seed: int = 0) -> float:
    """The mean over the classes of the mean log probability of an item's class, learned from the other folds.

    Args:
        features: [N, D].
        classes: [N] in 0..C-1, each at least twice.
        folds: see :class:`LinearProbe`.
        penalty: see :class:`LinearProbe`.
        seed: see :class:`LinearProbe`.
    """
    fold = stratified_folds(classes, folds, seed)
    targets = indicators(classes)
    found = np.empty(len(classes))
    for number in np.unique(fold):
        held_out = fold == number
        learned_from, judged = standardised(features[~held_out], features[held_out])
        weights, bias = logistic_regression(learned_from, targets[~held_out], penalty * learned_from.shape[1])
        log_probabilities = log_softmax(judged @ weights + bias, axis=1)
        found[held_out] = (log_probabilities * targets[held_out]).sum(axis=1)
    return float((targets.T @ found / targets.sum(axis=0)).mean())


def probe_r2(features: Array, values: Array, folds: int = 5, penalty: float = 1.0, seed: int = 0) -> float:
    """1 - squared error of held-out predictions / squared deviation of the values from the mean of their training.

    Args:
        features: [N, D].
        values: [N], not all the same.
        folds: see :class:`LinearProbe`.
        penalty: see :class:`LinearProbe`.
        seed: see :class:`LinearProbe`.
    """
    fold = stratified_folds(np.zeros(len(values), dtype=np.int64), folds, seed)
    error = deviation = 0.0
    for number in np.unique(fold):
        held_out = fold == number
        learned_from, judged = standardised(features[~held_out], features[held_out])
        mean = values[~held_out].mean()
        weights = ridge(learned_from, values[~held_out] - mean, penalty * learned_from.shape[1])
        error += ((values[held_out] - mean - judged @ weights) ** 2).sum()
        deviation += ((values[held_out] - mean) ** 2).sum()
    return float(1 - error / deviation)


def stratified_folds(classes: Array, folds: int, seed: int) -> Array:
    """The fold of each item: those of a class, in random order, are dealt to one fold after the other.

    Args:
        classes: [N] in 0..C-1.
        folds: their number.
        seed: of the order.

    Returns:
        [N] in 0..folds-1; a class with two items or more is in two folds or more.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    fold = np.empty(len(classes), dtype=np.int64)
    fold[order] = np.arange(len(classes)) % folds
    return fold


def standardised(learned_from: Array, judged: Array) -> tuple[Array, Array]:
    """Both in float64 with the mean and deviation that the first has; a constant dimension becomes 0."""
    learned_from, judged = np.asarray(learned_from, dtype=np.float64), np.asarray(judged, dtype=np.float64)
    mean, deviation = learned_from.mean(axis=0), learned_from.std(axis=0)
    varies = deviation > 1e-9 * (abs(mean) + deviation)  # rounding makes a constant one vary
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return (learned_from - mean) * scale, (judged - mean) * scale


def logistic_regression(features: Array, targets: Array, penalty: float) -> tuple[Array, Array]:
    """Minimise - sum of log probabilities + penalty/2 x sum of squared weights; the bias is not penalised.

    Args:
        features: [N, D] float64, standardised.
        targets: [N, C] indicators.
        penalty: above 0.

    Returns:
        Weights [D, C] and bias [C].
    """
    count, width = features.shape
    if width > count:  # the weights lie in the space of the items: the same problem with [N, N] features
        basis, coordinates = qr(features.T, mode="economic")  # [D, N], [N, N]
        weights, bias = logistic_regression(coordinates.T, targets, penalty)
        return basis @ weights, bias
    shape = (width + 1, targets.shape[1])
    start = np.zeros(shape)
    start[-1] = np.log(np.maximum(targets.mean(axis=0), 1 / count))

    def loss(flat: Array) -> tuple[float, Array]:
        parameters = flat.reshape(shape)
        log_probabilities = log_softmax(features @ parameters[:-1] + parameters[-1], axis=1)  # [N, C]
        errors = np.exp(log_probabilities) - targets
        gradient = np.vstack([features.T @ errors + penalty * parameters[:-1], errors.sum(axis=0)])
        value = -(log_probabilities * targets).sum() + penalty / 2 * (parameters[:-1] ** 2).sum()
        return value / count, gradient.ravel() / count

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    parameters = found.x.reshape(shape)
    return parameters[:-1], parameters[-1]


def ridge(features: Array, values: Array, penalty: float) -> Array:
    """The weights [D] that minimise squared error + penalty x squared weights, over the smaller of both sides.

    Args:
        features: [N, D] float64.
        values: [N], of mean 0.
        penalty: above 0.
    """
    count, width = features.shape
    if width <= count:
        return solve(features.T @ features + penalty * np.eye(width), features.T @ values, assume_a="pos")
    return features.T @ solve(features @ features.T + penalty * np.eye(count), values, assume_a="pos")
