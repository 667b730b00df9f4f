"""What an estimator of transferability looks at: what an encoder says of items of a target task, and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Items:
    """Items of a target task: texts, words, pairs of mentions.

    Attributes:
        features: [N, D] floating point, what one layer of a frozen encoder says of each.
        labels: [N] int64, classes from 0; or [N] float64 values in regression.
        regression: whether labels are values.
        source_probabilities: [N, Z] what the head that the encoder was fine-tuned with says of each: probabilities of
            the Z classes of the source task; None where it has no classes, or reads other units.
    """

    features: Array
    labels: Array
    regression: bool = False
    source_probabilities: Array | None = None

    def __len__(self) -> int:
        """The number of items."""
        return len(self.labels)
