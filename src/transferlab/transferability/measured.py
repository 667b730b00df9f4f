"""Transfer that was measured: scores of targets after training that started from sources, out of sweeps or a table."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from transferlab.utils.errors import UserError
from transferlab.utils.run_files import job_directory, read_sweep, read_yaml, score_of
from transferlab.utils.score_names import is_error

log = logging.getLogger(__name__)

RESULT = "multirun_result.json"
COLUMNS = ("target", "source", "seed", "score")
CONFIGS = ("config_resolved.yaml", ".hydra/config.yaml")  # of a job, the first that it has
DRAW = "datamodule.select_seed"  # which limited data a job was trained on
# overrides that make a job the one that it is
OF_A_CELL = ("experiment", "dataset", "sources", "encoder", "seed", DRAW)


@dataclass(frozen=True)
class Measurement:
    """One score.

    Attributes:
        target: the task that was scored.
        source: where its encoder started.
        seed: of the run; ``1, draw 2`` where limited data were drawn with a seed of their own.
        score: a fraction; NaN where the run diverged.
        metric: what the score is, ``test/f1``; empty for a table.
        place: the job, or the file and line, for errors.
        setting: the other overrides of the job, which should be those of all jobs of a target.
    """

    target: str
    source: str
    seed: int | str
    score: float
    metric: str
    place: str
    setting: frozenset[str] = frozenset()


def measured_transfer(place: str | Path | Sequence[str | Path], score: str | None = None) -> dict[str, pd.DataFrame]:
    """Read what sweeps or tables measured; several count together.

    Args:
        place: directories of sweeps over ``sources=[a],[b]`` or ``encoder=a,b`` (or with ``probes`` in them), or CSV
            files with the columns target, source, seed and score. The target of a job is its ``experiment``, or its
            ``task_name`` without one, and with ``dataset=...`` it is ``<experiment>:<dataset>``. Jobs with several
            sources, or none, are no transfer and left out; so are jobs without a result, which a warning names.
        score: as logged; None takes the test score of what each job monitored on validation, or that itself where it
            has no test split. A ``best_`` score is tuned on its split: on test the one without is taken.

    Returns:
        target -> sources x seeds (and draws of limited data), NaN where not measured; each has the name of the score in
        ``.attrs["score"]``.

    Raises:
        UserError: nothing to read, a score that a job lacks or of which smaller is better, a target with two scores, or
            two different values for one cell; a table that is wrong, with file, line and column.
    """
    places = [Path(place)] if isinstance(place, str | Path) else [Path(one) for one in place]
    found: dict[str, dict[tuple[str, int | str], Measurement]] = {}
    for one in dict.fromkeys(places):
        for new in _table(one) if one.suffix == ".csv" else _sweep(one, score):
            cells = found.setdefault(new.target, {})
            first = next(iter(cells.values()), new)
            if new.metric != first.metric:
                raise UserError(
                    f"{new.target}: {first.place} is scored by {first.metric or 'a table'}, {new.place} by "
                    f"{new.metric or 'a table'}; choose one with score=..., or run rank.py for each"
                )
            known = cells.setdefault((new.source, new.seed), new)
            if known.score != new.score and not (pd.isna(known.score) and pd.isna(new.score)):
                raise UserError(
                    f"{new.target} from {new.source}, seed {new.seed}, is {known.score:g} in {known.place} and "
                    f"{new.score:g} in {new.place}; their settings differ: run rank.py for each by itself"
                )
    if not found:
        read = ", ".join(map(str, places)) or "no place"
        raise UserError(f"no completed job with one source, and no row, in {read}; name another with measured=...")
    for target, cells in found.items():
        settings = [measurement.setting for measurement in cells.values()]
        if differing := frozenset.union(*settings) - frozenset.intersection(*settings):
            log.warning("%s: not all of its jobs have %s", target, ", ".join(sorted(differing)))
    return {target: _frame(cells) for target, cells in found.items()}


def measured_of(
    targets: Sequence[str],
    places: Sequence[str | Path],
    score: str | None = None,
    names: Mapping[str, str] | None = None,
    baseline: str | None = None,
) -> dict[str, pd.DataFrame]:
    """The measurements of some targets, checked before anything is predicted for them.

    Args:
        targets: that are wanted.
        places, score: see :func:`measured_transfer`.
        names: {name of a target in the measurements: its name here}.
        baseline: a source that all of them must have; None where none is needed.

    Returns:
        target -> sources x seeds; empty without ``places``.

    Raises:
        UserError: a target that was not measured, or without the baseline; and those of ``measured_transfer``.
    """
    if not places:
        return {}
    measured: dict[str, pd.DataFrame] = {}
    for name, table in measured_transfer(places, score).items():
        here = (names or {}).get(name, name)
        if here in measured:
            raise UserError(f"measured_as: {here} is named twice; read these measurements apart")
        measured[here] = table
    if missing := [target for target in targets if target not in measured]:
        raise UserError(
            f"measured: nothing was measured for {', '.join(missing)}, but for {', '.join(measured)}; a target of "
            "another name is named by measured_as={<name there>: <name here>}"
        )
    for target in targets:
        highest = float(measured[target].to_numpy(dtype=float, na_value=0.0).max())
        if highest > 1:
            raise UserError(f"{target}: a measured score of {highest:g} is no fraction; divide percentages by 100")
        if baseline:
            relative_gain(measured[target], baseline)
    return {target: measured[target] for target in targets}


def complete_seeds(measured: pd.DataFrame) -> pd.DataFrame:
    """The seeds that all measured sources have, so that sources are compared on the same ones.

    Args:
        measured: sources x seeds; a source without any score counts as not measured, and keeps none.
    """
    rows = measured.dropna(how="all")
    complete = rows.columns[rows.notna().all()]
    if complete.empty:
        raise UserError(f"there is no seed with a score for every source; the seeds are {list(measured.columns)}")
    if left_out := [str(seed) for seed in measured.columns if seed not in complete]:
        log.warning("seeds that not all sources have are left out: %s", ", ".join(left_out))
    kept = measured[complete]
    kept.attrs = measured.attrs
    return kept


def relative_gain(measured: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """What transfer gained over no transfer, in percent: 100 (score - baseline) / baseline.

    Args:
        measured: sources x seeds.
        baseline: the row of the encoder that saw no source. A seed is compared with the same seed of the baseline, or
            with the baseline's mean where it lacks that seed.

    Returns:
        the other sources x seeds.

    Raises:
        UserError: no such row, or it has no score above 0.
    """
    if baseline not in measured.index:
        raise UserError(
            f"there is no source {baseline!r} to gain over; the table has {', '.join(map(str, measured.index))}"
        )
    reference = measured.loc[baseline].astype(float)
    reference = reference.fillna(reference.mean())
    if not (reference > 0).all():
        raise UserError(f"the baseline {baseline!r} has no score above 0 that a gain could be relative to")
    others = measured.drop(index=baseline)
    return 100 * others.sub(reference, axis="columns").div(reference, axis="columns")


def _frame(cells: dict[tuple[str, int | str], Measurement]) -> pd.DataFrame:
    sources = list(dict.fromkeys(source for source, _ in cells))
    seeds = sorted({seed for _, seed in cells}, key=lambda seed: (isinstance(seed, str), seed))
    frame = pd.DataFrame(
        float("nan"), index=pd.Index(sources, name="source"), columns=pd.Index(seeds, name="seed"), dtype=float
    )
    for (source, seed), measurement in cells.items():
        frame.loc[source, seed] = measurement.score
    frame.attrs["score"] = next(iter(cells.values())).metric
    return frame


def _sweep(place: Path, score: str | None) -> Iterator[Measurement]:
    """The jobs of a sweep that started from one source."""
    file = place / RESULT
    if not file.is_file():
        raise UserError(
            f"{place} holds no {RESULT} and is no .csv; name the directory of a sweep, logs/<task>/multiruns/<id>"
        )
    jobs = read_sweep(file)
    unfinished = [f"{job['job']} ({job['status']})" for job in jobs if job["status"] != "completed"]
    if unfinished:
        log.warning("%s: jobs without a result are left out: %s", place, ", ".join(unfinished))
    for job in jobs:
        overrides = dict(override.lstrip("+~").partition("=")[::2] for override in job["overrides"])
        sources = [name for item in overrides.get("sources", "").strip("[]").split(",") if (name := item.strip("'\" "))]
        sources = sources or [overrides["encoder"]] if "encoder" in overrides else sources
        if job["status"] != "completed" or len(sources) != 1:
            continue
        directory = job_directory(place, job["job"])
        config = _config(directory)
        metric = score or _monitored(str(config.get("monitor")), job["metrics"])
        if metric not in job["metrics"]:
            raise UserError(f"{directory} has no score {metric}; it has {', '.join(sorted(job['metrics']))}")
        if is_error(metric):
            raise UserError(f"{directory} is scored by {metric}, of which smaller is better; choose another, score=...")
        target = overrides.get("experiment") or str(config.get("task_name"))
        target += f":{overrides['dataset']}" if "dataset" in overrides else ""
        value = score_of(job["metrics"][metric], file, metric)  # a diverged run has the text "nan"
        setting = frozenset(o for o in job["overrides"] if o.lstrip("+~").partition("=")[0] not in OF_A_CELL)
        seed = f"{job['seed']}, draw {overrides[DRAW]}" if DRAW in overrides else _seed(job, file)
        yield Measurement(target, sources[0], seed, value, metric, str(directory), setting)


def _seed(job: dict[str, Any], file: Path) -> int:
    if not isinstance(job.get("seed"), int):
        raise UserError(
            f"{file}: the job {job['job']} has the seed {job.get('seed')!r}, which is no number; restore it"
        )
    return int(job["seed"])


def _config(directory: Path) -> Any:
    for name in CONFIGS:
        if (directory / name).is_file():
            return read_yaml(directory / name)
    raise UserError(f"{directory} holds neither {' nor '.join(CONFIGS)}: what it monitored is not known")


def _monitored(monitor: str, metrics: dict[str, Any]) -> str:
    """The test score of what was monitored, or the monitored score where there is no test split."""
    test = f"test/{monitor.partition('/')[2].removeprefix('best_')}"
    return test if test in metrics else monitor


def _table(file: Path) -> Iterator[Measurement]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; name another in measured=...") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 ({error}); save it as UTF-8") from error
    rows = csv.DictReader(lines)
    if missing := [column for column in COLUMNS if column not in (rows.fieldnames or [])]:
        raise UserError(
            f"{file}, line 1: there is no column {', '.join(missing)}; the columns are {', '.join(COLUMNS)}"
        )
    for row in rows:
        place = f"{file}, line {rows.line_num}"
        for column in COLUMNS:
            if not (row[column] or "").strip():
                raise UserError(f"{place}: the column {column} is empty; fill it")
        yield Measurement(
            row["target"].strip(),
            row["source"].strip(),
            _number(row["seed"], int, f"{place}, column seed", "an integer"),
            _number(row["score"], float, f"{place}, column score", "a number, as a fraction"),
            "",
            place,
        )


def _number(text: str, kind: type[Any], place: str, wanted: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise UserError(f"{place}: {text.strip()!r} is not {wanted}; write one") from error
