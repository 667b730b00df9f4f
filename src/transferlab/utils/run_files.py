"""Files that a run has left behind, read as data: whoever wrote them, nothing in them is resolved or executed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferlab.utils.errors import UserError
from transferlab.utils.json_text import JsonFile

LARGEST = 16 * 2**20  # bytes of a file that is read; the result of a sweep of thousands of jobs has fewer
# Whatever folder W&B's cache is: its own link, and the file that it leads to
CORE_LOG, CACHED_LOG = "debug-core.log", "logs/core-debug-*.log"
DAMAGED = "was it damaged? restore it, or run what wrote it again"
_NAMES: dict[type, str] = {dict: "a mapping", list: "a list", str: "a text"}


class RunFileError(UserError):
    """A file of a run's directory that no run of ours would have written."""


def read_yaml(file: Path, kind: type = dict) -> Any:
    """The plain containers of a YAML file, interpolations as the text that they are.

    Args:
        file: to read; an empty one, which Hydra is about to write, is an empty container.
        kind: of its content.

    Raises:
        RunFileError: it is no YAML of the ``kind``, larger than ``LARGEST``, or holds tags (``!!python/...``) or
            aliases, which none of our files does.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    text = _text(file)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
                line = event.start_mark.line + 1
                raise RunFileError(f"{file}, line {line}: a tag or an alias, which no file of a run holds")
        if isinstance(yaml.compose(text, Loader=loader), yaml.ScalarNode):
            raise RunFileError(f"{file} holds {text!r:.60} alone; {DAMAGED}")
        content = OmegaConf.to_container(OmegaConf.create(text), resolve=False) or kind()
    except (yaml.YAMLError, OmegaConfBaseException, RecursionError, TypeError) as error:
        raise RunFileError(f"{file} is no YAML of a run: {' '.join(str(error).split())}; {DAMAGED}") from error
    return _of_kind(content, kind, file)


def read_json(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        RunFileError: it is no JSON, no object, or larger than ``LARGEST``.
    """
    try:
        content = JsonFile(file).loads(_text(file))
    except json.JSONDecodeError as error:
        raise RunFileError(f"{file} is no JSON: {error}; {DAMAGED}") from error
    return dict(_of_kind(content, dict, file))


def read_record(file: Path, **fields: type) -> dict[str, Any]:
    """The object that a JSON file holds, with fields of these types.

    Raises:
        RunFileError: it is no such object; ``overrides`` are not texts, or ``metrics`` not plain values.
    """
    record = read_json(file)
    _check_record(record, file, "", fields)
    return record


def read_sweep(file: Path) -> list[dict[str, Any]]:
    """The jobs that ``multirun_result.json`` of a sweep lists: ``job``, ``status``, ``overrides``, ``metrics``.

    Raises:
        RunFileError: it is no such list; naming the job.
    """
    jobs: list[dict[str, Any]] = read_record(file, jobs=list)["jobs"]
    for number, job in enumerate(jobs):
        where = f"of job {number}: "
        _of_kind(job, dict, file, where)
        _check_record(job, file, where, {"job": str, "status": str, "overrides": list, "metrics": dict})
    return jobs


def score_of(value: Any, file: Path, name: str) -> float:
    """A score as a number; one that JSON lacks, such as nan, is there as its text.

    Raises:
        RunFileError: it is none; naming the score.
    """
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise RunFileError(f"{file}: the score {name!r} should be a number, not {str(value)!r:.60}; {DAMAGED}")


def reported_score(run: Path, known: list[str]) -> str:
    """The test score of what a run monitored on validation; the monitored score itself without a test split.

    A ``best_`` score has a threshold that is tuned on the very split; on test the one without is the honest one.

    Args:
        run: its directory.
        known: the scores that it has.

    Raises:
        RunFileError: the run does not say what it monitored.
    """
    config = run / "config_resolved.yaml"
    monitor = read_yaml(config).get("monitor") if config.is_file() else None
    if not isinstance(monitor, str):
        raise RunFileError(f"{config} does not say what the run monitored; name the score, score=test/f1 for example")
    test = f"test/{monitor.partition('/')[2].removeprefix('best_')}"
    return test if test in known else monitor


def _check_record(record: dict[str, Any], file: Path, where: str, fields: Mapping[str, type]) -> None:
    for name, kind in fields.items():
        _of_kind(record.get(name), kind, file, f"{where}{name!r} ")
    for override in record["overrides"] if "overrides" in fields else ():
        _of_kind(override, str, file, f"{where}each of 'overrides' ")
    for name, value in record["metrics"].items() if "metrics" in fields else ():
        if isinstance(value, dict | list):
            raise RunFileError(
                f"{file}: {where}the metric {name!r} should be a value, not {str(value)!r:.60}; {DAMAGED}"
            )


def job_directory(sweep: Path, name: str) -> Path:
    """The directory of a job, which a file of its sweep names.

    Raises:
        RunFileError: it would not be below that of the sweep.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise RunFileError(f"{sweep}: the job {name!r} is not below the directory of its sweep; restore the file")
    return sweep / name


def refuse_links(directory: Path) -> None:
    """Raise RunFileError for a link in a run's directory that leads out of it: what a run writes would go there.

    W&B's one link to its log in the user's cache may stay.
    """
    inside = directory.resolve()
    for path, folders, files in os.walk(directory):
        for name in (*folders, *files):
            entry = Path(path, name)
            if entry.is_symlink() and not (target := entry.resolve()).is_relative_to(inside):
                if name == CORE_LOG and target.match(CACHED_LOG):
                    continue
                raise RunFileError(
                    f"{entry} is a link to {target}, outside of the run's directory; put what it leads to in its place"
                )


def _of_kind(value: Any, kind: type, file: Path, name: str = "") -> Any:
    if not isinstance(value, kind):
        wanted = _NAMES[kind]
        raise RunFileError(f"{file}: {name}should be {wanted}, not {str(value)!r:.60}; {DAMAGED}")
    return value


def _text(file: Path) -> str:
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise RunFileError(f"{file} has {size} bytes, more than the {LARGEST} that are read of such a file")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunFileError(f"{file} is not UTF-8 ({error})") from error
