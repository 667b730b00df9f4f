"""What estimators of transferability share: their interface, and the checks of items before anything is computed."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from transferlab.transferability.items import Array, Items
from transferlab.utils.errors import UserError


class NotDefined(UserError):  # noqa: N818 - reads as what it says: there is nothing to mend in the items
    """An estimator has no value for these items; the text says why."""


class Estimator(Protocol):
    """Predicts from vectors of a frozen encoder how well the encoder will serve the target task."""

    name: str

    def __call__(self, items: Items) -> float:
        """Higher: predicted to transfer better. Only comparable between encoders on the same items.

        Raises:
            NotDefined: there is no value for these items.
        """


def features_of(items: Items, name: str) -> Array:
    """The features in float64: sums over thousands of 16-bit vectors would not even be exact in fp32.

    Args:
        items: at least two.
        name: of the estimator, for the messages.

    Returns:
        [N, D] float64.

    Raises:
        UserError: features that are no matrix, or not one row for each label.
        NotDefined: fewer than two items, a value that is not finite, or the same vector for all items.
    """
    features = np.asarray(items.features, dtype=np.float64)
    if features.ndim != 2 or len(features) != len(items):
        raise UserError(f"{name}: features {features.shape} must be [items, width] for {len(items)} labels")
    if len(items) < 2 or not features.shape[1]:
        raise NotDefined(f"{name}: features {features.shape}; at least two items and one dimension are needed")
    if not np.isfinite(features).all():
        count = int((~np.isfinite(features)).any(axis=1).sum())
        raise NotDefined(f"{name}: {count} of {len(items)} vectors are not finite: the encoder diverged or overflowed")
    if (features == features[0]).all():
        raise NotDefined(f"{name}: all {len(items)} items have the same vector")
    return features


def classes_of(items: Items, name: str) -> Array:
    """The class of each item, numbered without gaps: a sample need not have all classes of its task.

    Returns:
        [N] int64 in 0..C-1.

    Raises:
        UserError: classes that are no whole numbers from 0.
        NotDefined: a regression task, or fewer than two classes.
    """
    if items.regression:
        raise NotDefined(f"{name} is defined for classes; the labels of this task are values")
    labels = np.asarray(items.labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        raise UserError(f"{name}: labels {labels.shape} {labels.dtype} must be one whole number from 0 for each item")
    present, classes = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        raise NotDefined(f"{name}: {len(present)} class among {len(labels)} items; at least two are needed")
    return classes


def values_of(items: Items, name: str) -> Array:
    """The values of a regression task.

    Returns:
        [N] float64.

    Raises:
        UserError: labels that are not one finite number for each item.
        NotDefined: the same value for all items.
    """
    values = np.asarray(items.labels, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise UserError(f"{name}: values {values.shape} must be one finite number for each item")
    if (values == values[:1]).all():
        raise NotDefined(f"{name}: all {len(values)} items have the same value")
    return values


def indicators(classes: Array) -> Array:
    """[N] in 0..C-1 -> [N, C] float64: 1 at the class of an item, 0 elsewhere."""
    return np.eye(classes.max() + 1)[classes]
