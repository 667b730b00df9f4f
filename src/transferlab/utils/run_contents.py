"""Which files in a directory commands of ours have written: nothing else there is ever moved or deleted.

The record of a run lists what it has written, under ``written``. Where there is no such list, as of an earlier version
or of a process that was killed, the names that its command writes stand for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from transferlab.utils.resume import CHECKPOINT, CONFIG, RECORD, RESULT, SCORES, SWEEP, SWEEP_RESULT
from transferlab.utils.run_files import RunFileError, read_json, read_record, read_yaml
from transferlab.utils.run_record import is_recorded_by_us, write_json

LOCK = ".lock"
EARLIER = "earlier"  # results of earlier commands that were given the same directory, each as a run of its own
WRITTEN = "written"  # in the record of a run
_LOGGED = ("csv", "tensorboard", "wandb")
_PICTURES = ("png", "svg")
# what each command writes beside what its start does, by name: of a folder, all that is in it
NAMES: dict[str, tuple[str, ...]] = {
    "convert": ("model",),
    "embed": (),
    "evaluate": (SCORES, "items", *_LOGGED),
    "evaluate_documents": ("scores.json", "scores.md", "labels.png", "lengths.png", "items"),
    "features": (),
    "predict": ("predictions.jsonl", "predictions.conll", "predictions.html"),
    "rank": (
        "ranking.md", "trainings.csv", "scores.csv", "layers.csv", "components.csv", "measured.csv", "judged.csv",
        "reliability.csv", "compared.csv", "similarities_*.csv",
        *(f"{name}.{kind}" for name in ("agreement", "gains", "gain_distribution", "predictions_*", "map_*", "graph_*")
          for kind in _PICTURES),
    ),
    "report": ("report.json", "report.md", *(f"{name}.{kind}" for name in ("report", "depths") for kind in _PICTURES)),
    "runs": (),
    "train": (
        SCORES, "baselines.json", "items", *_LOGGED, "curve.*", "model", "epochs", "probes", "attention_weights.*",
    ),
}  # fmt: skip
COMMANDS = tuple(NAMES)
# what the start of a run writes: its config, its record, that it failed, and its log
RECORDS = (
    LOCK,
    RECORD,
    RESULT,
    str(Path(RESULT).with_suffix(".md")),
    "config_resolved.yaml",
    *(f"{command}.log" for command in COMMANDS),
)
_OF_HYDRA = tuple(str(CONFIG.with_name(f"{name}.yaml")) for name in ("config", "hydra", "overrides"))
STARTED = (CONFIG.parts[0], ".submitit", *RECORDS)
OF_SWEEPS = (SWEEP, SWEEP_RESULT, str(Path(SWEEP_RESULT).with_suffix(".md")), "optimization_results.yaml")
# by these names ours, as checkpoints by theirs, whether or not a record lists them: some are written after it
_CERTAIN = (
    *_OF_HYDRA, ".submitit/*", ".deleted-*", *RECORDS, *OF_SWEEPS,
    "wandb/run-*/*", "wandb/offline-run-*/*", "wandb/latest-run", "wandb/debug*.log",
)  # fmt: skip
_STATE_OF = re.compile(r"\{[^{}]*\}")  # a place in the name of a checkpoint, where a number stands
_NUMBER = r"(?:[\w.-]+=)?(?:-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|-?inf|nan)"
_STATES = (CHECKPOINT.stem, "epoch_{epoch:03d}", "{epoch}-{step}")  # of checkpoints, ours and Lightning's
# a file or folder that was being written when its process died
_PARTIAL = re.compile(r"\.(?P<name>.+?)\.(partial|\d+|[0-9a-f]{8}|[0-9a-f]{12}|saving-[0-9a-f]{8}(\.old)?)")
_OUTPUT = (".log", ".out", ".err")  # of what a command prints, as schedulers and shells keep it
_SHOWN = 3  # names in a message


def is_ours(name: str, names: Iterable[str]) -> bool:
    """Whether an entry of a directory has one of these names, or is one of them that was being written."""
    unfinished = _PARTIAL.fullmatch(name)
    name = name if unfinished is None else unfinished["name"]
    return any(fnmatchcase(name, pattern) for pattern in names)


def files_below(directory: Path) -> Iterator[Path]:
    """All files and links in a directory and its folders; links are not followed."""
    for path, folders, files in os.walk(directory):
        links = [name for name in folders if Path(path, name).is_symlink()]
        yield from (Path(path, name) for name in (*files, *links))


def own_files(directory: Path) -> list[Path]:
    """The files below a directory that commands of ours have written, also those of earlier ones in :data:`EARLIER`."""
    earlier = directory / EARLIER
    places = [place for place in earlier.iterdir() if not place.is_symlink()] if earlier.is_dir() else []
    return [*_own_files(directory), *(path for place in sorted(places) for path in _own_files(place))]


def certain_files(directory: Path) -> frozenset[Path]:
    """Those of them that a record lists, or that can be nobody else's by their names."""
    listed = _listed(directory) or ()
    return frozenset(path for path in files_below(directory) if _is_certain(path, directory) or path in listed)


def is_begun(directory: Path) -> bool:
    """Whether a command of ours has begun there, by what Hydra has written of its start."""
    content = _read(directory / CONFIG.with_name("hydra.yaml"))
    return any(
        str(callback.get("_target_")).startswith("transferlab.")
        for callback in _mapping(_mapping(content.get("hydra")).get("callbacks")).values()
        if isinstance(callback, dict)
    )


def job_of(directory: Path) -> str | None:
    """The command that has written a directory, by its record or else by Hydra's; None where neither says it."""
    job = _read(directory / RECORD).get("job")
    if job is None:
        hydra = _mapping(_read(directory / CONFIG.with_name("hydra.yaml")).get("hydra"))
        job = _mapping(hydra.get("job")).get("name")
    return job if isinstance(job, str) and job in COMMANDS else None


