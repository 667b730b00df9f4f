"""Collect the job files of a sweep, aggregate them over seeds, and write both as JSON and Markdown."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from transferlab.documents import write_atomically
from transferlab.statistics.sweep_verdicts import COLUMNS, Verdicts, by_setting, judge_runs, plain, run_of
from transferlab.utils.errors import UserError
from transferlab.utils.escaping import code, code_block, markdown, markdown_row
from transferlab.utils.resume import SWEEP, SWEEP_RESULT, started_with
from transferlab.utils.run_files import job_directory, read_json, read_record, read_yaml, reported_score
from transferlab.utils.run_record import INTERRUPTED, RUNNING, json_ready, record_of, set_status, write_json

JOB_FILE = "job_return.json"
PROBES = "probes"
PRINTED_ROWS = 40
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def flatten(returned: Any, prefix: str = "") -> dict[str, float | int | str | bool | None]:
    """What a job returned as one flat, JSON-ready dict; ``{"val": {"f1": 0.5}}`` becomes ``{"val/f1": 0.5}``.

    A bare number is called ``value``. Tensors and numpy scalars become numbers, a float that JSON cannot hold
    becomes ``"nan"``, ``"inf"`` or ``"-inf"``, and anything else its text.
    """
    if returned is None and not prefix:
        return {}
    if isinstance(returned, dict):
        flat = {}
        for key, value in returned.items():
            flat.update(flatten(value, f"{prefix}/{key}" if prefix else str(key)))
        return flat
    value = json_ready(returned.tolist() if hasattr(returned, "tolist") else returned)
    if not isinstance(value, float | int | str | bool | None):
        value = str(value)
    return {prefix or "value": value}


def write_job(directory: Path, record: dict[str, Any]) -> None:
    """Write ``job_return.json`` and ``.md`` of a job, or of a probe of one.

    Args:
        directory: of the job.
        record: its overrides, seed and metrics; of one that is not completed its status and error.
    """
    record = {"status": "completed", **record}
    write_json(directory / JOB_FILE, record)
    write_atomically((directory / JOB_FILE).with_suffix(".md"), [job_markdown(record)])


def integrate(sweep_dir: str | Path) -> dict[str, Any]:
    """Write ``multirun_result.json`` and ``.md`` of a sweep from its jobs' files, and return the content.

    Jobs that end at the same time may each write it. Every one looks again after its write, and repeats it
    when another job has finished meanwhile, so the last file to be put in place is complete.
    """
    target = Path(sweep_dir) / SWEEP_RESULT
    result = collect(sweep_dir)
    while True:
        judged = verdicts_of(Path(sweep_dir), result["jobs"])
        write_atomically(target.with_suffix(".md"), [sweep_markdown(result, judged)])
        write_json(target, {**result, "verdicts": judged.to_dict() if isinstance(judged, Verdicts) else judged})
        written, result = result, collect(sweep_dir)
        if result == written:
            return result


def collect(sweep_dir: str | Path) -> dict[str, Any]:
    """Read every job directory of a sweep, and its record of the jobs that it is to have.

    A job without a result (running, or killed) is "unfinished"; one without a directory is "not started".
    """
    jobs = []
    planned = dict(enumerate(_planned(Path(sweep_dir))))
    for directory in _job_directories(Path(sweep_dir)):
        record: dict[str, Any]
        if (directory / JOB_FILE).exists():
            record = read_record(directory / JOB_FILE, status=str, overrides=list, metrics=dict)
            record.pop("traceback", None)
            if record["status"] != "completed" and record_of(directory).get("status") == RUNNING:
                record = record | {"status": "unfinished"}  # it goes on after it had failed
                record.pop("error", None)
        else:
            known = started_with(directory)
            if known is None and directory.name.isdigit():  # it ended before Hydra had written them
                known = planned.get(int(directory.name))
            record = {"status": "unfinished", "overrides": _of_job(known or []), "metrics": {}}
            if directory.parent.name == PROBES and (directory.parent.parent / JOB_FILE).exists():
                of_run = read_json(directory.parent.parent / JOB_FILE)
                record |= {key: of_run[key] for key in ("status", "error") if key in of_run}  # all of its probes failed
        jobs.append({"job": directory.relative_to(sweep_dir).as_posix(), **record})
    started = {job["job"].partition("/")[0] for job in jobs}  # a job with probes is known by these
    for number, overrides in planned.items():
        if str(number) not in started:
            jobs.append({"job": str(number), "status": "not started", "overrides": overrides, "metrics": {}})
    jobs.sort(key=lambda job: _natural(job["job"]))
    return {"jobs": jobs, "settings": aggregate(jobs)}


def verdicts_of(sweep_dir: Path, jobs: list[dict[str, Any]]) -> Verdicts | str | None:
    """The verdicts of a sweep that has ended, or in words why there are none; None while jobs go on.

    The other settings are held against the first one; ``report.py`` takes any as ``baseline``.
    """
    completed = [job for job in jobs if job["status"] == "completed" and job["metrics"]]
    if not completed or any(job["status"] in ("unfinished", "not started") for job in jobs):
        return None
    groups = by_setting((job_directory(sweep_dir, job["job"]), job) for job in completed)
    shared = _shared([list(setting) for setting in groups])
    try:
        metric = reported_score(sweep_dir / completed[0]["job"], list(completed[0]["metrics"]))
        runs = {
            _setting_name(list(setting), shared): [
                run_of(*job, metric) for job in members if metric in job[1]["metrics"]
            ]
            for setting, members in groups.items()
        }
        return judge_runs({name: of_setting for name, of_setting in runs.items() if of_setting}, metric)
    except UserError as error:
        return str(error)


def record_interrupted_jobs(sweep_dir: str | Path) -> None:
    """Record the unfinished jobs of a sweep as interrupted: they have ended with it, without a chance to say so."""
    for job in collect(sweep_dir)["jobs"]:
        directory = Path(sweep_dir, job["job"])
        if job["status"] == "unfinished" and directory.parent.name != PROBES:
            seed = read_yaml(directory / ".hydra" / "config.yaml").get("seed")
            write_job(directory, {**job, "seed": seed, "status": INTERRUPTED, "error": "ended with its sweep"})
            set_status(directory, INTERRUPTED)


def aggregate(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean, sample standard deviation (None for one job) and count of each metric over a setting's seeds.

    A setting is a job's overrides without the seed. Only completed jobs count. A metric that is not a number
    in a job is left out for that job, a NaN is not: a diverged seed shows as a NaN (written ``"nan"``)
    instead of vanishing from the mean.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for job in jobs:
        setting = tuple(o for o in job["overrides"] if _key(o) != "seed")
        groups.setdefault(names.setdefault(tuple(sorted(map(plain, setting))), setting), []).append(job)
    settings = []
    for setting, members in groups.items():
        completed = [job["metrics"] for job in members if job["status"] == "completed"]
        statistics = {}
        for name in dict.fromkeys(name for metrics in completed for name in metrics):
            values = [v for v in (_number(metrics.get(name)) for metrics in completed) if v is not None]
            if values:
                statistics[name] = _statistics(values)
        counts = {"jobs": len(members), "completed": len(completed)}
        monitor = {"monitor": members[0]["monitor"]} if members[0].get("monitor") else {}
        settings.append({"overrides": list(setting), **counts, **monitor, "metrics": statistics})
    return settings


def job_markdown(record: dict[str, Any]) -> str:
    """One job: its overrides, its status, and a table of its metrics or the traceback of its error."""
    lines = ["# Result of a job", "", f"* status: {record['status']}", f"* seed: {record['seed']}"]
    lines += [f"* override: {code(override)}" for override in record["overrides"]]
    if record["metrics"]:
        lines += ["", *_table(["metric", "value"], [[k, _text(v)] for k, v in record["metrics"].items()])]
    if "error" in record:
        lines += ["", *code_block(record.get("traceback", record["error"]))]
    return "\n".join(lines) + "\n"


def sweep_markdown(result: dict[str, Any], judged: Verdicts | str | None = None) -> str:
    """A sweep: what its jobs share, verdicts, one row per job, and the mean over the seeds of each setting."""
    jobs, settings = result["jobs"], result["settings"]
    shared = _shared([job["overrides"] for job in jobs])
    keys = list(dict.fromkeys(_key(o) for job in jobs for o in job["overrides"] if o not in shared))
    names = list(dict.fromkeys(name for job in jobs for name in job["metrics"]))
    done = sum(job["status"] == "completed" for job in jobs)
    lines = ["# Result of a sweep", "", f"{done} of {len(jobs)} jobs completed."]
    lines += ["", "Every job has: " + ", ".join(map(code, shared))] if shared else []
    if judged is not None:
        lines += ["", "## Verdicts", "", *_verdict_lines(judged)]
    rows = []
    for job in jobs:
        values = {_key(o): o.partition("=")[2] for o in job["overrides"]}
        metrics = [_text(job["metrics"].get(name)) for name in names]
        rows.append([job["job"], *(values.get(key, "") for key in keys), job["status"], *metrics])
    lines += ["", "## Jobs", "", *_table(["job", *keys, "status", *names], rows)]
    errors = [f"* job {markdown(job['job'])}: {markdown(job['error'])}" for job in jobs if "error" in job]
    lines += ["", "## Errors", "", *errors] if errors else []
    lines += ["", "## Over the seeds of each setting", ""]
    lines += _table(["setting", "metric", "mean", "std", "count"], list(_setting_rows(settings, shared)))
    return "\n".join(lines) + "\n"


def print_settings(result: dict[str, Any], monitor: str | None = None) -> None:
    """Print the means of a sweep as a table on the terminal.

    Of each setting only the metric that its jobs monitored (say ``val/f1``), on every split (so ``test/f1`` too), where
    there is one. ``monitor`` is that of jobs that do not say it.
    """
    from rich.table import Table

    from transferlab.utils.terminal import VisibleConsole

    shared = _shared([job["overrides"] for job in result["jobs"]])
    table = Table("setting", "metric", "mean", "std", "count", title="over the seeds of each setting")
    rows = []
    for setting in result["settings"]:
        # the threshold of a best_ score is tuned on the split that it scores: on test the honest one is without
        last = (setting.get("monitor") or monitor or "").rpartition("/")[2].removeprefix("best_")
        of_setting = list(_setting_rows([setting], shared))
        rows += [row for row in of_setting if row[1].rpartition("/")[2] == last] or of_setting
    for row in rows[:PRINTED_ROWS]:
        table.add_row(*row)
    console = VisibleConsole()
    console.print(table)
    if len(rows) > PRINTED_ROWS:
        console.print(f"... and {len(rows) - PRINTED_ROWS} more rows in the files")
    for job in result["jobs"]:
        if job["status"] != "completed":
            console.print(f"job {job['job']} {job['status']}: {job.get('error', 'it left no result')}")


def _verdict_lines(judged: Verdicts | str) -> list[str]:
    if isinstance(judged, str):
        return [f"None can be given: {markdown(judged)}."]
    rows = [[comparison.setting, *judged.cells(comparison)] for comparison in judged.comparisons]
    lines = [*_table(["setting", *COLUMNS], rows)]
    for line in judged.explanation():
        lines += ["", markdown(line)]
    return lines


def _setting_name(overrides: list[str], shared: list[str]) -> str:
    return ", ".join(override for override in overrides if override not in shared) or "all jobs"


def _setting_rows(settings: list[dict[str, Any]], shared: list[str]) -> Iterator[list[str]]:
    for setting in settings:
        name = _setting_name(setting["overrides"], shared)
        for metric, s in setting["metrics"].items():
            yield [name, metric, _text(s["mean"]), _text(s["std"]), str(s["count"])]


def _job_directories(sweep_dir: Path) -> list[Path]:
    """Directories that hold a job's ``.hydra`` folder, in the natural order of their names.

    A job that trains several probes stands for them: they have directories below its own.
    """
    found = []
    for path, folders, _ in os.walk(sweep_dir):
        if PROBES in folders:
            folders[:] = [PROBES]
        elif ".hydra" in folders:
            found.append(Path(path))
            folders.clear()  # what a job wrote below its directory is no job
        folders[:] = [f for f in folders if not f.startswith(".")]
    return sorted(found, key=lambda path: _natural(str(path)))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by their value."""
    return [(len(part), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _of_job(overrides: list[str]) -> list[str]:
    """Without what is of the command that goes on with a sweep."""
    return [override for override in overrides if _key(override) not in ("resume", "trust")]


def _planned(sweep_dir: Path) -> list[list[str]]:
    """The overrides of each job of a sweep by Hydra's own sweeper, by its number; of others nothing is known before."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        hydra = read_yaml(sweep_dir / SWEEP)["hydra"]
        if hydra["sweeper"]["_target_"] != BASIC or hydra["sweep"]["subdir"] != "${hydra.job.num}":
            return []
        given = [f"{key}={value}" for key, value in (hydra["sweeper"].get("params") or {}).items()]
        parsed = OverridesParser.create().parse_overrides([*given, *hydra["overrides"]["task"]])
        (jobs,) = BasicSweeper.split_arguments(parsed, None)
    except (FileNotFoundError, KeyError, TypeError, HydraException):
        return []
    return [_of_job(overrides) for overrides in jobs]


def _statistics(values: list[float]) -> dict[str, Any]:
    finite = all(math.isfinite(v) for v in values)
    center = mean(values) if finite else float("nan")
    spread = None if len(values) < 2 else stdev(values) if finite else float("nan")
    return {**flatten({"mean": center, "std": spread}), "count": len(values)}


def _number(value: Any) -> float | None:
    if value in ("nan", "inf", "-inf"):
        return float(value)
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _shared(overrides: list[list[str]]) -> list[str]:
    if len(overrides) < 2:
        return []
    return [o for o in overrides[0] if all(o in other for other in overrides)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = list(map(markdown_row, [header, *rows]))
    return [lines[0], "|" + " --- |" * len(header), *lines[1:]]
