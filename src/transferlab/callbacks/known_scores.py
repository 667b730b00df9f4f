"""Refuse names of scores that nothing computes, and to look for their worst values, before an epoch is trained."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator

from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.trainer.states import TrainerFn

from transferlab.callbacks.epoch_log import EpochLog
from transferlab.models.base import TransferModel
from transferlab.models.probe_group import ProbeGroup
from transferlab.utils.config_checks import locate
from transferlab.utils.errors import ConfigError, near
from transferlab.utils.options import options_of
from transferlab.utils.score_names import UnknownScoreError, better_values

log = logging.getLogger(__name__)

_OF_TRAINING = ("train/loss", "train/loss_step", "train/loss_epoch")  # that every model of this project logs


class KnownScores(Callback):
    """Hold every score that an option names against those of the first look at the validation split.

    One batch of that split is scored before the first step even where ``trainer.num_sanity_val_steps=0``. Scores with
    parts, such as weights of attention, may be missing in the first look; they are checked at the first validation. It
    stands before the callbacks that read the scores.

    Args:
        cfg: of the training, with its callbacks.

    Attributes:
        named: keys and names of the scores that callbacks, or probes, read.
        optimized_metric: the key of that name.
        returned: stages whose scores a run returns: ``val``, ``test``.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.named = list(dict.fromkeys(_named_scores(cfg)))
        self.optimized_metric: str | None = cfg.get("optimized_metric")
        self.returned = ("val",) * cfg.validate + ("test",) * cfg.test
        self._all_known = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have a batch scored before the first step; ``fast_dev_run`` is short enough without.

        The names being held here, early stopping has no need to fail after all steps of a training whose end comes
        before a validation, such as one of fewer steps than an epoch has.
        """
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping):
                callback.strict = False
        if trainer.num_sanity_val_steps == 0 and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.num_sanity_val_steps = 1

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at all names.

        Raises:
            UnknownScoreError: the key, the name and the scores that there are.
        """
        self._check(trainer, pl_module, complete=False)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look once more: a run that goes on has no first look, and some scores may have been missing in it."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking and not self._all_known:
            self._check(trainer, pl_module, complete=True)
            self._all_known = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that there is no best epoch, where no validation has given the score that would tell it."""
        for key, name in self.named:
            if key == "monitor" and name not in trainer.callback_metrics and not trainer.fast_dev_run:  # type: ignore[attr-defined]
                log.warning(
                    "no validation has given monitor=%s: the model that is tested and saved is that of the last step; "
                    "for a best epoch train longer than trainer.val_check_interval and check_val_every_n_epoch", name,
                )  # fmt: skip

    def _check(self, trainer: Trainer, model: LightningModule, complete: bool) -> None:
        logged = [*trainer.callback_metrics]
        if isinstance(model, TransferModel | ProbeGroup):
            logged += _OF_TRAINING
        else:  # what somebody's own model logs in training is not known yet
            logged += [name for _, name in self.named if name.startswith("train/")]
        if isinstance(model, ProbeGroup):
            logged += [f"{model.monitor}/{name}" for name in model.names]  # not in a first look
        # the same scores are computed on both splits
        scores = [name.partition("/")[2] for name in logged if name.startswith("val/")]
        returned = [f"{stage}/{score}" for stage in self.returned for score in scores]
        asked = [(*named, logged) for named in self.named]
        if self.optimized_metric is not None:
            asked.append(("optimized_metric", self.optimized_metric, returned))
        for key, name, known in asked:
            if name not in known and (complete or not _may_come_later(name, known)):
                raise UnknownScoreError(f"{key}={name}: there is no such score; {_choices(name, known)}")


def _may_come_later(name: str, known: Collection[str]) -> bool:
    """Whether a score that a first look has not may be logged all the same: with parts, and not below another one."""
    stage, _, score = name.partition("/")
    return "/" in score and f"{stage}/{score.partition('/')[0]}" not in known


def _choices(name: str, known: Collection[str]) -> str:
    """The nearest score, and all that there are."""
    there = [one for one in known if not one.startswith("train/")]
    same = [one for one in there if one.partition("/")[2] == name.rpartition("/")[2]]
    hint = f"did you mean {same[0]}?" if same else near(name, there)
    return f"{hint} Choose one of {', '.join(there)}" if hint else f"choose one of {', '.join(there)}"


def check_directions(cfg: DictConfig) -> None:
    """Refuse to keep the worst epoch, or to end a training that gets better.

    Raises:
        ConfigError: the key that says which values of its score are better, and what it should be.
    """
    _check_mode("monitor_mode", cfg.monitor_mode, cfg.monitor, better_values(cfg.monitor))
    for name, callback in _callbacks(cfg):
        monitor, options = callback.get("monitor"), options_of(locate(callback["_target_"], name)).named
        if monitor is not None and "mode" in options:
            better = better_values(monitor) or (cfg.monitor_mode if monitor == cfg.monitor else None)
            _check_mode(f"callbacks.{name}.mode", callback.get("mode", options["mode"].default), monitor, better)


def _check_mode(key: str, mode: str, monitor: str, better: str | None) -> None:
    if better not in (None, mode):
        words = {"max": "larger", "min": "smaller"}
        raise ConfigError(f"{key}={mode}, but {words[better]} values of {monitor} are better: set {key}={better}")


def _named_scores(cfg: DictConfig) -> Iterator[tuple[str, str]]:
    """Keys and names of scores; what follows ``monitor`` has that key, which is the one to change.

    A line of the log may hold anything: only scores of the validation split are sure to be there.
    """
    if cfg.get("probes") is not None:
        yield "monitor", cfg.monitor
    for name, callback in _callbacks(cfg):
        named = [("monitor", callback.get("monitor"))]
        if locate(callback["_target_"], name) is EpochLog:
            named = [("metrics", score) for score in callback.metrics if score.startswith("val/")]
        for key, score in named:
            if score is not None:
                yield "monitor" if score == cfg.monitor else f"callbacks.{name}.{key}", score


def _callbacks(cfg: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    """The callbacks that are not left out, by name."""
    for name, callback in (cfg.get("callbacks") or {}).items():
        if callback and "_target_" in callback:
            yield str(name), callback
