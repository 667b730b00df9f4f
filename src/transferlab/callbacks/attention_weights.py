"""Watch how much each source encoder contributes: the attention weights of the multi-encoder's aggregation.

S = sequences, U = units (words), E = encoders.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from transferlab.callbacks.attention_plot import plot_attention
from transferlab.utils.distributed import rank, summed
from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked
from transferlab.utils.run_record import write_json

log = logging.getLogger(__name__)


class AttentionWeights(Callback):
    """Log the mean weight of each source as ``<stage>/attention/<encoder id>/mean``, and export all of it.

    It looks at the output of ``pl_module.multi_encoder``: ``attention_weights`` [S, U, E] (None when the
    aggregation has none) and ``unit_mask`` [S, U] bool. A model without either is left alone. Padding does
    not count.

    Args:
        output_dir: where ``attention_weights.json`` and ``.png`` are written; None writes none.
        log_freq: send a histogram of a batch's weights to W&B every so many training batches, and those of
            whole epochs; None sends none. ``+wandb_watch=attention_activation`` sets it.
        bins: number of equal bins of a histogram over [0, 1].
    """

    @checked("callbacks.attention_weights")
    def __init__(self, output_dir: str | None = None, log_freq: Count | None = None, bins: Count = 20) -> None:
        self.output_dir = output_dir
        self.log_freq = log_freq
        self.bins = bins
        self.records: list[dict[str, Any]] = []  # one per stage and epoch
        self._encoder_ids: list[str] = []
        self._handle: torch.utils.hooks.RemovableHandle | None = None
        self._stage: str | None = None
        self._totals: dict[str, tuple[Tensor, Tensor]] = {}  # stage -> sums [E], counts [E, bins]
        self._latest: tuple[Tensor, Tensor] | None = None  # [S, U, E], [S, U]
        self._counting = True  # the batch at hand counts

    def _start(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count anew for ``stage``; validation inside a training epoch leaves the count of training alone."""
        multi_encoder = getattr(pl_module, "multi_encoder", None)
        if self._handle is None and isinstance(multi_encoder, nn.Module):
            self._encoder_ids = [str(name) for name in getattr(multi_encoder, "encoder_ids", ())]
            self._handle = multi_encoder.register_forward_hook(self._observe)
        self._stage = None if trainer.sanity_checking else stage
        self._totals.pop(stage, None)

    @torch.no_grad()
    def _observe(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._stage is None or output.attention_weights is None:
            return
        weights = output.attention_weights.detach().float()  # [S, U, E]
        mask = output.unit_mask & self._counting  # [S, U]
        self._latest = (weights, mask)
        sums = (weights * mask[..., None]).sum((0, 1))  # [E]
        counts = self._histogram(weights, mask)  # [E, bins]
        if self._stage in self._totals:
            sums, counts = sums + self._totals[self._stage][0], counts + self._totals[self._stage][1]
        self._totals[self._stage] = (sums, counts)

    def _histogram(self, weights: Tensor, mask: Tensor) -> Tensor:
        """Count the weights of real units in equal bins: [S, U, E] and [S, U] -> [E, bins] int64."""
        encoders = weights.shape[-1]
        index = (weights * self.bins).long().clamp_(0, self.bins - 1)  # [S, U, E]
        index += self.bins * torch.arange(encoders, device=weights.device)
        counts = torch.zeros(encoders * self.bins, dtype=torch.long, device=weights.device)
        counts.scatter_add_(0, index.flatten(), mask[..., None].expand_as(weights).flatten().long())
        return counts.view(encoders, self.bins)

    def _finish(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reduce over processes, log the means, keep a record, and send the histograms of the epoch."""
        self._stage = None
        if stage not in self._totals:
            return
        sums, counts = (trainer.strategy.reduce(t, reduce_op="sum") for t in self._totals.pop(stage))
        assert isinstance(sums, Tensor) and isinstance(counts, Tensor)
        units = int(counts[0].sum())
        means = dict(zip(self._encoder_ids, (sums / max(units, 1)).tolist(), strict=True))
        logged = {f"{stage}/attention/{name}/mean": mean for name, mean in means.items()}
        pl_module.log_dict(logged, sync_dist=True)
        record = {
            "stage": stage if trainer.state.fn == "fit" or stage == "test" else "validate",
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "units": units,
            "mean": means,
            "histogram": dict(zip(self._encoder_ids, counts.tolist(), strict=True)),
        }
        self.records.append(record)
        if self.log_freq is not None:
            self._send_histograms(trainer, f"{stage}/attention_epoch", counts)

    def _send_histograms(self, trainer: Trainer, prefix: str, counts: Tensor) -> None:
        from pytorch_lightning.loggers import WandbLogger

        edges = torch.linspace(0, 1, self.bins + 1).numpy()
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and trainer.is_global_zero:
                import wandb

                histograms = {
                    f"{prefix}/{name}": wandb.Histogram(np_histogram=(row, edges))
                    for name, row in zip(self._encoder_ids, counts.cpu().numpy(), strict=True)
                }
                logger.experiment.log({**histograms, "trainer/global_step": trainer.global_step})

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say at once when histograms were asked for and nothing would take them."""
        from pytorch_lightning.loggers import WandbLogger

        taken = any(isinstance(logger, WandbLogger) for logger in trainer.loggers)
        if self.log_freq is not None and not taken:
            log.warning("wandb_watch is set, but no W&B logger takes the histograms; add logger=wandb")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the count of an epoch that is resumed, which has no start of its own."""
        counted = self._totals.get("train")
        self._start(trainer, pl_module, "train")
        if counted is not None:
            self._totals["train"] = counted

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any) -> None:
        """Leave out a batch that does not count."""
        self._counting = getattr(batch, "counts", True)

    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any) -> None:
        """Leave out a batch that does not count."""
        self._counting = getattr(batch, "counts", True)

    def on_test_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any) -> None:
        """Leave out a batch that does not count."""
        self._counting = getattr(batch, "counts", True)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new count."""
        self._start(trainer, pl_module, "train")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Send the histogram of this batch when its turn has come."""
        if self.log_freq is not None and self._latest is not None and batch_idx % self.log_freq == 0:
            self._send_histograms(trainer, "train/attention_batch", self._histogram(*self._latest))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count of the epoch."""
        self._finish(trainer, pl_module, "train")

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new count."""
        self._start(trainer, pl_module, "val")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count of the validation; an epoch of training goes on around it."""
        self._finish(trainer, pl_module, "val")
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._stage = "train"

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new count."""
        self._start(trainer, pl_module, "test")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count of the test."""
        self._finish(trainer, pl_module, "test")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the hook off the model and write the files."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        if self.records and self.output_dir is not None and trainer.is_global_zero:
            self.export(Path(self.output_dir))

    def state_dict(self) -> dict[str, Any]:
        """The records, for a resumed run exports the epochs before it too, and the counts of one that is not over."""
        return {"records": self.records, "totals": {stage: tuple(map(summed, t)) for stage, t in self._totals.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the records of the run that is resumed."""
        self.records = list(state_dict["records"])
        self._totals = {
            stage: (sums, counts) if rank() == 0 else (torch.zeros_like(sums), torch.zeros_like(counts))
            for stage, (sums, counts) in state_dict.get("totals", {}).items()
        }

    def export(self, directory: Path) -> None:
        """Write ``attention_weights.json`` (encoder ids, bin edges, records) and its plot, ``.png``."""
        edges = [edge / self.bins for edge in range(self.bins + 1)]
        # the ids are those of the records: a resumed run may have nothing left to train, and so no model to ask
        content = {"encoders": list(self.records[0]["mean"]), "bin_edges": edges, "records": self.records}
        write_json(directory / "attention_weights.json", content)
        plot_attention(content, directory / "attention_weights.png")
