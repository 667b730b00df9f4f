"""Going on with a run or a sweep from its directory alone: ``python src/train.py resume=<directory> [key=value ...]``.

The command is rewritten before Hydra reads it. Of a run, its own composed config becomes the primary config, its
directory the output directory. Of a sweep, its overrides are given once more: finished jobs return what they had found,
interrupted ones go on with their last checkpoint, the others start. Everything else, the grammar of overrides included,
is Hydra's. Whoever wrote the directory, it decides nothing that is executed: Hydra is given what has passed
:mod:`transferlab.utils.foreign_configs`, never a file of the directory.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError
from transferlab.utils.run_files import DAMAGED, read_json, read_record, read_yaml, refuse_links

PREFIX = "resume="
TRUST = "trust="
CHECKPOINT = Path("checkpoints", "last.ckpt")
CONFIG = Path(".hydra", "config.yaml")
PRIMARY = "of_resumed_run"  # the name under which Hydra finds the config of a run
SWEEP = "multirun.yaml"  # Hydra's record of a sweep
SWEEP_RESULT = "multirun_result.json"  # ours
RESULT = "job_return.json"
OF_RESULT = {"status": str, "metrics": dict}
RECORD = "run.json"
SCORES = "metrics.json"  # of a run that is over


def resumed_command(argv: list[str]) -> list[str]:
    """The command line that goes on with the run that ``argv`` names, or ``argv`` itself when it names none.

    Of a run, its config is made known to Hydra, as ``PRIMARY``.

    Raises:
        UserError: the directory is neither that of a run nor that of a sweep, it asks for what its caller has not, or
            ``--multirun`` is given.
    """
    from transferlab.utils.resume_argument import of_going_on, resumed_directory

    directory, others = resumed_directory(argv[1:])
    if directory is None:
        return argv
    if {"--multirun", "-m"} & set(argv):
        raise UserError(f"{PREFIX}{directory} needs no --multirun: the directory tells whether it is a sweep")
    refuse_links(directory)
    if (directory / SWEEP).is_file():
        return [argv[0], "--multirun", *_sweep(directory, others), *others]
    checkpoint = last_checkpoint(str(directory), directory)
    if checkpoint is None and others and is_finished(directory):
        raise UserError(
            f"{PREFIX}{directory} {' '.join(others)}: that run is finished and has kept no {CHECKPOINT} to go on from "
            "(keep_checkpoints=none, or no callbacks.last_checkpoint); one that was trained with keep_checkpoints=last "
            "can be extended"
        )
    others, new_loggers = of_going_on(others, Path(os.environ[run_identity.PROJECT_ROOT], "configs"))
    _make_known(directory, checkpoint, others, new_loggers)
    if PRIMARY in argv:
        return argv  # rewritten already, by the process that started this one as a further rank
    return [
        argv[0],
        "--config-path",
        str(Path(os.environ[run_identity.PROJECT_ROOT], "configs")),
        "--config-name",
        PRIMARY,
        "+hydra=default",
        f"hydra.run.dir={quoted(directory)}",
        "hydra.output_subdir=null",  # the config of the first start stays as it is until train.py renews it
        f"hydra.job.name={Path(argv[0]).stem}",
        f"{PREFIX}{quoted(directory)}",
        *others,
    ]


def quoted(directory: Path) -> str:
    """A directory as a value of Hydra's grammar, whatever its name holds."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(str(directory), Quote.single).with_quotes()


def _caller(others: list[str]) -> Any:
    """Whom the command belongs to, see :class:`~transferlab.utils.foreign_configs.Caller`."""
    from transferlab.utils.foreign_configs import Caller, own_places
    from transferlab.utils.foreign_overrides import overridden_keys, parsed

    trusted = [name for argument in others if argument.startswith(TRUST) for name in [parsed(argument)] if name]
    names = trusted[-1].value() if trusted else []
    root = Path(os.environ[run_identity.PROJECT_ROOT])
    return Caller(
        trusted=frozenset([names] if isinstance(names, str) else map(str, names or [])),
        overridden=overridden_keys(others, root / "configs"),
        places=own_places(root),
        configs=root / "configs",
    )


def _make_known(directory: Path, checkpoint: str | None, others: list[str], new_loggers: bool) -> None:
    """Give Hydra the config of a run, as far as the run may decide."""
    from hydra.core.config_store import ConfigStore

    from transferlab.utils.foreign_configs import vetted
    from transferlab.utils.same_run import config_of

    written, caller = config_of(directory), _caller(others)
    if new_loggers:
        written["logger"] = None
    content = vetted(written, directory, caller)
    if checkpoint is None and (start := written.get("ckpt_path")) and "ckpt_path" not in caller.overridden:
        raise UserError(
            f"{PREFIX}{directory}: this run was stopped before its first checkpoint and had been started from another "
            f"run's; give that again, ckpt_path={start}"
        )
    node = content | {"ckpt_path": checkpoint, "resume": None, "trust": []}
    ConfigStore.instance().store(name=PRIMARY, node=node)


