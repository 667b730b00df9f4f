"""Going on with a run from its directory alone: ``python src/train.py resume=<run directory> [key=value ...]``.

The command is rewritten before Hydra reads it: the run's own composed config becomes the primary config, its directory
the output directory. Everything else, the grammar of overrides included, is Hydra's.
"""

from __future__ import annotations

import os
from pathlib import Path

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError

PREFIX = "resume="
CHECKPOINT = Path("checkpoints", "last.ckpt")
CONFIG = Path(".hydra", "config.yaml")


def resumed_command(argv: list[str]) -> list[str]:
    """The command line that goes on with the run that ``argv`` names, or ``argv`` itself when it names none.

    Raises:
        UserError: the directory has no config or no checkpoint, or ``--multirun`` is given.
    """
    named = [argument.removeprefix(PREFIX) for argument in argv[1:] if argument.startswith(PREFIX)]
    if not named or named[-1] in ("", "null"):
        return argv
    directory = Path(named[-1]).expanduser().absolute()
    for file in (CONFIG, CHECKPOINT):
        if not (directory / file).is_file():
            raise UserError(f"{PREFIX}{named[-1]}: there is no {file} in it to go on from")
    if {"--multirun", "-m"} & set(argv):
        raise UserError(f"{PREFIX}{named[-1]} goes on with one run; name the jobs of a sweep one after another")
    configs = Path(os.environ[run_identity.PROJECT_ROOT], "configs")
    return [
        argv[0],
        "--config-path",
        str(directory / CONFIG.parent),
        "--config-name",
        CONFIG.stem,
        f"hydra.searchpath=['file://{configs}']",
        "+hydra=default",
        f"hydra.run.dir='{directory}'",
        "hydra.output_subdir=null",  # the config of the first start stays as it is until train.py renews it
        f"hydra.job.name={Path(argv[0]).stem}",
        f"resume='{directory}'",
        f"ckpt_path='{directory / CHECKPOINT}'",
        *(argument for argument in argv[1:] if not argument.startswith(PREFIX)),
    ]
