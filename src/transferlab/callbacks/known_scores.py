"""Refuse names of scores that nothing computes, before an epoch is trained for them."""

from __future__ import annotations

from collections.abc import Iterator

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer

from transferlab.callbacks.epoch_log import EpochLog
from transferlab.utils.errors import ConfigError


class KnownScores(Callback):
    """Hold every score that an option names against those of the first look at the validation split.

    Args:
        optimized_metric: the key of that name.
        returned: stages whose scores a run returns: ``val``, ``test``.
    """

    def __init__(self, optimized_metric: str | None, returned: tuple[str, ...]) -> None:
        self.optimized_metric = optimized_metric
        self.returned = returned

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at all names.

        Raises:
            ConfigError: the key, the name and the scores that there are.
        """
        known = [name for name in trainer.callback_metrics if name.startswith("val/")]
        for key, name in self._monitored(trainer):
            if name.startswith("val/"):
                _check(key, name, known)
        if self.optimized_metric is not None:
            # the same scores are computed on both splits
            there = [f"{stage}/{name.partition('/')[2]}" for stage in self.returned for name in known]
            _check("optimized_metric", self.optimized_metric, there)

    def _monitored(self, trainer: Trainer) -> Iterator[tuple[str, str]]:
        """Keys and names of scores that callbacks read."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(monitor := getattr(callback, "monitor", None), str):
                yield "monitor", monitor
            if isinstance(callback, EpochLog):
                yield from (("callbacks.epoch_log.metrics", name) for name in callback.metrics)


def _check(key: str, name: str, known: list[str]) -> None:
    if name not in known and name.count("/") < 2:  # what has parts, such as weights of attention, may come later
        raise ConfigError(f"{key}={name}: there is no such score; choose one of {', '.join(known)}")


def check_direction(cfg: DictConfig) -> None:
    """Refuse a search that would look for the worst values of the score that is monitored.

    Raises:
        ConfigError: naming the direction and what it should be.
    """
    if not HydraConfig.initialized() or cfg.get("optimized_metric") != cfg.monitor:
        return
    wanted = {"max": "maximize", "min": "minimize"}[cfg.monitor_mode]
    direction = HydraConfig.get().sweeper.get("direction")
    given = getattr(direction, "name", direction)  # the sweeper's own default is a member of an enumeration
    if isinstance(given, str) and given != wanted:
        raise ConfigError(
            f"hydra.sweeper.direction={given}, but monitor_mode={cfg.monitor_mode} of {cfg.monitor}: "
            f"set hydra.sweeper.direction={wanted}"
        )
