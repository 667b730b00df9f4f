"""Which file of a corpus holds which split, where the names of the files say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from transferlab.data.readers.base import SPLITS, DataError, split_of_path


def find_split_files(place: Path, files: Mapping[str, str | Sequence[str]], remedy: str = "") -> dict[str, Path]:
    """The file of each split that a corpus has, splits in their usual order.

    Args:
        place: a directory, or one file: it is the split whose patterns its name matches, else the split that its
            name holds as a word, else ``test``.
        files: for each split its file below ``place``: a name or shell pattern, or several, of which the first that
            is there counts.
        remedy: ends the messages.

    Raises:
        DataError: an unknown split, a pattern that several files match, or a directory with none of the files.
    """
    unknown = sorted(set(files) - set(SPLITS))
    if unknown:
        raise DataError(f"dataset.files names the splits {unknown}; choose out of {list(SPLITS)}")
    patterns: dict[str, list[str]] = {}
    for split in SPLITS:
        names = files.get(split, [])
        patterns[split] = [names] if isinstance(names, str) else list(names)
    if place.is_file():
        matching = [split for split in patterns if any(fnmatch(place.name, name) for name in patterns[split])]
        return {matching[0] if matching else split_of_path(place.name) or "test": place}
    found: dict[str, Path] = {}
    for split, names in patterns.items():
        candidates = [sorted(path for path in place.glob(name) if path.is_file()) for name in names]
        matches = next(filter(None, candidates), [])
        if len(matches) > 1:
            raise DataError(
                f"{place} has {len(matches)} files for the split {split!r}, {matches[0].name} and "
                f"{matches[1].name} among them; choose one with dataset.files.{split}"
            )
        if matches:
            found[split] = matches[0]
    if not found:
        wanted = ", ".join(name for names in patterns.values() for name in names)
        raise DataError(f"{place} holds none of the files {wanted or '(dataset.files is empty)'}. {remedy}")
    return found
