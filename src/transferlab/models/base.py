"""What every task's model shares: the multi-encoder, the optimizer, checkpoints without frozen weights."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torchmetrics import Metric

from transferlab.encoders.multi_encoder import MultiEncoder, MultiEncoderOutput
from transferlab.metrics.class_counts import ClassCounts
from transferlab.metrics.item_counts import CountsItems, ItemTable
from transferlab.models.optimization import WarmUp, adamw, clip_gradients
from transferlab.utils.distributed import joint_mean, log_weight, of_all_processes
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Natural, NonNegative, Positive, Share
from transferlab.utils.options import checked

log = logging.getLogger(__name__)


class TransferModel(LightningModule):
    """A multi-encoder under a task head; subclasses add the head, its loss and its decoding.

    Subclasses implement :meth:`loss_and_predictions` and fill ``self.scores`` with one metric per evaluation stage.

    Args:
        task_learning_rate: of everything but the encoders.
        bert_learning_rate: of trained encoders.
        warmup_proportion: of all steps, over which the learning rates rise linearly before they fall linearly to 0.
        warmup_steps: the same as a number of steps; it takes the place of the proportion. None: the proportion.
        warmup_on: ``all`` learning rates rise first; ``encoders``: that of the task falls from the first step on.
        weight_decay: of AdamW.
        bert_weight_decay: that of trained encoders, but for their biases and norms; None: ``weight_decay``, for all.
        adam_epsilon: of AdamW.
        clip_separately: the trainer's ``gradient_clip_val`` holds for the norm over the encoders and for that over the
            rest, not for the norm over all.
        encoder_options: those of :class:`~transferlab.encoders.multi_encoder.MultiEncoder`.
    """

    OPTIONS_OF: ClassVar[tuple[type, ...]] = (MultiEncoder,)
    # by stage and name: baselines that need the model's own predictions, and what they scored last
    baselines: Mapping[str, Mapping[str, Metric]] = MappingProxyType({})
    baseline_scores: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType({})
    reads_rows = True  # the vectors of units that stand for whole rows, where the taskmodule makes such units

    @checked("model")
    def __init__(
        self,
        *,
        task_learning_rate: NonNegative = 2e-4,
        bert_learning_rate: NonNegative = 1e-5,
        warmup_proportion: Share = 0.1,
        warmup_steps: Natural | None = None,
        warmup_on: WarmUp = "all",
        weight_decay: NonNegative = 0.0,
        bert_weight_decay: NonNegative | None = None,
        adam_epsilon: Positive = 1e-6,
        clip_separately: bool = False,
        **encoder_options: Any,
    ) -> None:
        super().__init__()
        self.multi_encoder = MultiEncoder(**encoder_options)
        self.task_learning_rate = task_learning_rate
        self.bert_learning_rate = bert_learning_rate
        self.warmup_proportion = warmup_proportion
        self.warmup_steps = warmup_steps
        self.warmup_on = warmup_on
        self.weight_decay = weight_decay
        self.bert_weight_decay = bert_weight_decay
        self.adam_epsilon = adam_epsilon
        self.clip_separately = clip_separately
        self.scores: dict[str, Metric] = {}
        self.item_tables: dict[str, ItemTable] = {}  # by stage, of what was evaluated outside of training

    @abstractmethod
    def loss_and_predictions(self, batch: Any) -> tuple[Tensor, list[Any]]:
        """The mean loss [] fp32 over the known items of a batch, and a decoded prediction for each of its documents."""

    @abstractmethod
    def predictions(self, batch: Any) -> list[Any]:
        """A decoded prediction for each document of the batch; needs no gold."""

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The mean loss [] fp32 over the known items of a batch."""

    @abstractmethod
    def losses(self, batch: Any) -> Tensor:
        """The losses [examples] fp32, each that of a batch of this example alone; 0 where nothing is known of it."""

    @abstractmethod
    def sampled(self, batch: Any, generator: torch.Generator) -> Any:
        """A copy of a batch whose gold is drawn from what the model predicts, at the time; needs no gold.

        No gradient flows into the draw. The wordings for the official score are left unknown.
        """

    @abstractmethod
    def scored(self, batch: Any, predictions: list[Any]) -> Iterator[list[tuple[Any, ...]]]:
        """For each example of a batch its items (document, sentence, question), those without gold left out.

        An item is what the official score's ``update`` takes of it, in the order of its arguments.
        """

    def update_score(self, score: Metric, batch: Any, predictions: list[Any]) -> None:
        """Add a batch to the official score."""
        if items := list(chain.from_iterable(self.scored(batch, predictions))):
            score.update(*map(list, zip(*items, strict=True)))

    def note_items(self, stage: str, batch: Any, predictions: list[Any]) -> None:
        """Keep the counts of each item of a batch that counts, where it says which examples it holds."""
        score = self.scores[stage]
        if not isinstance(score, CountsItems):
            return
        if stage not in self.item_tables:
            self.item_tables[stage] = ItemTable(score.item_columns(), score.description())
        if batch.counts and batch.positions:
            for position, items in zip(batch.positions, self.scored(batch, predictions), strict=True):
                for number, item in enumerate(items):
                    self.item_tables[stage].counts[position, number] = score.item_counts(*item)

    def gather_items(self, stage: str) -> None:
        """Bring the counts of all processes together; all of them must call this."""
        if stage in self.item_tables:
            table = self.item_tables[stage]
            for counts in of_all_processes(table.counts):
                table.counts |= counts

    def update_baselines(self, stage: str, batch: Any, predictions: list[Any]) -> None:
        """Add a batch to ``baselines``; models without any leave it out."""

    def score_baselines(self, stage: str) -> None:
        """Move what ``baselines`` have found on the whole split to ``baseline_scores``."""
        metrics = self.baselines.get(stage, {})
        scores = {name: metric.compute() for name, metric in metrics.items()}
        self.baseline_scores = {**self.baseline_scores, stage: scores}
        for metric in metrics.values():
            metric.reset()

    def known_items(self, batch: Any) -> int:
        """How many items (documents, words, questions) the mean loss of a batch is over: those whose gold is known."""
        return len(batch.names)

    def counted_items(self, batch: Any) -> int:
        """The known items, none of a batch that does not count."""
        return self.known_items(batch) if batch.counts else 0

    def expect_labels(self, stage: str, gold: Iterable[str]) -> None:
        """List the gold labels of the split that is to be evaluated, those included that training never saw."""
        score = self.scores[stage]
        if isinstance(score, ClassCounts):
            score.expect(gold)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One step of training; its loss is this process's share in the mean over what all processes read."""
        loss = self.loss(batch)
        share, joint = joint_mean(loss, loss.new_tensor(self.counted_items(batch)))
        log_training_loss(self, joint, batch)
        return share

    def on_validation_epoch_start(self) -> None:
        """Nothing was scored yet."""
        self.item_tables.pop("val", None)
        self.expect_labels("val", gold_labels_of(self.trainer.val_dataloaders))

    def on_test_epoch_start(self) -> None:
        """Nothing was scored yet."""
        self.item_tables.pop("test", None)
        self.expect_labels("test", gold_labels_of(self.trainer.test_dataloaders))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Loss and official score of the validation split."""
        self._evaluation_step("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Loss and official score of the test split."""
        self._evaluation_step("test", batch)

    def _evaluation_step(self, stage: str, batch: Any) -> None:
        loss, predictions = self.loss_and_predictions(batch)
        self.log(f"{stage}/loss", loss, batch_size=log_weight(self.counted_items(batch)), sync_dist=True)
        if batch.counts:
            self.update_score(self.scores[stage], batch, predictions)
            self.update_baselines(stage, batch, predictions)
        if self.trainer.state.fn != TrainerFn.FITTING:
            self.note_items(stage, batch, predictions)

    def encode(self, batch: Any) -> MultiEncoderOutput:
        """One vector per unit of every sequence of a batch; logs the similarities of the encoders."""
        encoded = self.multi_encoder(batch.inputs, sequences=len(batch.names), units=batch.units)
        self.log_cosine(encoded, counts=batch.counts)
        return encoded

    def log_cosine(self, encoded: MultiEncoderOutput, counts: bool) -> None:
        """Log the similarity of each encoder to the target, as means over real units, while a trainer runs."""
        if not encoded.cosine or self._trainer is None:
            return
        stage = "train" if self.training else "test" if self.trainer.testing else "val"
        values = {f"{stage}/cosine/{name}": value for name, value in encoded.cosine.items()}
        units = log_weight(int(encoded.unit_mask.sum()) if counts else 0)
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=units, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Log the official score of the whole split."""
        self._log_score("val")

    def on_test_epoch_end(self) -> None:
        """Log the official score of the whole split."""
        self._log_score("test")

    def settle(self, scores: dict[str, float]) -> None:
        """Take over what is tuned on the whole validation split; ``scores`` are those of it, without the stage."""

    def _log_score(self, stage: str) -> None:
        score = self.scores[stage]
        values = {name: float(value) for name, value in score.compute().items()}
        if stage == "val" and not self.trainer.sanity_checking:
            self.settle(values)
        scores = {f"{stage}/{name}": value for name, value in values.items()}
        self.log_dict(scores, sync_dist=True)  # equal on all processes already: the metric sums their counts
        if self.trainer.state.fn != TrainerFn.FITTING:
            log_beside_gold(score, stage)
            self.gather_items(stage)
        score.reset()
        self.score_baselines(stage)

    def configure_optimizers(self) -> Any:
        """See :func:`transferlab.models.optimization.adamw`."""
        return adamw([self], self.trainer)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip here: in mixed precision Lightning refuses fused optimizers, also where no loss is scaled."""
        encoders, task = list(self.multi_encoder.encoder_parameters()), self.task_parameters()
        for parameters in (encoders, task) if self.clip_separately else (encoders + task,):
            clip_gradients(parameters, gradient_clip_val, gradient_clip_algorithm)

    def task_parameters(self) -> list[torch.nn.Parameter]:
        """Everything that trains at the task learning rate: the head and the aggregation."""
        prefix = "multi_encoder.encoders."
        return [parameter for name, parameter in self.named_parameters() if not name.startswith(prefix)]

    def frozen_keys(self) -> list[str]:
        """Names of the state that belongs to frozen encoders, and so to their sources."""
        prefixes = tuple(f"multi_encoder.encoders.{name}." for name in self.multi_encoder.frozen_ids)
        return [key for key in self.state_dict() if key.startswith(prefixes)]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen weights out: they never change, and their fingerprints tell them."""
        for key in self.frozen_keys():
            del checkpoint["state_dict"][key]
        checkpoint["frozen_fingerprints"] = self.frozen_fingerprints()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lend a checkpoint our frozen weights, which it leaves out.

        Raises:
            UserError: it is not one of ours, or was trained over other frozen weights, or with others frozen.
        """
        theirs, ours = checkpoint.get("frozen_fingerprints"), self.frozen_fingerprints()
        if theirs is None:
            raise UserError("the checkpoint was not written by transferlab: it lacks frozen_fingerprints")
        if theirs.keys() != ours.keys():
            raise UserError(
                f"the checkpoint was trained with model.freeze_models={sorted(theirs)}, now it is {sorted(ours)}; to "
                "go on from its encoders with others frozen, name its saved model in model.pretrained_models"
            )
        for name, fingerprint in theirs.items():
            if ours[name] != fingerprint:
                raise UserError(
                    f"the checkpoint was trained over other weights of the frozen encoder {name!r} than "
                    f"model.pretrained_models.{name} gives now; point it to the original ones"
                )
        state = self.state_dict()
        checkpoint["state_dict"].update({key: state[key] for key in self.frozen_keys()})
        check_fits(checkpoint["state_dict"], state)

    def frozen_fingerprints(self) -> dict[str, str]:
        """The content hash of every frozen encoder's weights."""
        return {name: self.multi_encoder.fingerprint(name) for name in self.multi_encoder.frozen_ids}


