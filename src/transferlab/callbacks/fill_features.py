"""Before a run reads a split, its frozen encoders encode the rows that the feature store lacks, all in one pass."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.frozen_features import FrozenFeatures
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.utils.batches import EncoderInputs
from transferlab.utils.distributed import main_process_first
from transferlab.utils.terminal import VisibleConsole

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """One encoder that is to read all rows; what it keeps serves its truncated variants, too.

    Attributes:
        encoder: whose ``features.kept`` are set.
        features: of the encoder.
        tokenizer: the key of its rows.
        sharing: the features of encoders that find theirs then.
    """

    encoder: Encoder
    features: FrozenFeatures
    tokenizer: str
    sharing: list[FrozenFeatures] = field(default_factory=list)


def passes(model: nn.Module, every_layer: bool = False) -> list[Pass]:
    """The encoders of a model, or of several, that must read the rows so that all find theirs in the store.

    Args:
        model: holds multi-encoders.
        every_layer: keep all layers of these encoders, not only those that are used.
    """
    found: list[Pass] = []
    for multi_encoder in (module for module in model.modules() if isinstance(module, MultiEncoder)):
        for encoder_id, encoder in multi_encoder.storing():
            assert encoder.features is not None
            found.append(Pass(encoder, encoder.features, multi_encoder.tokenizer_keys[encoder_id]))
    found.sort(key=lambda one: -len(one.features.addresses))
    chosen: list[Pass] = []
    for one in found:
        if every_layer:
            one.features.kept = list(range(1, len(one.features.addresses) + 1))
        for deeper in chosen:
            theirs = {
                number
                for number in one.features.kept
                if one.features.addresses[number - 1] in deeper.features.addresses
            }
            if deeper.tokenizer == one.tokenizer and theirs == set(one.features.kept):
                deeper.features.kept = sorted({*deeper.features.kept, *theirs})
                deeper.sharing.append(one.features)
                break
        else:
            chosen.append(one)
    return chosen


def fill(one: Pass, batches: Sequence[Iterable[Any]], device: torch.device) -> None:
    """Encode and store what is missing, or say that there is no room for it.

    Args:
        one: the encoder that does it.
        batches: of each split; gone through twice.
        device: of the encoder.
    """
    features, precision = one.features, one.encoder.precision

    def rows() -> Iterator[tuple[EncoderInputs, list[bytes]]]:
        for inputs in (batch.inputs[one.tokenizer] for split in batches for batch in split):
            if inputs.row_keys is not None:
                yield inputs, inputs.row_keys

    def missing() -> dict[bytes, int]:
        """Subtokens of the rows that the store lacks."""
        return {
            keys[row]: int(inputs.attention_mask[row].sum())
            for inputs, keys in rows()
            for row in features.missing(keys, precision)
        }

    for each in (features, *one.sharing):
        each.full = False  # another split may fit where the last one did not
    features.refresh(precision)
    if not missing():  # then nothing is written, and nothing is waited for
        return
    with features.store.writing(features.weights):
        features.refresh(precision, clean=True)
        lengths = missing()
        if not lengths:  # another process has written them meanwhile
            return
        size = sum(lengths.values()) * features.about["hidden_size"] * len(features.kept) * features.store.itemsize
        lacking = features.store.lacking(size)
        if lacking:
            for each in (features, *one.sharing):
                each.full = True
            log.warning("%s; the encoder %r computes its rows every time", lacking, one.encoder.encoder_id)
            return
        log.info(
            "encoder %r reads %d rows (%d subtokens) once; layer %s, %.2f GB, to %s",
            one.encoder.encoder_id, len(lengths), sum(lengths.values()), ", ".join(map(str, features.kept)), size / 1e9,
            features.store.directory,
        )  # fmt: skip
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=VisibleConsole(), transient=True) as progress:
            task = progress.add_task(f"features of {one.encoder.encoder_id}", total=len(lengths))
            for inputs, keys in rows():
                if new := features.missing(keys, precision):
                    types = inputs.token_type_ids
                    types = None if types is None else types.to(device)
                    mask = inputs.attention_mask.to(device)
                    one.encoder.keep_features(inputs.input_ids.to(device), mask, types, keys)
                    progress.advance(task, len(new))
        features.write()


class FillFeatures(Callback):
    """Fills the feature store before training, validation and test, and writes what was missed at the end of epochs.

    Splits of which the trainer reads only some batches are not filled: what is read of them is stored as it comes.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Training and validation."""
        self._fill(trainer, pl_module, {"train": trainer.limit_train_batches, "validation": trainer.limit_val_batches})

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation, where it is all that is done."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._fill(trainer, pl_module, {"validation": trainer.limit_val_batches})

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Test."""
        self._fill(trainer, pl_module, {"test": trainer.limit_test_batches})

    def _fill(self, trainer: Trainer, pl_module: LightningModule, limits: dict[str, int | float]) -> None:
        needed = passes(pl_module)
        splits = [split for split, limit in limits.items() if limit == 1.0 and isinstance(limit, float)]
        if not needed or not splits:
            return
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        loaders = [datamodule.dataloader(split, divided=False) for split in splits]
        with trainer.precision_plugin.forward_context(), main_process_first():  # the others find it done
            for one in needed:
                fill(one, loaders, trainer.strategy.root_device)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        write_all(pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        write_all(pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        write_all(pl_module)


def write_all(model: nn.Module) -> None:
    """Put on disk what frozen encoders have computed since."""
    for module in model.modules():
        if isinstance(module, Encoder) and module.features is not None:
            module.features.write()
