"""The W&B logger: it needs no key to be useful, groups the seeds of a setting, makes one W&B run per job."""

from __future__ import annotations

import logging
import netrc
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from transferlab.utils import run_identity
from transferlab.utils.run_record import record_of

if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger

log = logging.getLogger(__name__)

_FOLDER = re.compile(r"run-\d{8}_\d{6}-(?P<id>[\w-]+)")


def wandb_logger(
    save_dir: str | Path,
    name: str | None = None,
    group: str | None = None,
    offline: bool | None = None,
    **options: Any,
) -> WandbLogger:
    """Lightning's W&B logger, writing below ``save_dir``.

    A run that goes on keeps its id, name, group and the command that it was first started with.

    Args:
        save_dir: the run directory; W&B makes ``wandb/`` in it.
        name: None for the name of the run's directory.
        group: None for the overrides without the seed, which all seeds of a setting share.
        offline: None to stay offline when ``WANDB_MODE`` says so or no API key is found.
        options: whatever else Lightning's WandbLogger takes.
    """
    from pytorch_lightning.loggers import WandbLogger

    if offline is None:
        mode = os.environ.get("WANDB_MODE")
        offline = mode in ("offline", "dryrun") or (mode is None and not _has_api_key())
    if offline:
        log.info(
            "W&B keeps this run offline (no API key in WANDB_API_KEY or netrc, or asked for). "
            "Upload it later with:  wandb sync %s",
            Path(save_dir) / "wandb" / "offline-run-*",
        )
    first = record_of(save_dir)
    command = first.get("command") or os.environ.get(run_identity.COMMAND)
    return WandbLogger(
        save_dir=str(save_dir),
        id=_first_id(Path(save_dir)),
        name=name or first.get("name") or run_identity.run_name(),
        group=group or first.get("setting") or run_identity.setting_name(),
        offline=offline,
        **{**options, "config": {"command": command, **(options.get("config") or {})}},
    )


def _first_id(save_dir: Path) -> str | None:
    """The id under which W&B has kept a run before, told by the folder that it makes each time; None for a new run."""
    folders = sorted(folder.name.removeprefix("offline-") for folder in (save_dir / "wandb").glob("*run-*"))
    found = [match for folder in folders if (match := _FOLDER.fullmatch(folder))]
    return found[0]["id"] if found else None


def finish_wandb_run(exit_code: int = 0) -> None:
    """Finish this process's W&B run, if there is one; the Hydra callback FinishWandbRun calls it after a job."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=exit_code)


def _has_api_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    paths = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    for path in (os.path.expanduser(p) for p in paths):
        try:
            if netrc.netrc(path).authenticators(host) is not None:
                return True
        except (OSError, netrc.NetrcParseError):  # no such file, or none that can be read: as good as no key
            continue
    return False