def check_fits(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model.

    Raises:
        UserError: naming the first tensor that the checkpoint lacks, has beside, or has in another shape.
    """
    for key in (*ours, *theirs):
        shapes = [tuple(state[key].shape) if key in state else None for state in (theirs, ours)]
        if shapes[0] != shapes[1]:
            has, wants = ("no such tensor" if shape is None else f"shape {shape}" for shape in shapes)
            raise UserError(
                f"the checkpoint is of another model: {key} has {has} there, and {wants} in this run; choose the "
                "experiment, labels and model options that it was trained with"
            )


def log_training_loss(model: LightningModule, loss: Tensor, batch: Any) -> None:
    """Log the mean loss of a step, the same in all processes; that of an epoch weighs the steps by their examples."""
    size = log_weight(len(batch.names) if batch.counts else 0)
    model.log("train/loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=size, sync_dist=True)


def gold_labels_of(loaders: Any) -> set[str]:
    """The gold labels of the splits that loaders serve whole, as their data sets name them; none if they do not."""
    listed = loaders if isinstance(loaders, list | tuple) else [loaders]
    return {label for loader in listed for label in getattr(getattr(loader, "dataset", None), "gold_labels", ())}


def log_beside_gold(score: Metric, where: str) -> None:
    """Say which classes were predicted although the evaluated gold has none of them."""
    beside = score.beside_gold() if isinstance(score, ClassCounts) else []
    if beside:
        log.info("%s: predicted beside the classes of the gold: %s", where, ", ".join(map(repr, beside)))
