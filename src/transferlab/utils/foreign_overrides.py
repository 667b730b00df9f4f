"""Held against the overrides that a sweep was started with, before they are given to Hydra once more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transferlab.utils.foreign_configs import PROBES, WRITING, Caller, check_leaf, leads_out, leaves, refused_place
from transferlab.utils.targets import WANDB, UntrustedError

# The caller's own: what a sweep's record has of them is of an earlier command
CALLERS = ("resume", "trust", "hydra.mode", "hydra.sweep.dir", "hydra.run.dir")
_WORD = re.compile(r"[\w.,:+-]*")
_NAME = re.compile(r"[\w.,:+ -]*")  # part of a path
_GROUP_CHOICE = re.compile(r"[\w.+*?-]+(/[\w.+*?-]+)*")  # also of glob(...), which matches nothing but choices
# Of Hydra's own keys: which launcher and sweeper, and with what resources. Others name commands (setup, srun_args),
# environments, callbacks and places.
_HYDRA_GROUPS = ("hydra", "hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler")
_HYDRA_LOGGING = ("hydra/job_logging", "hydra/hydra_logging")
_LAUNCHER = (
    "n_jobs", "timeout_min", "cpus_per_task", "mem_gb", "gpus_per_node", "gpus_per_task", "gres", "nodes",
    "tasks_per_node", "partition", "qos", "account", "constraint", "array_parallelism", "max_num_timeout",
    "signal_delay_s", "name",
    "mem_per_gpu", "mem_per_cpu", "cpus_per_gpu", "exclude", "exclusive", "nice", "verbose", "backend", "batch_size",
)  # fmt: skip
_SWEEPER = (
    "n_trials", "n_jobs", "direction", "study_name", "max_batch_size", "max_failure_rate", "sampler.seed",
    "sampler.n_startup_trials",
)  # fmt: skip
_HYDRA_KEYS = {
    "hydra.verbose",
    "hydra.job.name",
    "hydra.callbacks.save_job_return.integrate_multirun_result",
    *(f"hydra.launcher.{name}" for name in _LAUNCHER),
    *(f"hydra.sweeper.{name}" for name in _SWEEPER),
}
_SUBDIR = re.compile(
    r"(\w|\$\{hydra[.:]job\.(num|override_dirname)\})"  # whatever follows, it is no ".."
    r"([\w.,=+-]|\$\{(hydra[.:]job\.(num|override_dirname)|seed|task_name)\})*"
)
_PARAMS = "hydra.sweeper.params"


def vetted_overrides(given: Any, file: Path, caller: Caller) -> list[str]:
    """The overrides of a sweep that may be given to Hydra again, without those that the caller gives herself.

    Args:
        given: of the sweep's record.
        file: that record.
        caller: of the command that goes on with it.

    Raises:
        UntrustedError: naming the override.
    """
    kept = []
    variables = caller.variables()
    for text in given if isinstance(given, list) else [given]:
        override = parsed(text)
        if override is None:
            raise UntrustedError(f"{file}: {text!r} is no override of Hydra's grammar")
        key = override.key_or_group
        if key in CALLERS or key in caller.overridden:
            continue
        _check(override, key, str(text), file, caller, variables)
        kept.append(str(text))
    for text in kept:  # that name holds the values of all others
        if "override_dirname" in text and any(
            part in other for other in kept if other != text for part in ("..", "${")
        ):
            raise _refused(text, file)
    return kept


def parsed(text: Any) -> Any:
    """An override as Hydra reads it; None where it does not."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(text) if isinstance(text, str) else None
    except HydraException:
        return None


def overridden_keys(arguments: list[str], configs: Path) -> frozenset[str]:
    """The keys that a command line sets, but for what is only merged with what there is: mappings, groups with a plus.

    Args:
        arguments: of the command line.
        configs: our folder of that name.
    """
    overrides = [override for argument in arguments if (override := parsed(argument)) is not None]
    return frozenset(
        o.key_or_group
        for o in overrides
        if not isinstance(_plain(o._value), dict) and not (o.is_add() and (configs / o.key_or_group).is_dir())
    )