def names_of(directory: Path) -> tuple[str, ...]:
    """What the command of a directory writes there; nothing where it is not known."""
    return NAMES.get(job_of(directory) or "", ())


@contextmanager
def recording(directory: Path) -> Iterator[list[Any]]:
    """List in the record of a run what is written into its directory meanwhile, and what it has written before.

    Whatever else appears there, such as somebody's notes, has other names or was there before. The list that this gives
    takes what the command returns, the paths of files with names of their own among it.
    """
    before = set(files_below(directory))
    own = set(_own_files(directory)) if (directory / RECORD).is_file() else set()
    returned: list[Any] = []
    try:
        yield returned
    finally:
        if (record := _read(directory / RECORD)) and is_recorded_by_us(directory):
            now = set(_named(directory, returned)) - before | own & set(files_below(directory))
            if now != own or WRITTEN not in record:  # a start that was refused leaves the record as it was
                with suppress(OSError):  # a full disk: the names stand for it
                    paths = sorted(path.relative_to(directory).as_posix() for path in now)
                    write_json(directory / RECORD, record | {WRITTEN: paths})


def _own_files(directory: Path) -> list[Path]:
    listed = _listed(directory)
    if listed is None:
        return _named(directory, _returned(directory))
    return [path for path in _files(directory) if path in listed or _is_certain(path, directory)]


def _named(directory: Path, returned: Iterable[Any]) -> list[Path]:
    """The files whose names are of the command of a directory, of an unknown one of any, and those that it returned."""
    if any((directory / name).is_file() for name in (RECORD, RESULT)):
        job = job_of(directory)
        names = NAMES[job] if job else tuple(name for some in NAMES.values() for name in some)
    elif is_begun(directory):
        names = names_of(directory)
    else:
        return [path for path in _files(directory) if path.name in (LOCK, *OF_SWEEPS) and path.parent == directory]
    paths = {Path(value).absolute() for value in returned if isinstance(value, str)}
    return [
        path
        for path in _files(directory)
        if _is_certain(path, directory)
        or is_ours(path.relative_to(directory).parts[0], names)
        or path.absolute() in paths
    ]


def _files(directory: Path) -> Iterator[Path]:
    """Those of a run, without those of earlier ones."""
    return (path for path in files_below(directory) if path.relative_to(directory).parts[0] != EARLIER)


def _is_certain(path: Path, directory: Path) -> bool:
    name = path.relative_to(directory)
    if name.parts[0] == CHECKPOINT.parts[0]:
        return len(name.parts) > 1 and _is_state(name.name, directory)
    return any(fnmatchcase(name.as_posix(), pattern) for pattern in _CERTAIN)


def _listed(directory: Path) -> set[Path] | None:
    """The files that a record lists; None where it has no list."""
    listed = _read(directory / RECORD).get(WRITTEN)
    return {directory / str(name) for name in listed} if isinstance(listed, list) else None


def _returned(directory: Path) -> Iterable[Any]:
    """What a command has returned, such as the paths of the results of a writer in somebody's own config."""
    try:
        return read_record(directory / RESULT, metrics=dict)["metrics"].values()
    except (OSError, RunFileError):
        return ()


def _read(file: Path) -> dict[str, Any]:
    """The content of a record or config; of none, or one that is damaged, nothing."""
    try:
        return read_json(file) if file.suffix == ".json" else read_yaml(file)
    except (OSError, RunFileError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def remove_states(directory: Path, kept: Path | None = None) -> None:
    """Delete the checkpoints of a run, and their folder if nothing else is in it.

    Args:
        directory: of the run.
        kept: the checkpoint that stays.
    """
    folder = directory / CHECKPOINT.parent
    with suppress(OSError):
        for file in folder.iterdir():
            if file != kept and _is_state(file.name, directory):
                file.unlink(missing_ok=True)
        folder.rmdir()


def _is_state(name: str, directory: Path) -> bool:
    """Whether the callbacks of a run give this name to a checkpoint, or to one that is being written."""
    if unfinished := re.fullmatch(r"\.(.+)\.partial", name):
        name = unfinished[1]
    if any(map(partial(_is_of, name), _STATES)):
        return True
    callbacks = _mapping(_read(directory / "config_resolved.yaml").get("callbacks")).values()
    given = (callback.get("filename") for callback in callbacks if isinstance(callback, dict))
    return any(_is_of(name, template) for template in given if isinstance(template, str))


def _is_of(name: str, template: str) -> bool:
    """Whether Lightning gives a checkpoint this name, by the ``filename`` of a callback."""
    pattern = _NUMBER.join(map(re.escape, _STATE_OF.split(template.removesuffix(".ckpt"))))
    return re.fullmatch(rf"{pattern}(-v\d+)?\.ckpt", name) is not None


def in_the_way(directory: Path, names: Iterable[str]) -> list[Path]:
    """The entries of a directory that a run may not be started beside.

    Beside what a shell or a scheduler writes there of the very command it may: empty files, and those whose name ends
    in .log, .out or .err.

    Args:
        directory: which need not be there.
        names: what may be there.
    """
    found = sorted(directory.iterdir()) if directory.is_dir() else []
    return [path for path in found if not is_ours(path.name, names) and not _is_output(path)]


def words(paths: list[Path], directory: Path) -> str:
    """The names of what is in a directory, the first ones."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(str(path.relative_to(directory)) for path in islice(paths, _SHOWN)) + more


def _is_output(path: Path) -> bool:
    return path.is_file() and (path.suffix in _OUTPUT or not path.stat().st_size)