def _sweep(directory: Path, others: list[str]) -> list[str]:
    """The overrides of a sweep, and its directory."""
    from transferlab.utils.foreign_overrides import vetted_overrides

    file = directory / SWEEP
    caller = _caller(others)
    try:
        given = read_yaml(file)["hydra"]["overrides"]
        own = [*given["task"], *given["hydra"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{file} is no record of a sweep, it has no hydra.overrides; {DAMAGED}") from error
    own = vetted_overrides(own, file, caller)
    return [*own, f"hydra.sweep.dir={quoted(directory)}", f"{PREFIX}{quoted(directory)}"]


def command_that_goes_on(directory: str | Path, overrides: Sequence[str] = ()) -> str:
    """What to type to go on with a run or a sweep, quoted for the shell.

    Args:
        directory: of it.
        overrides: with which it was started. What of them is not taken from a directory, such as a place to save the
            model to, a class of another package or a checkpoint to start from, is given again.
    """
    program = ["python", "src/train.py"]
    if Path(sys.argv[0]).name == "train.py" and sys.argv[0] in sys.orig_argv:  # as it was typed
        program = sys.orig_argv[: sys.orig_argv.index(sys.argv[0]) + 1]
    return shlex.join([*program, f"{PREFIX}{directory}", *_given_again(Path(directory), overrides)])


def _given_again(directory: Path, overrides: Sequence[str]) -> list[str]:
    """The overrides without which :func:`resumed_command` would refuse a directory."""
    from transferlab.utils.foreign_configs import leaves
    from transferlab.utils.targets import UntrustedError, check_name

    packages = set()
    for file in [directory / CONFIG, *sorted(directory.glob(f"*/{CONFIG}"))[:1]]:
        for key, value in leaves(read_yaml(file)) if file.is_file() else ():
            try:
                if key.endswith("_target_"):
                    check_name(value, key.rpartition(".")[0], ())
            except UntrustedError:
                packages.add(str(value).partition(".")[0])
    again = [f"{TRUST}[{','.join(sorted(packages))}]"] if packages else []
    start = [override for override in overrides if override.startswith("ckpt_path=")]
    if not last_checkpoint(str(directory), directory):
        again += start
    if not overrides or _is_accepted(directory, again):
        return again
    own = [o if _is_sweep(directory) else o.lstrip("+") for o in overrides if o not in start and o[0] != "~"]
    needed = [*again, *(override for override in own if not override.startswith((PREFIX, TRUST)))]
    for override in needed if _is_accepted(directory, needed) else ():
        rest = [other for other in needed if other != override]
        needed = rest if _is_accepted(directory, rest) else needed
    return needed if _is_accepted(directory, needed) else again


def _is_sweep(directory: Path) -> bool:
    return (directory / SWEEP).is_file()


def _is_accepted(directory: Path, others: list[str]) -> bool:
    """Whether what a directory asks for is granted by these overrides."""
    from transferlab.utils.foreign_configs import vetted

    try:
        if _is_sweep(directory):
            _sweep(directory, others)
        else:
            vetted(read_yaml(directory / CONFIG), directory, _caller(others))
    except (UserError, OSError):
        return False
    return True


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
            before = read_record(output_dir / file, overrides=list, **(OF_RESULT if file == RESULT else {}))
            theirs, ours = ([o for o in some if not _of_caller(o)] for some in (before["overrides"], overrides))
            if sorted(theirs) != sorted(ours):  # what the command gives again comes last
                raise UserError(
                    f"{output_dir} is of a job with {' '.join(theirs)}, which would now have {' '.join(ours)}: a sweep "
                    "goes on with the overrides that it was started with; other values make another sweep"
                )
            if file == RESULT and before["status"] == "completed":
                return dict(before["metrics"])
    if last_checkpoint(resumed, output_dir) is None and is_finished(output_dir):
        scores = output_dir / SCORES
        return read_json(scores) if scores.is_file() else {}
    return None


def overrides_of(resumed: str | None, output_dir: Path, given: list[str]) -> list[str]:
    """The overrides of a job: of a resumed run those that it was started with.

    Args:
        resumed: the value of ``resume``.
        output_dir: of the job.
        given: those that Hydra was given.
    """
    if resumed is not None and Path(resumed) == output_dir and (before := started_with(output_dir)) is not None:
        given = before
    return [override for override in given if not _of_caller(override)]


def started_with(directory: Path) -> list[str] | None:
    """The overrides that a run was started with, by its record or else by Hydra's; None where neither is there."""
    if (directory / RECORD).is_file() and isinstance(given := read_json(directory / RECORD).get("overrides"), list):
        return [str(override) for override in given]
    file = directory / CONFIG.with_name("overrides.yaml")
    return [str(override) for override in read_yaml(file, list)] if file.is_file() else None


def _of_caller(override: str) -> bool:
    """Whether an override is of the command that goes on, rather than of the run."""
    return override.startswith((PREFIX, TRUST))


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
