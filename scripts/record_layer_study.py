"""Record a layer study: ``python scripts/record_layer_study.py logs/layer_study/multiruns/<id> ...``.

Writes ``layer_study.csv`` (scores as they were logged) and ``layer_study_documents.csv`` (what each test document adds
to the CoNLL F1) into ``results/data``, from all sweeps together; ``make_results_tables.py`` makes the tables. The third
record, ``views_scores.csv``, is the ``scores.csv`` of ``rank.py`` on these views.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from results_tables.layer_study import CELL, COLUMNS, DOCUMENTS, SCORE, SCORES, TEST, VALIDATION
from transferlab.documents import write_atomically
from transferlab.statistics.item_files import item_file, read_items
from transferlab.transferability.measured import RESULT
from transferlab.utils.errors import UserError
from transferlab.utils.run_files import job_directory, read_sweep, score_of

RECORDS = Path(__file__).resolve().parents[1] / "results" / "data"
METRICS = (VALIDATION, TEST, *(f"test/{name}_f1" for name in ("muc", "b_cubed", "ceaf_e", "lea", "mentions")))
DIGITS = "%.7g"  # scores are logged in 32 bits


def record(sweeps: Iterable[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores and the documents of every probe of the sweeps.

    Raises:
        UserError: a job that did not complete, that is no view such as ``sources=[ner_3]``, that lacks a score or the
            counts of its documents, or a view with the same seed twice; names it.
    """
    scores: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    known: dict[tuple[Any, ...], Path] = {}
    for directory, job in _jobs(sweeps):
        cell = _cell(directory, job)
        if known.setdefault(tuple(cell.values()), directory) != directory:
            raise UserError(f"{directory} is the same view and seed as {known[tuple(cell.values())]}; leave one out")
        for metric in METRICS:
            if metric not in job["metrics"]:
                raise UserError(f"{directory} has no score {metric}; train it again")
            scores.append(cell | {"metric": metric, "value": score_of(job["metrics"][metric], directory, metric)})
        items = read_items(item_file(directory, "test"))
        for unit, row in zip(items.units, items.of_columns(SCORE.columns), strict=True):
            documents.append(cell | {"document": unit} | dict(zip(SCORE.columns, row.tolist(), strict=True)))
    if not scores:
        raise UserError("there is no job in these sweeps; name those of the layer study")
    order = [*CELL, "document", *SCORE.columns]
    return pd.DataFrame(scores)[[*COLUMNS]], pd.DataFrame(documents)[order]


def _jobs(sweeps: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for sweep in sweeps:
        for job in read_sweep(sweep / RESULT):
            directory = job_directory(sweep, job["job"])
            if job["status"] != "completed":
                raise UserError(f"{directory} is {job['status']}; go on with resume={sweep} first")
            yield directory, job


def _cell(directory: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Source, depth and seed of a job."""
    overrides = dict(override.lstrip("+").partition("=")[::2] for override in job["overrides"])
    view = re.fullmatch(r"\[['\"]?(\w+)_(\d+)['\"]?\]", overrides.get("sources", ""))
    if view is None:
        raise UserError(f"{directory}: sources={overrides.get('sources')} is no view of a source, such as [ner_3]")
    return {"source": view[1], "depth": int(view[2]), "seed": job["seed"]}


def main(arguments: list[str] | None = None, records: Path = RECORDS) -> None:
    """Read the sweeps and write both records."""
    parser = argparse.ArgumentParser(description="Record a layer study for results/.")
    parser.add_argument("sweeps", nargs="+", type=Path, help="logs/layer_study/multiruns/<id>")
    try:
        scores, documents = record(parser.parse_args(arguments).sweeps)
    except UserError as error:
        sys.exit(str(error))
    for name, frame in ((SCORES, scores), (DOCUMENTS, documents)):
        write_atomically(records / name, [frame.to_csv(index=False, float_format=DIGITS, lineterminator="\n")])
        print(f"{records / name}: {len(frame)} rows")


if __name__ == "__main__":
    main()
