"""What commands of ours write into their directory, by name: nothing else there is ever moved or deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from transferlab.utils.resume import CHECKPOINT, CONFIG, RECORD, RESULT, SCORES, SWEEP, SWEEP_RESULT
from transferlab.utils.run_files import RunFileError, read_record

LOCK = ".lock"
EARLIER = "earlier"  # results of earlier commands that were given the same directory
COMMANDS = (
    "convert",
    "embed",
    "evaluate",
    "evaluate_documents",
    "features",
    "predict",
    "rank",
    "report",
    "runs",
    "train",
)
# what the start of a run writes: its config, its record, that it failed, and its log
RECORDS = (
    LOCK,
    RECORD,
    RESULT,
    str(Path(RESULT).with_suffix(".md")),
    "config_resolved.yaml",
    *(f"{command}.log" for command in COMMANDS),
)
STARTED = (CONFIG.parts[0], ".submitit", *RECORDS)
OURS = (
    *STARTED,
    EARLIER,
    ".deleted-*",
    # train, evaluate
    SCORES, "baselines.json", "items", "csv", "tensorboard", "wandb", "curve.*", CHECKPOINT.parts[0], "model", "epochs",
    "probes", "attention_weights.*",
    # sweeps and searches
    SWEEP, SWEEP_RESULT, str(Path(SWEEP_RESULT).with_suffix(".md")), "optimization_results.yaml",
    # predict, evaluate_documents, report
    "predictions.jsonl", "predictions.conll", "predictions.html", "scores.json", "scores.md", "labels.png",
    "lengths.png", "report.json", "report.md", "report.png", "report.svg", "depths.png", "depths.svg",
    # rank
    "ranking.md", "agreement.png", "agreement.svg", "gains.png", "gains.svg", "gain_distribution.png",
    "gain_distribution.svg", "predictions_*.png", "predictions_*.svg", "map_*.png", "map_*.svg", "graph_*.png",
    "graph_*.svg", "trainings.csv", "scores.csv", "layers.csv", "components.csv", "measured.csv", "judged.csv",
    "reliability.csv", "compared.csv", "similarities_*.csv",
)  # fmt: skip
# a file or folder that was being written when its process died
_STATES = ("*.ckpt", ".*.partial")
_PARTIAL = re.compile(r"\.(?P<name>.+?)\.(partial|\d+|[0-9a-f]{8}|[0-9a-f]{12}|saving-[0-9a-f]{8}(\.old)?)")
_OUTPUT = (".log", ".out", ".err")  # of what a command prints, as schedulers and shells keep it
_SHOWN = 3  # names in a message


def is_ours(path: Path, names: Iterable[str] = OURS) -> bool:
    """Whether an entry of a run's, or a sweep's, directory has the name of something that commands of ours write."""
    unfinished = _PARTIAL.fullmatch(path.name)
    name = path.name if unfinished is None else unfinished["name"]
    return any(fnmatchcase(name, pattern) for pattern in names)


def own_entries(directory: Path) -> list[Path]:
    """The entries of a directory that commands of ours write, or that the one there says it has written."""
    written = set(_written(directory))
    return [path for path in sorted(directory.iterdir()) if is_ours(path) or path.absolute() in written]


def _written(directory: Path) -> Iterator[Path]:
    """What a command has returned as the paths of its results, such as those of a writer in somebody's own config."""
    try:
        returned = read_record(directory / RESULT, metrics=dict)["metrics"]
    except (OSError, RunFileError):
        return
    for value in returned.values():
        if isinstance(value, str) and Path(value).parent == directory.absolute():
            yield Path(value)


def remove_states(folder: Path, kept: Path | None = None) -> None:
    """Delete the checkpoints in a folder of a run, and the folder if nothing else is in it.

    Args:
        folder: of them.
        kept: the one that stays.
    """
    with suppress(OSError):
        for file in folder.iterdir():
            if file != kept and any(fnmatchcase(file.name, pattern) for pattern in _STATES):
                file.unlink(missing_ok=True)
        folder.rmdir()


def in_the_way(directory: Path, names: Iterable[str]) -> list[Path]:
    """The entries of a directory that a run may not be started beside.

    Beside what a shell or a scheduler writes there of the very command it may: empty files, and those whose name ends
    in .log, .out or .err.

    Args:
        directory: which need not be there.
        names: what may be there.
    """
    found = sorted(directory.iterdir()) if directory.is_dir() else []
    return [path for path in found if not is_ours(path, names) and not _is_output(path)]


def words(paths: list[Path]) -> str:
    """The names of entries, the first ones."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(path.name for path in islice(paths, _SHOWN)) + more


def _is_output(path: Path) -> bool:
    return path.is_file() and (path.suffix in _OUTPUT or not path.stat().st_size)
