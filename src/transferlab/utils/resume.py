"""Going on with a run or a sweep from its directory alone: ``python src/train.py resume=<directory> [key=value ...]``.

The command is rewritten before Hydra reads it. Of a run, its own composed config becomes the primary config, its
directory the output directory. Of a sweep, its overrides are given once more: finished jobs return what they had found,
interrupted ones go on with their last checkpoint, the others start. Everything else, the grammar of overrides included,
is Hydra's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError

PREFIX = "resume="
CHECKPOINT = Path("checkpoints", "last.ckpt")
CONFIG = Path(".hydra", "config.yaml")
SWEEP = "multirun.yaml"  # Hydra's record of a sweep
RESULT = "job_return.json"
RECORD = "run.json"
SCORES = "metrics.json"  # of a run that is over


def resumed_command(argv: list[str]) -> list[str]:
    """The command line that goes on with the run that ``argv`` names, or ``argv`` itself when it names none.

    Raises:
        UserError: the directory is neither that of a run nor that of a sweep, or ``--multirun`` is given.
    """
    named = [argument.removeprefix(PREFIX) for argument in argv[1:] if argument.startswith(PREFIX)]
    if not named or named[-1] in ("", "null"):
        return argv
    if named[-1].startswith("'"):
        return argv  # rewritten already, by the process that started this one as a further rank
    directory = Path(named[-1]).expanduser().absolute()
    if {"--multirun", "-m"} & set(argv):
        raise UserError(f"{PREFIX}{named[-1]} needs no --multirun: the directory tells whether it is a sweep")
    others = [argument for argument in argv[1:] if not argument.startswith(PREFIX)]
    if (directory / SWEEP).is_file():
        return [argv[0], "--multirun", *_sweep(directory), *others]
    if not (directory / CONFIG).is_file():
        raise UserError(f"{PREFIX}{named[-1]}: there is no {CONFIG} in it to go on from")
    checkpoint = last_checkpoint(str(directory), directory)
    if checkpoint is None and others and is_finished(directory):
        raise UserError(
            f"{PREFIX}{named[-1]} {' '.join(others)}: that run is finished and has kept no {CHECKPOINT} to go on from"
        )
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
        *([f"ckpt_path='{checkpoint}'"] if checkpoint else []),  # else it was stopped before its first one: anew
        *others,
    ]


def _sweep(directory: Path) -> list[str]:
    """The overrides of a sweep, and its directory."""
    from omegaconf import OmegaConf

    given = OmegaConf.load(directory / SWEEP).hydra.overrides
    # a sweep that is resumed once more was recorded with the overrides of the first time
    own = [str(o) for o in (*given.task, *given.hydra) if not str(o).startswith((PREFIX, "hydra.sweep.dir="))]
    own = [override for override in own if override != "hydra.mode=MULTIRUN"]
    return [*own, f"hydra.sweep.dir='{directory}'", f"{PREFIX}'{directory}'"]


def finished_metrics(resumed: str | None, output_dir: Path, overrides: list[str]) -> dict[str, Any] | None:
    """What a resumed run or a job of a resumed sweep had found before; None if it is to be run, or is no such job.

    Args:
        resumed: the value of ``resume``.
        output_dir: of the job.
        overrides: of the job, as they are now.

    Raises:
        UserError: the directory is that of a job with other overrides.
    """
    if resumed is None:
        return None
    for file in (RESULT, RECORD):
        if Path(resumed) != output_dir and (output_dir / file).is_file():
            before = json.loads((output_dir / file).read_text(encoding="utf-8"))
            theirs, ours = ([o for o in some if not o.startswith(PREFIX)] for some in (before["overrides"], overrides))
            if theirs != ours:
                raise UserError(
                    f"{output_dir} is of a job with {' '.join(theirs)}, which would now have {' '.join(ours)}: a sweep "
                    "goes on with the overrides that it was started with; other values make another sweep"
                )
            if file == RESULT and before["status"] == "completed":
                return dict(before["metrics"])
    if last_checkpoint(resumed, output_dir) is None and is_finished(output_dir):
        scores = output_dir / SCORES
        return json.loads(scores.read_text(encoding="utf-8")) if scores.is_file() else {}
    return None


def overrides_of(resumed: str | None, output_dir: Path, given: list[str]) -> list[str]:
    """The overrides of a job: of a resumed run those that it was started with.

    Args:
        resumed: the value of ``resume``.
        output_dir: of the job.
        given: those that Hydra was given.
    """
    from omegaconf import OmegaConf

    file = output_dir / CONFIG.with_name("overrides.yaml")
    if resumed is not None and Path(resumed) == output_dir and file.is_file():
        given = [str(override) for override in OmegaConf.load(file)]
    return [override for override in given if not override.startswith(PREFIX)]


def last_checkpoint(resumed: str | None, output_dir: Path) -> str | None:
    """Where a resumed run, or an interrupted job of a resumed sweep, goes on; None where it starts.

    Args:
        resumed: the value of ``resume``.
        output_dir: of the run or job.
    """
    place = output_dir / CHECKPOINT
    return str(place) if resumed is not None and place.is_file() else None


def is_finished(directory: Path) -> bool:
    """Whether a run, or each of its probes, has written its scores: the last thing before checkpoints are dropped."""
    places = [place for place in directory.glob("probes/*") if place.is_dir()] or [directory]
    return all((place / SCORES).is_file() for place in places)
