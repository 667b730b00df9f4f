"""Counts of items in a file: sparse, compressed, and nothing in it but numbers and one JSON text."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from transferlab.statistics.items import ItemCounts
from transferlab.utils.errors import UserError

FOLDER = "items"  # of a run's directory; a file for each stage that was evaluated
FORMAT = 1
LARGEST_CELLS = 400_000_000  # of a table that is read: 3.2 GB


def stage_of(split: str) -> str:
    """The name under which the scores of a split are logged."""
    return "val" if split == "validation" else split


def item_file(run: str | Path, stage: str) -> Path:
    """The file with the counts of one stage (``val``, ``test``) of a run."""
    return Path(run, FOLDER, f"{stage}.npz")


def write_items(file: str | Path, items: ItemCounts, description: Mapping[str, Any]) -> None:
    """Write counts, whole or not at all.

    Args:
        file: to be written.
        items: the counts.
        description: of the score that they are of, for :func:`~transferlab.statistics.logged_scores.logged_scores`.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "format": FORMAT,
        "split": items.split,
        "score": dict(description),
        "columns": items.columns,
        "units": items.units,
        "groups": items.groups,
    }
    rows, columns = np.nonzero(items.counts)
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
        "row": rows.astype(np.int32),
        "column": columns.astype(np.int32),
        "count": items.counts[rows, columns],
    }
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex[:12]}")
    try:
        with open(temporary, "xb") as stream:
            np.savez_compressed(stream, **arrays)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_items(file: str | Path) -> tuple[ItemCounts, dict[str, Any]]:
    """The counts of a file, and the description of their score.

    Raises:
        UserError: there is no such file, or it is damaged or of a later format; names it.
    """
    remedy = "evaluate the model again (src/evaluate.py)"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            if about["format"] != FORMAT:
                raise UserError(f"{file} has format {about['format']!r}, this version reads {FORMAT}; {remedy}")
            units, columns, groups = about["units"], about["columns"], about["groups"]
            if len(units) * len(columns) > LARGEST_CELLS:
                raise ValueError(f"{len(units)} items with {len(columns)} counts each")
            counts = np.zeros((len(units), len(columns)))
            counts[arrays["row"], arrays["column"]] = arrays["count"]
            items = ItemCounts(
                str(about["split"]),
                tuple(map(str, units)),
                tuple(map(str, columns)),
                counts,
                None if groups is None else tuple(map(str, groups)),
            )
            return items, dict(about["score"])
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist; {remedy}") from error
    except UserError:
        raise
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(f"{file} holds no counts of items ({error}); was it damaged? {remedy}") from error
