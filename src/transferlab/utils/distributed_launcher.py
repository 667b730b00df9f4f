"""The trainer of a config, whose further processes are those of :mod:`transferlab.utils.distributed_jobs`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from transferlab.utils import run_identity
from transferlab.utils.config_checks import ConfigError
from transferlab.utils.distributed_jobs import current_job
from transferlab.utils.errors import user_error_of
from transferlab.utils.instantiate import build
from transferlab.utils.option_kinds import show

# what Lightning and its plugins check beyond the kinds of single options
_REFUSED = ("accelerator", "devices", "num_nodes", "strategy", "precision", "plugins", "profiler", "max_time")


class RankLauncher(_SubprocessScriptLauncher):
    """Lightning's, which runs the command line once more, but for how the further processes are started and ended."""

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Trainer | None = None, **kwargs: Any) -> Any:
        """Start the processes, unless they are there, and call the function in this one.

        Raises:
            ConfigError: there should be several, and this one was not started by an entrypoint.
        """
        job, cluster = current_job(), self.cluster_environment
        if not cluster.creates_processes_externally and self.num_processes > 1:
            if job is None or run_identity.PROGRAM not in os.environ:
                raise ConfigError(
                    f"trainer.devices={self.num_processes}: several processes need the command line (python "
                    "src/train.py ...), which each of them runs; from Python give trainer.devices=1"
                )
            environment = {
                "MASTER_ADDR": cluster.main_address,
                "MASTER_PORT": str(cluster.main_port),
                "NODE_RANK": str(cluster.node_rank()),
                "WORLD_SIZE": str(self.num_processes * self.num_nodes),
            }
            job.start(environment, self.num_processes)
        if job is None:
            return super().launch(function, *args, trainer=trainer, **kwargs)
        with job.together():
            return super().launch(function, *args, trainer=trainer, **kwargs)

    def kill(self, signum: Any) -> None:
        """Send a signal to the further processes."""
        if (job := current_job()) is not None:
            job.kill(signum)


def build_trainer(config: Any, **arguments: Any) -> Trainer:
    """The trainer of a config; ``arguments`` come beside, or instead of, its own.

    Raises:
        ConfigError: Lightning refuses what the config says, whatever it raises then.
    """
    try:
        trainer: Trainer = build(config, **arguments)
    except Exception as error:
        if user_error_of(error) is not None:
            raise
        said = ", ".join(f"trainer.{key}={show(config[key])}" for key in _REFUSED if config.get(key) is not None)
        because = " ".join(str(error.__cause__ or error).split())
        raise ConfigError(f"{said}: Lightning refuses the trainer ({because}); change one of these") from error
    launcher = trainer.strategy.launcher
    if isinstance(launcher, _SubprocessScriptLauncher):
        trainer.strategy._launcher = RankLauncher(
            launcher.cluster_environment, launcher.num_processes, launcher.num_nodes
        )
    return trainer
