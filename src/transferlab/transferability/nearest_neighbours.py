"""Leave-one-out prediction of every item from the items nearest to it.

N: items, D: width, C: classes, k: neighbours.
"""

from __future__ import annotations

import numpy as np

from transferlab.transferability.estimator import NotDefined, classes_of, features_of, indicators, values_of
from transferlab.transferability.items import Array, Items
from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked

ROWS = 1024  # of the matrix of similarities at once: bounds memory


class NearestNeighbours:
    """Accuracy of the majority among the nearest other items; for values R2 of their mean.

    Args:
        k: neighbours, by cosine similarity.
    """

    name = "knn"

    @checked("estimator")
    def __init__(self, k: Count = 5) -> None:
        self.k = k

    def __call__(self, items: Items) -> float:
        """Classes: 0 to 1. Values: at most 1; 0 and below is no better than the mean of all items."""
        features = features_of(items, self.name)
        if len(items) <= self.k:
            raise NotDefined(f"knn: {len(items)} items are too few for estimator.k={self.k} neighbours of each")
        if items.regression:
            return knn_r2(features, values_of(items, self.name), self.k)
        return knn_accuracy(features, classes_of(items, self.name), self.k)


def knn_accuracy(features: Array, classes: Array, k: int = 5) -> float:
    """The share of items whose class is that of most of their neighbours.

    As many votes for two classes: the more similar neighbours decide.

    Args:
        features: [N, D], N above k.
        classes: [N] in 0..C-1.
        k: neighbours.
    """
    nearest, similarities = neighbours(features, k)
    # a whole vote for each neighbour, and below one vote in all for how similar they are
    weights = 1 + (similarities + 1) / (2 * k + 1)  # [N, k]
    votes = (indicators(classes)[nearest] * weights[:, :, None]).sum(axis=1)  # [N, C]
    return float((votes.argmax(axis=1) == classes).mean())


def knn_r2(features: Array, values: Array, k: int = 5) -> float:
    """1 - squared error of the neighbours' mean / squared deviation of all values from their mean.

    Args:
        features: [N, D], N above k.
        values: [N], not all the same.
        k: neighbours.
    """
    nearest, _ = neighbours(features, k)
    values = np.asarray(values, dtype=np.float64)
    errors = values - values[nearest].mean(axis=1)
    return float(1 - (errors**2).sum() / ((values - values.mean()) ** 2).sum())


def neighbours(features: Array, k: int) -> tuple[Array, Array]:
    """The k other items of highest cosine similarity; a vector of zeros is at right angles to all.

    Returns:
        Their numbers [N, k], in no order, and similarities [N, k].
    """
    features = np.asarray(features, dtype=np.float64)
    lengths = np.sqrt((features**2).sum(axis=1, keepdims=True))
    directions = features / np.where(lengths > 0, lengths, 1)
    nearest, similarities = [], []
    for start in range(0, len(features), ROWS):
        cosines = directions[start : start + ROWS] @ directions.T  # [rows, N]
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf  # an item is not its own neighbour
        found = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        nearest.append(found)
        similarities.append(np.take_along_axis(cosines, found, axis=1))
    return np.concatenate(nearest), np.concatenate(similarities)
