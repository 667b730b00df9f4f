"""What Hydra and OmegaConf refuse, as one short message: the override as it was typed, what is wrong, what to type."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from transferlab.utils.errors import message_for, near
from transferlab.utils.resume import SWEEP_RESULT
from transferlab.utils.run_files import read_sweep

# configs that come with an optional package, and the extra of this project that installs it
EXTRAS = {
    "hydra/sweeper/optuna": ("hydra_plugins.hydra_optuna_sweeper", "sweep"),
    "hydra/launcher/submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "hydra/launcher/submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
}
_RETURN_VALUE: property = vars(JobReturn)["return_value"]  # of Hydra
_MOST_OPTIONS = 12  # that a message lists
_LONGEST_REASON = 400  # characters of what one failed job was told


def say_once() -> None:
    """Leave out Hydra's line of all overrides before an error that has a message of its own, in this process."""
    JobReturn.return_value = _RETURN_VALUE.getter(_value)  # type: ignore[assignment, method-assign]


def _value(job: JobReturn) -> Any:
    if job.status == JobStatus.FAILED and message_for(job._return_value) is not None:
        raise job._return_value
    return _RETURN_VALUE.fget(job)  # type: ignore[misc]


def install(extra: str) -> str:
    """The command that installs an extra of this project."""
    return f'pip install -c constraints.txt -e ".[{extra}]"'


def message_of(error: HydraException | OmegaConfBaseException) -> str:
    """One message for people."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_config(error.missing_cfg_file, list(error.options or ()))
    cause = error.__cause__
    if isinstance(error, InstantiationException):
        key = re.search(r"full_key: (\S+)", str(error))
        if blocked := re.search(r"Target '([^']*)' is blocklisted", str(error)):
            place = f"{key[1]}._target_" if key else "_target_"
            return f"{place}={blocked[1]}: Hydra calls no such function for a config; name the class of an object"
        said = str(cause) if cause is not None and key else str(error)
        other = "choose another logger" if key and key[1].startswith("logger.") else "check the values under this key"
        return _one_line(f"{key[1]}: {said.rstrip('.')}; {other}" if key else said)
    if isinstance(error, OmegaConfBaseException):
        return of_omegaconf(error)
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]
        return f"{error.override}: this override cannot be read ({reason}); put it in quotes, '{error.override}'"
    if isinstance(cause, InterpolationResolutionError):
        return of_omegaconf(cause)
    text = re.sub(r"Key '[^']*' is not in struct|\s*full_key: \S+|\s*object_type=\S+", "", str(error))
    if text.startswith(("Error merging override", "Could not override")) and "hydra.sweeper.params" in text:
        return (
            f"{_one_line(text.splitlines()[0])}: give what is searched as overrides of their own, such as "
            "'model.ffnn_size=choice(500,1000)'"
        )
    if isinstance(cause, ValidationError):
        return f"{_one_line(text.splitlines()[0])} {of_omegaconf(cause)}; give it another value"
    if merged := re.match(r"Error merging override \+*(([^=]+)=.*)", text):
        return (
            f"{merged[1]}: {merged[2]} is a mapping; give it keys, {merged[2]}={{key: value}}, or change one of its own"
        )
    if isinstance(cause, OmegaConfBaseException) and isinstance(cause.parent_node, DictConfig):
        parent, dot, name = (cause.full_key or "").rpartition(".")
        if name and (hint := near(name, map(str, cause.parent_node), parent + dot)):
            return f"{_one_line(text.splitlines()[0])} There is no such key; {hint}"
    return _one_line(text)


def of_search(error: BaseException) -> str | None:
    """The message for what Optuna refuses in the course of a search; None for errors of its trials, and of others."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    if "hydra_plugins.hydra_optuna_sweeper._impl" not in modules or "hydra.core.utils" in modules:  # which runs jobs
        return None
    if str(error).startswith("No trials are completed"):
        place = HydraConfig.get().sweep.dir if HydraConfig.initialized() else "its directory"
        return (
            f"no trial of the search was completed{_failure_of_all(Path(place))}; read more in multirun_result.md of "
            f"{place}, and start another one"
        )
    return f"Optuna: {_one_line(str(error))}; change what hydra.sweeper asks for"


def _failure_of_all(sweep: Path) -> str:
    """What all jobs of a sweep that have failed were told, or the first one where they were told several things."""
    if not (sweep / SWEEP_RESULT).is_file():
        return ""
    told = list(dict.fromkeys(str(job["error"]) for job in read_sweep(sweep / SWEEP_RESULT) if job.get("error")))
    first = _one_line(told[0])[:_LONGEST_REASON] if told else ""
    return f" ({'first' if len(told) > 1 else 'all'}: {first})" if told else ""


def _missing_config(file: str, options: Iterable[str]) -> str:
    """The message for a config of a group, or a group, that there is not."""
    group, _, name = file.removesuffix(".yaml").rpartition("/")
    package, extra = EXTRAS.get(f"{group}/{name}", ("", ""))
    if extra and _absent(package):
        return f"{group}={name} needs the extra {extra!r}, which is not installed: {install(extra)}"
    configs = Path(os.environ.get("PROJECT_ROOT", "."), "configs", group)
    choices = sorted({*options, *(file.stem for file in configs.glob("*.yaml"))})
    hint = near(name, choices)
    if not hint and choices:
        more = f" and {len(choices) - _MOST_OPTIONS} more" if len(choices) > _MOST_OPTIONS else ""
        hint = f"choose one of {', '.join(choices[:_MOST_OPTIONS])}{more}"
    stated = f"{group}={name}" if group else name
    return f"{stated}: there is no such config" + (f"; {hint}" if hint else f", nor a group configs/{group}")


def _absent(package: str) -> bool:
    try:
        return find_spec(package) is None
    except ModuleNotFoundError:
        return True


def of_omegaconf(error: OmegaConfBaseException) -> str:
    """The key and the reason, in one line."""
    if isinstance(error, MissingMandatoryValue) and error.full_key:
        return f"{error.full_key}=???: this stands for a value that is to be given; give it, {error.full_key}=..."
    reason = _one_line(str(error.msg or error).splitlines()[0])
    if isinstance(error, InterpolationKeyError):
        reason += "; name a key that there is"
    return f"{error.full_key}: {reason}" if error.full_key else reason


def _one_line(text: str) -> str:
    return " ".join(text.split())
