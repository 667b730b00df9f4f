"""TextEmb: the mean of what a pretrained encoder says about the texts of a task (Vu et al., EMNLP 2020).

Letters: R rows, T subtokens, h hidden size.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.utils.errors import UserError
from transferlab.utils.options import checked

COMPONENT = "avg_sequence_output"  # the name of the published code


class TextEmbedding:
    """v = 1/N sum_i (sum_t m_it h_it) / (sum_t m_it), h the last layer, m the attention mask: special tokens and both
    texts of a pair count, padding does not. A mean of means, in eval mode.

    Args:
        multi_encoder: one frozen encoder.
        per: ``window``: every row counts once, so long texts that are read in several windows count several times, as
            in the published code; ``example``: all rows of an example are one sequence.

    Raises:
        UserError: several encoders, or an unknown ``per``.
    """

    shuffled = False  # the order of batches does not matter

    @checked("embedding")
    def __init__(self, multi_encoder: MultiEncoder, per: Literal["window", "example"] = "window") -> None:
        if len(multi_encoder.encoder_ids) != 1:
            raise UserError(
                f"embedding=textemb reads one encoder, here are {', '.join(multi_encoder.encoder_ids)}; choose one "
                "with encoder=..."
            )
        self.multi_encoder = multi_encoder.eval()
        self.per = per
        self.examples = 0
        self._total: Tensor | None = None  # [h] fp64
        self._sequences = 0

    def settings(self) -> dict[str, Any]:
        """What changes the meaning of the numbers."""
        return {"per": self.per}

    def begin(self, batches: int) -> None:
        """Nothing depends on how many batches there will be."""

    @torch.no_grad()
    def update(self, batch: Any) -> None:
        """Add the examples of a batch."""
        encoder_id = self.multi_encoder.encoder_ids[0]
        rows = self.multi_encoder.rows_of(encoder_id, batch.inputs)
        hidden = self.multi_encoder.hidden_states(encoder_id, batch.inputs)  # [R, T, h]
        mask = rows.attention_mask.to(hidden.device, torch.float64)  # [R, T]
        sums = (mask[:, :, None] * hidden.double()).sum(1)  # [R, h]
        tokens = mask.sum(1)  # [R]
        real = tokens > 0  # not the rows that only fill up a batch
        if self.per == "example":
            count, owners = len(batch.names), rows.sequence_ids.to(hidden.device)[real]
            sums = sums.new_zeros(count, sums.shape[1]).index_add(0, owners, sums[real])
            tokens = tokens.new_zeros(count).index_add(0, owners, tokens[real])
            real = tokens > 0
        total = (sums[real] / tokens[real, None]).sum(0).cpu()
        self._total = total if self._total is None else self._total + total
        self._sequences += int(real.sum())
        self.examples += len(batch.names)

    def state(self) -> dict[str, Tensor]:
        """The sums so far."""
        if self._total is None:
            return {}
        return {"total": self._total, "counts": torch.tensor([self._sequences, self.examples])}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from the sums of an earlier process."""
        if state:
            self._total = state["total"]
            self._sequences, self.examples = state["counts"].tolist()

    def result(self) -> dict[str, Tensor]:
        """{component: [h]} fp32.

        Raises:
            UserError: no text was read.
        """
        if self._total is None or not self._sequences:
            raise UserError("embedding=textemb: the split holds no texts")
        return {COMPONENT: (self._total / self._sequences).float()}
