"""Counts of items in a file: sparse, compressed, and nothing in it but numbers and one JSON text."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from transferlab.statistics.items import ItemCounts
from transferlab.utils.errors import UserError

FOLDER = "items"  # of a run's directory; a file for each stage that was evaluated
FORMAT = 1
# what reading damaged bytes raises
DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
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


def read_description(file: str | Path) -> tuple[list[str], dict[str, Any]]:
    """The columns of a file of counts, and the description of their score.

    Raises:
        UserError: as :func:`read_items`.
    """
    with _arrays(file) as (about, _):
        return [str(column) for column in about["columns"]], dict(about["score"])


def read_items(file: str | Path, columns: Sequence[str] | None = None) -> ItemCounts:
    """The counts of a file.

    Args:
        file: to read.
        columns: to take, in this order; one that the file lacks (a class that its run never met) is 0. None: all.

    Raises:
        UserError: there is no such file, or it is damaged or of a later format; names it.
    """
    with _arrays(file) as (about, arrays):
        units, own, groups = about["units"], list(map(str, about["columns"])), about["groups"]
        wanted = own if columns is None else list(columns)
        if len(units) * len(wanted) > LARGEST_CELLS:
            raise ValueError(f"{len(units)} items with {len(wanted)} counts each")
        rows, places, values = arrays["row"], arrays["column"], arrays["count"]
        _check_places(rows, places, values, len(units), len(own))
        place_of = {name: place for place, name in enumerate(wanted)}
        taken = np.array([place_of.get(name, -1) for name in own], dtype=np.intp)[places]
        counts = np.zeros((len(units), len(wanted)))
        counts[rows[taken >= 0], taken[taken >= 0]] = values[taken >= 0]
        return ItemCounts(
            str(about["split"]),
            tuple(map(str, units)),
            tuple(wanted),
            counts,
            None if groups is None else tuple(map(str, groups)),
        )


def _check_places(rows: Any, columns: Any, values: Any, units: int, names: int) -> None:
    """Refuse what is no sparse table: a place twice or outside of it, or counts that are no numbers."""
    if not (rows.ndim == 1 and rows.shape == columns.shape == values.shape):
        raise ValueError("row, column and count differ in shape")
    if rows.dtype.kind != "i" or columns.dtype.kind != "i" or values.dtype.kind != "f":
        raise ValueError("row, column and count are of other types")
    if len(rows) and (min(rows.min(), columns.min()) < 0 or rows.max() >= units or columns.max() >= names):
        raise ValueError("a count lies outside of the table")
    if len(np.unique(rows.astype(np.int64) * max(names, 1) + columns)) < len(rows):
        raise ValueError("a count is there twice")


@contextmanager
def _arrays(file: str | Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """What a file says of its counts, and its arrays; whatever is wrong with them becomes one message."""
    remedy = "run what wrote it again"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            if about["format"] != FORMAT:
                raise UserError(f"{file} has the format {about['format']!r}, and {FORMAT!r} can be read here; {remedy}")
            for name in ("units", "columns", "groups"):
                texts = about[name] if name != "groups" or about[name] is not None else []
                if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                    raise ValueError(f"{name} are no list of texts")
            if not isinstance(about["split"], str) or not isinstance(about["score"], dict):
                raise ValueError("split or score are not what they should be")
            yield about, arrays
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist; {remedy}") from error
    except UserError:
        raise
    except DAMAGE as error:
        raise UserError(f"{file} holds no counts of items ({error}); was it damaged? {remedy}") from error
