"""Record a study: ``python scripts/record_study.py layer_study logs/layer_study/multiruns/<id> ...``.

Writes ``<study>.csv`` (scores as they were logged) and ``<study>_documents.csv`` (what each test document adds to the
CoNLL F1) into ``results/data``, from all sweeps together; ``make_results_tables.py`` makes the tables. The studies are
those of ``results_tables/studies.py``. A third record of the layer study, ``views_scores.csv``, is the ``scores.csv``
of ``rank.py`` on its views.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from results_tables.studies import SCORE, STUDIES, TEST, VALIDATION, Study
from transferlab.documents import write_atomically
from transferlab.statistics.item_files import item_file, read_items
from transferlab.transferability.measured import RESULT
from transferlab.utils.errors import UserError
from transferlab.utils.run_files import job_directory, read_sweep, score_of

RECORDS = Path(__file__).resolve().parents[1] / "results" / "data"
METRICS = (VALIDATION, TEST, *(f"test/{name}_f1" for name in ("muc", "b_cubed", "ceaf_e", "lea", "mentions")))
DIGITS = "%.7g"  # scores are logged in 32 bits


def record(study: Study, sweeps: Iterable[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores and the documents of every run of the sweeps.

    Raises:
        UserError: a job that did not complete, that is none of this study, that lacks a score or the counts of its
            documents, or a setting with the same seed twice; names it.
    """
    scores: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    known: dict[tuple[Any, ...], Path] = {}
    for directory, job in _jobs(sweeps):
        cell = _cell(study, directory, job)
        if known.setdefault(tuple(cell.values()), directory) != directory:
            raise UserError(f"{directory} is the same setting and seed as {known[tuple(cell.values())]}; leave one out")
        for metric in METRICS:
            if metric not in job["metrics"]:
                raise UserError(f"{directory} has no score {metric}; train it again")
            scores.append(cell | {"metric": metric, "value": score_of(job["metrics"][metric], directory, metric)})
        items = read_items(item_file(directory, "test"))
        for unit, row in zip(items.units, items.of_columns(SCORE.columns), strict=True):
            documents.append(cell | {"document": unit} | dict(zip(SCORE.columns, row.tolist(), strict=True)))
    if not scores:
        raise UserError(f"there is no job in these sweeps; name those of {study.name}")
    return pd.DataFrame(scores), pd.DataFrame(documents)


def _jobs(sweeps: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for sweep in sweeps:
        for job in read_sweep(sweep / RESULT):
            directory = job_directory(sweep, job["job"])
            if job["status"] != "completed":
                raise UserError(f"{directory} is {job['status']}; go on with resume={sweep} first")
            yield directory, job


def _cell(study: Study, directory: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Setting and seed of a job."""
    overrides = dict(override.lstrip("+").partition("=")[::2] for override in job["overrides"])
    setting = study.setting_of(overrides)
    if setting is None:
        typed = " ".join(job["overrides"])
        raise UserError(f"{directory} ({typed}) is no run of {study.name}, whose overrides have {study.expected}")
    return dict(zip(study.columns, setting, strict=True)) | {"seed": job["seed"]}


def main(arguments: list[str] | None = None, records: Path = RECORDS) -> None:
    """Read the sweeps and write both records."""
    parser = argparse.ArgumentParser(description="Record a study for results/.")
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("sweeps", nargs="+", type=Path, help="logs/<task>/multiruns/<id>")
    chosen = parser.parse_args(arguments)
    study = STUDIES[chosen.study]
    try:
        scores, documents = record(study, chosen.sweeps)
    except UserError as error:
        sys.exit(str(error))
    for name, frame in ((study.scores, scores), (study.documents, documents)):
        write_atomically(records / name, [frame.to_csv(index=False, float_format=DIGITS, lineterminator="\n")])
        print(f"{records / name}: {len(frame)} rows")


if __name__ == "__main__":
    main()