def _check(override: Any, key: str, text: str, file: Path, caller: Caller, variables: frozenset[str]) -> None:
    value = _plain(override._value)
    found = [(name.removeprefix(PROBES), item) for name, item in leaves(value, key.replace("/", "."))]
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        _check_hydra(key, value, text, file, caller, variables)
        return
    root = key.partition(".")[0].partition("/")[0]
    if root in ("resume", "trust", "push_to_hub", "ckpt_path") or (override.package or "").startswith("hydra"):
        raise _refused(text, file)
    for name, item in found:
        check_leaf(name, item, caller.trusted, variables)
        if item == WANDB and not name.startswith("logger.wandb."):  # its options would be checked nowhere
            raise _refused(text, file)
    texts = [(name, item) for name, item in found if isinstance(item, str)]
    if caller.is_group(key):
        if not all(_GROUP_CHOICE.fullmatch(item) and ".." not in item.split("/") for _, item in texts):
            raise _refused(text, file)
    elif root in ("task_name", "seed"):  # they are parts of paths
        if not all(_NAME.fullmatch(item) and ".." not in item for _, item in texts):
            raise _refused(text, file)
    elif key == "probes" and any("${" in item for _, item in texts):
        raise _refused(text, file)
    elif root == "paths":
        name = key.partition(".")[2]
        places = [place.resolve() for place in (file.parent, *caller.places.values())]
        for inner, item in texts:
            if name not in caller.places or "${" in item or leads_out(inner, item, places):
                raise refused_place(inner, item)
    else:
        for part in WRITING:
            for inner, item in texts:
                if f"{inner}.".startswith(f"{part}."):
                    _check_place(inner, item, part, file.parent, caller)
    if root == "logger" and any(name.count(".") > 1 for name, _ in found):
        _check_logger(found, text, file, caller)


def _check_place(key: str, text: str, part: str, sweep: Path, caller: Caller) -> None:
    written = text
    for name, place in {**caller.places, "output_dir": sweep}.items():
        written = written.replace(f"${{paths.{name}}}", str(place))
    written = re.sub(r"\$\{(task_name|seed)\}", "word", written)
    if leads_out(key, written, caller.may_write(part, sweep)) or "${" in written:
        raise refused_place(key, text)


def _check_logger(found: list[tuple[str, Any]], text: str, file: Path, caller: Caller) -> None:
    """Options of a logger must be those of its shipped config: others name hosts and accounts."""
    from omegaconf import OmegaConf

    for key, value in found:
        _, name, option, *_ = key.split(".")
        if option == "entity" and value not in caller.entities():
            raise _refused(text, file)
        config = caller.configs / "logger" / f"{name}.yaml"
        if not config.is_file() or OmegaConf.select(OmegaConf.load(config), f"{name}.{option}", default="") == "":
            raise _refused(text, file)


def _check_hydra(key: str, value: Any, text: str, file: Path, caller: Caller, variables: frozenset[str]) -> None:
    if key == _PARAMS or key.startswith(f"{_PARAMS}."):
        # each entry is an override that the sweeper gives to its jobs
        for name, item in leaves(value, key):
            inner = f"{name.removeprefix(_PARAMS).removeprefix('.')}={item}"
            override = parsed(inner)
            if override is None or override.key_or_group in CALLERS or override.key_or_group.startswith("hydra"):
                raise _refused(text, file)
            _check(override, override.key_or_group, inner, file, caller, variables)
        return
    texts = [str(item) for _, item in leaves(value)]
    allowed = _WORD.fullmatch
    if key in _HYDRA_GROUPS or key in _HYDRA_LOGGING:
        allowed = _GROUP_CHOICE.fullmatch
    elif key == "hydra.sweep.subdir":
        allowed = _SUBDIR.fullmatch
    elif key not in _HYDRA_KEYS:
        raise _refused(text, file)
    if isinstance(value, dict) or not all(allowed(item) and ".." not in item for item in texts):
        raise _refused(text, file)


def _plain(value: Any) -> Any:
    """The containers and strings of a value of Hydra's grammar, sweeps as lists of what they choose from."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, dict):
        return {_plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return list(_members(value))


def _members(value: Any) -> Iterator[Any]:
    for name, item in vars(value).items():
        if name != "tags":
            yield _plain(item)


def _refused(text: str, file: Path) -> UntrustedError:
    return UntrustedError(
        f"{file}: the override {text} is not taken from a sweep's directory; give it on the command line"
    )
