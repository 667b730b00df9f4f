"""Rows of datasets on the Hugging Face hub, for readers whose corpus has a copy there.

A reader asks :func:`local_directory` first; only where that is None does it take :func:`hub_rows`. So what the
user names is never silently replaced by a download.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transferlab.data.readers.base import DataError, data_directory


def local_directory(data_dir: str | Path | None, variable: str, remedy: str) -> Path | None:
    """The place of a corpus as :func:`data_directory` finds it, or None where nobody named one.

    Raises:
        DataError: ``data_dir`` or the environment variable names a place that does not exist.
    """
    if data_dir is None and not os.environ.get(variable):
        return None
    return data_directory(data_dir, variable, remedy)


def hub_rows(
    name: str, config: str | None = None, revision: str | None = None, split: str = "train", remedy: str = ""
) -> Iterator[dict[str, Any]]:
    """Rows of one split of a dataset on the hub, in their order, with class numbers turned into class names.

    The dataset is loaded by this call, not by the first step of the iteration: from the cache of the hub where it
    is there, else by download. Datasets that are Python scripts are refused by the library; no remote code runs.

    Args:
        name: for example ``"nyu-mll/glue"``; a local directory of parquet, CSV or JSON files serves as well.
        config: configuration of the dataset, for example ``"mrpc"``; None where it has only one.
        revision: branch, tag or commit, for example ``"refs/convert/parquet"``; None for the newest.
        split: as the hub calls it, for example ``"validation_matched"``.
        remedy: what else the user can do: which files to download, and the key ``dataset.data_dir`` or the
            variable (``"GLUE_DIR"``) that then names them.

    Returns:
        One dict per row. Values are plain Python; a class, also inside lists and dicts, is its name as the hub
        declares it, and None where the hub has -1 for "not labelled".

    Raises:
        DataError: unknown dataset, configuration or split, or no network and no copy in the cache.
    """
    import datasets  # takes about a second, and corpora in local files need nothing of it

    try:
        rows = datasets.load_dataset(name, config, revision=revision, split=split, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        what = "".join([name, f", configuration {config}" * bool(config), f", revision {revision}" * bool(revision)])
        offline = " (HF_HUB_OFFLINE is set: unset it)" if datasets.config.HF_HUB_OFFLINE else ""
        raise DataError(
            f"cannot read the split {split!r} of the dataset {what} from the Hugging Face hub: {error}\n"
            f"The first use needs a network{offline}; later ones find it in the cache, which HF_HOME names. {remedy}"
        ) from error
    return ({column: _named(row[column], feature) for column, feature in rows.features.items()} for row in rows)


def hub_id(name: str, config: str | None = None, revision: str | None = None, **options: Any) -> str:
    """Name a corpus by its place on the hub; ``options`` are those that only tell how it is read."""
    return "hub:" + name + f"/{config}" * bool(config) + f"@{revision}" * bool(revision)


def _named(value: Any, feature: Any) -> Any:
    """``value`` with the numbers of classes, at any depth, replaced by their names."""
    import datasets

    if value is None:
        return None
    if isinstance(feature, datasets.ClassLabel):
        return None if value < 0 else feature.int2str(value)
    if isinstance(feature, dict):
        return {key: _named(value[key], inner) for key, inner in feature.items()}
    if isinstance(feature, datasets.List | datasets.LargeList):
        return [_named(item, feature.feature) for item in value]
    return value
