"""The state of metrics that no sum can hold: one row of float64 values for every item scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class RowsMetric(Metric):
    """A metric over a table of rows, which grows by the items of each update and is joined over processes.

    The rows stay in float64 whatever the precision of the module that owns the metric, so that its scores
    equal those of the functional form. A process may have none: it takes part in the exchange all the same.
    """

    full_state_update = False
    rows: list[torch.Tensor]

    def __init__(self, columns: int, **options: Any) -> None:
        """``columns`` values make a row; ``options`` are those of ``torchmetrics.Metric``."""
        super().__init__(**options)
        self.columns = columns
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        super().reset()
        # torchmetrics sends a flat float32 tensor for an empty list, which would not join the others' rows.
        self.rows = [torch.zeros(0, self.columns, dtype=torch.float64, device=self._row_device)]

    def add_rows(self, rows: NDArray[np.float64]) -> None:
        """Add the rows ``[items, columns]`` of one update."""
        self.rows.append(torch.from_numpy(rows).to(self._row_device))

    def all_rows(self) -> NDArray[np.float64]:
        """Everything added since the last reset, ``[items, columns]``; inside ``compute`` that of all processes."""
        return dim_zero_cat(self.rows).cpu().numpy()

    @property
    def _row_device(self) -> torch.device:
        # Apple's devices lack float64, and have no distributed training that would need the rows there
        return torch.device("cpu") if self.device.type == "mps" else self.device

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = ()) -> torch.nn.Module:
        # torchmetrics lets Module.to(dtype) change the state; only the device is followed here
        super()._apply(fn, exclude_state=(*exclude_state, "rows"))
        self.rows = [dim_zero_cat(self.rows).to(self._row_device)]
        return self
