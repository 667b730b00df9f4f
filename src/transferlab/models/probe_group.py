"""Several probes trained side by side over one pass of the data: each batch is made, and its rows read, once for all.

Each probe is a model of its own: nothing it computes depends on the others. It has its own weights, learning rates,
gradient norm, best epoch and (on the CPU) stream of random numbers, so that it learns what it would learn alone on the
same batches. Callbacks see the mean of the probes: early stopping ends them together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from transferlab.encoders.multi_encoder import MultiEncoderOutput
from transferlab.models.base import TransferModel, check_fits, gold_labels_of, log_beside_gold, log_training_loss
from transferlab.models.optimization import adamw, clip_gradients
from transferlab.utils.distributed import joint_mean, of_all_processes, rank, summed
from transferlab.utils.errors import UserError


@dataclass
class Best:
    """The best epoch of a probe so far.

    Attributes:
        score: the monitored one.
        epoch: counted from 0; -1 before the first validation.
        state: what it had learned then.
    """

    score: float
    epoch: int
    state: dict[str, Tensor]


class ProbeGroup(LightningModule):
    """Probes that share batches.

    Args:
        probes: by name; all their encoders are frozen.
        streams: for each, the state of the random numbers it goes on with.
        monitor: the score that tells a better epoch, of validation.
        mode: ``max`` or ``min``.

    Attributes:
        results: by name of the probe, what validation and test of its best epoch gave.
    """

    def __init__(
        self, probes: Mapping[str, TransferModel], streams: Mapping[str, Tensor], monitor: str, mode: str = "max"
    ) -> None:
        super().__init__()
        for name, probe in probes.items():
            trained = sorted(set(probe.multi_encoder.encoder_ids) - set(probe.multi_encoder.frozen_ids))
            if trained:
                raise UserError(
                    f"probes: {name} would train its encoder {trained[0]!r}; only frozen encoders can be shared: set "
                    "model.freeze_models=all, or train one model at a time"
                )
        self.names = list(probes)
        self.probes = nn.ModuleList(probes.values())
        self.monitor, self.mode = monitor, mode
        self.results: dict[str, dict[str, float]] = {name: {} for name in self.names}
        worst = -math.inf if mode == "max" else math.inf
        self.best = {name: Best(worst, -1, {}) for name in self.names}
        self._streams = dict(streams)
        self._losses: dict[str, list[tuple[int, Tensor]]] = {}
        self._weights: dict[str, list[Tensor]] = {}  # of each batch, the sums over its units, and their number
        self._counting = True  # the batch at hand counts
        for name, probe in self.members():
            probe.multi_encoder.register_forward_hook(partial(self._observe, name))

    def members(self) -> Iterator[tuple[str, TransferModel]]:
        """The probes by name."""
        for name, probe in zip(self.names, self.probes, strict=True):
            assert isinstance(probe, TransferModel)
            yield name, probe

    @contextmanager
    def _stream(self, name: str) -> Iterator[None]:
        """Draw random numbers of the CPU from the stream of a probe."""
        outside = torch.get_rng_state()
        torch.set_rng_state(self._streams[name])
        try:
            yield
        finally:
            self._streams[name] = torch.get_rng_state()
            torch.set_rng_state(outside)

    @torch.no_grad()
    def _observe(self, name: str, module: nn.Module, inputs: Any, output: MultiEncoderOutput) -> None:
        """Sum the weights of a probe's sources over the words of evaluation."""
        if not self.training and output.attention_weights is not None:
            weights, mask = output.attention_weights.float(), output.unit_mask
            sums = torch.cat([(weights * mask[..., None]).sum((0, 1)), mask.sum()[None]])  # [encoders + 1]
            self._weights[name].append(sums * self._counting)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The sum of the losses: each probe gets the gradient of its own."""
        losses = []
        for name, probe in self.members():
            with self._stream(name):
                losses.append(probe.loss(batch))
        items = [probe.counted_items(batch) for _, probe in self.members()]
        shares, joint = joint_mean(torch.stack(losses), losses[0].new_tensor(items))  # [probes] each
        log_training_loss(self, joint.mean(), batch)
        return shares.sum()

    def on_validation_epoch_start(self) -> None:
        """Nothing was summed or scored yet."""
        self._start_evaluation("val", self.trainer.val_dataloaders)

    def on_test_epoch_start(self) -> None:
        """Nothing was summed or scored yet."""
        self._start_evaluation("test", self.trainer.test_dataloaders)

    def _start_evaluation(self, stage: str, loaders: Any) -> None:
        self._losses = {name: [] for name in self.names}
        self._weights = {name: [] for name in self.names}
        labels = gold_labels_of(loaders)
        for _, probe in self.members():
            probe.item_tables.pop(stage, None)
            probe.expect_labels(stage, labels)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Losses and official scores on the validation split."""
        self._evaluation_step("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Losses and official scores on the test split."""
        self._evaluation_step("test", batch)

    def _evaluation_step(self, stage: str, batch: Any) -> None:
        self._counting = batch.counts
        for name, probe in self.members():
            loss, predictions = probe.loss_and_predictions(batch)
            self._losses[name].append((probe.counted_items(batch), loss))
            if batch.counts:
                probe.update_score(probe.scores[stage], batch, predictions)
                probe.update_baselines(stage, batch, predictions)
            if self.trainer.state.fn != TrainerFn.FITTING:
                probe.note_items(stage, batch, predictions)

    def on_validation_epoch_end(self) -> None:
        """Log the mean of the scores, and keep what is best of each probe."""
        scores = self._collect("val")
        known = next(iter(scores.values()))
        if self.monitor not in known:
            raise UserError(f"monitor={self.monitor}: there is no such score; choose one of {', '.join(known)}")
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            sign = 1 if self.mode == "max" else -1
            for name, probe in self.members():
                score = scores[name][self.monitor]
                if math.isnan(score):  # worse than any number
                    score = -sign * math.inf
                if self.best[name].epoch < 0 or sign * score > sign * self.best[name].score:
                    self.best[name] = Best(score, self.current_epoch, learned(probe))

    def on_test_epoch_end(self) -> None:
        """Log the mean of the scores."""
        self._collect("test")

    def _collect(self, stage: str) -> dict[str, dict[str, float]]:
        """The scores of each probe on the whole split; their means go to the loggers."""
        found: dict[str, dict[str, float]] = {}
        for name, probe in self.members():
            of_process = [(count, float(value)) for count, value in self._losses[name]]
            losses = list(chain(*of_all_processes(of_process)))
            items = sum(count for count, _ in losses)
            loss = sum(count * value for count, value in losses) / items if items else math.nan
            values = {key: float(value) for key, value in probe.scores[stage].compute().items()}
            if stage == "val" and not self.trainer.sanity_checking:
                probe.settle(values)
            found[name] = {f"{stage}/loss": loss, **{f"{stage}/{key}": value for key, value in values.items()}}
            if self.trainer.state.fn != TrainerFn.FITTING:
                log_beside_gold(probe.scores[stage], f"{stage}, {name}")
                probe.gather_items(stage)
            probe.scores[stage].reset()
            probe.score_baselines(stage)
            if self._weights[name]:
                *sums, units = summed(torch.stack(self._weights[name]).sum(0)).tolist()
                for encoder_id, weight in zip(probe.multi_encoder.encoder_ids, (w / units for w in sums), strict=True):
                    found[name][f"{stage}/attention/{encoder_id}/mean"] = weight
            if self.trainer.state.fn in (TrainerFn.VALIDATING, TrainerFn.TESTING):
                self.results[name] |= found[name]
        shared = [key for key in found[self.names[0]] if all(key in scores for scores in found.values())]
        means = {key: mean_of_numbers([scores[key] for scores in found.values()]) for key in shared}
        # of each probe's own best epoch, which is no epoch of the run
        repeated = self.trainer.state.fn == TrainerFn.VALIDATING
        self.log_dict(means, sync_dist=True, logger=not repeated)
        if self.monitor in means and not self.trainer.sanity_checking and not repeated:
            self.log_dict({f"{self.monitor}/{name}": scores[self.monitor] for name, scores in found.items()})
        return found

    def on_validation_start(self) -> None:
        """Take the best epochs, where training is over."""
        if self.trainer.state.fn == TrainerFn.VALIDATING:
            self.take_best()

    def on_test_start(self) -> None:
        """Take the best epochs."""
        self.take_best()

    def take_best(self) -> None:
        """Give each probe what it had learned at its best epoch; those never validated stay as they are."""
        for name, probe in self.members():
            if self.best[name].epoch >= 0:
                probe.load_state_dict(self.best[name].state, strict=False)

    def configure_optimizers(self) -> Any:
        """One optimizer with the groups and schedules of all probes."""
        return adamw([probe for _, probe in self.members()], self.trainer)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Each probe's gradients are clipped by themselves."""
        for group in optimizer.param_groups:  # one for each probe: nothing of an encoder is trained
            clip_gradients(group["params"], gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen weights out, add the best epochs and where the random numbers of each probe are."""
        state = checkpoint["state_dict"]
        for position, (_, probe) in enumerate(self.members()):
            for key in probe.frozen_keys():
                del state[f"probes.{position}.{key}"]
        checkpoint["frozen_fingerprints"] = {name: probe.frozen_fingerprints() for name, probe in self.members()}
        checkpoint["best"] = {name: vars(best) for name, best in self.best.items()}
        checkpoint["streams"] = of_all_processes(dict(self._streams))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lend a checkpoint our frozen weights, and take its best epochs and the probes' random numbers.

        Raises:
            UserError: it is of other probes, or over other weights.
        """
        ours = {name: probe.frozen_fingerprints() for name, probe in self.members()}
        theirs = checkpoint.get("frozen_fingerprints") or {}
        if list(theirs.items()) != list(ours.items()):  # in their order, because weights go by it
            raise UserError(
                f"the checkpoint is not of the probes {', '.join(self.names)} over the weights that their encoders "
                "have now; resume it with the sources it was started with"
            )
        for position, (_, probe) in enumerate(self.members()):
            state = probe.state_dict()
            checkpoint["state_dict"].update({f"probes.{position}.{key}": state[key] for key in probe.frozen_keys()})
        check_fits(checkpoint["state_dict"], self.state_dict())
        self.best = {name: Best(**best) for name, best in checkpoint["best"].items()}
        processes = checkpoint.get("streams", [])
        if isinstance(processes, dict):  # of one process, as older versions wrote it
            processes = [processes]
        if rank() < len(processes):
            self._streams |= {name: state.cpu() for name, state in processes[rank()].items()}


def mean_of_numbers(values: list[float]) -> float:
    """The mean of those that are numbers; NaN where none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def learned(probe: TransferModel) -> dict[str, Tensor]:
    """A copy of what a probe has learned: all but its frozen encoders."""
    frozen = set(probe.frozen_keys())
    return {key: value.detach().clone() for key, value in probe.state_dict().items() if key not in frozen}
