"""Searches by Optuna: what is refused before the first trial, and the best trial so far in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from transferlab.documents import write_atomically
from transferlab.utils.config_checks import check_targets
from transferlab.utils.errors import ConfigError, user_error_of
from transferlab.utils.escaping import visible
from transferlab.utils.option_kinds import show
from transferlab.utils.score_names import UnknownScoreError, better_values
from transferlab.utils.wandb_logger import finish_wandb_run

OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
BEST = "optimization_results.yaml"
_DIRECTIONS = {"max": "maximize", "min": "minimize"}


def check_search(config: DictConfig) -> None:
    """Refuse a search whose options cannot work, or that would look for the worst values of its score.

    Args:
        config: of a sweep, with ``hydra``; one that is no search is left alone.

    Raises:
        ConfigError: the key, its value and what may be chosen.
    """
    if is_search(config):
        _check_direction(config)
        check_targets(config.hydra.sweeper, "hydra.sweeper")
        if not searched_keys(config):
            params = ", ".join(map(str, config.hydra.sweeper.get("params") or {})) or "none"
            raise ConfigError(
                f"hydra.sweeper.params: nothing is left to search, of {params}, and all trials would be equal; leave "
                "these keys out of the command line, or give one there values to search, such as interval(1e-5, 1e-3)"
            )
        _check_storage(config.hydra.sweeper)


def is_search(config: DictConfig) -> bool:
    """Whether a sweep, or that of a job, is a search."""
    return bool(config.hydra.sweeper.get("_target_") == OPTUNA)


def searched_keys(config: DictConfig) -> list[str]:
    """The keys whose values a search chooses.

    Raises:
        ConfigError: what is to be searched cannot be.
    """
    from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides

    params = config.hydra.sweeper.get("params") or {}
    given = [(f"hydra.sweeper.params.{key}={space}", f"{key}={space}") for key, space in params.items()]
    keys: dict[str, None] = {}
    for stated, override in [*given, *((text, text) for text in config.hydra.overrides.task)]:
        try:
            chosen, fixed = create_params_from_overrides([override])
        except Exception as error:  # of Hydra's grammar, or of Optuna's distributions
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{stated}: {reason}; choose values to search such as interval(1e-5, 1e-3), tag(log, interval(1, 8)) "
                "or choice(a, b)"
            ) from error
        keys |= dict.fromkeys(chosen)
        for key in fixed:
            keys.pop(key, None)
    return list(keys)


def end_search(failure: BaseException) -> None:
    """End a search whose every trial would fail as one has, for want of a score; Optuna would go on to the last."""
    error = user_error_of(failure)
    if isinstance(error, UnknownScoreError):
        finish_wandb_run(exit_code=1)  # what does it after a job is not reached
        raise SystemExit(f"\nerror: {visible(str(error))} (the search ends: each of its trials would fail so)")


def write_best_trial(config: DictConfig, keys: Sequence[str], jobs: Sequence[Mapping[str, Any]]) -> None:
    """Write ``optimization_results.yaml`` of the trials that are completed, as Optuna's sweeper does of all at its end.

    Args:
        config: of a job of the search.
        keys: that are searched.
        jobs: as :func:`transferlab.callbacks.sweep_results.collect` gives them.
    """
    score, sign = config.get("optimized_metric"), -1 if _direction(config) == "minimize" else 1
    scored = [
        job for job in jobs if job["status"] == "completed" and isinstance(job["metrics"].get(score), float | int)
    ]
    if not scored:
        return
    best = max(scored, key=lambda job: sign * job["metrics"][score])
    overrides = OverridesParser.create().parse_overrides(list(best["overrides"]))
    values = {override.key_or_group: _plain(override) for override in overrides}
    content = {
        "name": "optuna",
        "best_params": {key: values[key] for key in keys if key in values},
        "best_value": best["metrics"][score],
    }
    write_atomically(Path(config.hydra.sweep.dir, BEST), [OmegaConf.to_yaml(OmegaConf.create(content))])


def _plain(override: Any) -> Any:
    value = override.value()
    return value if isinstance(value, int | float | None) else override.get_value_element_as_str()


def _direction(config: DictConfig) -> str:
    """``maximize`` or ``minimize``.

    Raises:
        ConfigError: it is neither; a job gives one score.
    """
    given = config.hydra.sweeper.get("direction")
    single = given[0] if OmegaConf.is_list(given) and len(given) == 1 else given
    name = getattr(single, "name", single)  # the sweeper's own default is a member of an enumeration
    if name not in _DIRECTIONS.values():
        shown = OmegaConf.to_container(given) if OmegaConf.is_config(given) else given
        raise ConfigError(f"hydra.sweeper.direction={show(shown)}: choose one of maximize, minimize")
    return str(name)


def _check_direction(config: DictConfig) -> None:
    direction, score, monitor = _direction(config), config.get("optimized_metric"), config.get("monitor")
    if score is None:
        if monitor is not None:  # a training returns many scores
            raise ConfigError("optimized_metric: a search needs a score; set hparams_search=optuna, which has one")
        return
    stage = {"val": "validate", "test": "test"}.get(score.partition("/")[0])
    if stage is not None and config.get(stage) is False:
        raise ConfigError(
            f"optimized_metric={score}: with {stage}=false no run has such a score; set {stage}=true, or choose "
            "another score"
        )
    same = monitor is not None and score.partition("/")[2] == monitor.partition("/")[2]
    better = better_values(score) or (config.monitor_mode if same else None)
    if better is not None and direction != _DIRECTIONS[better]:
        words = {"max": "larger", "min": "smaller"}
        raise ConfigError(
            f"hydra.sweeper.direction={direction}, but {words[better]} values of optimized_metric={score} are better: "
            f"set hydra.sweeper.direction={_DIRECTIONS[better]}"
        )


def _check_storage(sweeper: DictConfig) -> None:
    """Open the database of the study, and refuse a study that looks for other values."""
    if sweeper.get("storage") is None:
        return
    from optuna.storages import get_storage

    stated = f"hydra.sweeper.storage={sweeper.storage}"
    try:
        storage = get_storage(sweeper.storage)
    except Exception as error:  # those of SQLAlchemy and of the drivers of databases have no base in common
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{stated}: {reason}; choose a database that can be opened, such as sqlite:///study.db, or null"
        ) from error
    try:
        known = storage.get_study_directions(storage.get_study_id_from_name(str(sweeper.study_name)))
    except KeyError:
        return
    given = str(getattr(sweeper.direction, "name", sweeper.direction))
    if any(direction.name.lower() not in (given, "not_set") for direction in known):
        raise ConfigError(
            f"hydra.sweeper.study_name={sweeper.study_name}: that study has other directions than {given}; choose "
            "another name"
        )
