"""What people do with the feature store: look at it, hold it against its checksums, throw parts of it away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from rich.box import SIMPLE
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from transferlab.encoders.feature_shards import SUFFIX, DamagedShardError, Shard
from transferlab.encoders.feature_store import FeatureStore, LayerEntry, describe, remove
from transferlab.encoders.sources import EncoderError
from transferlab.utils.terminal import VisibleConsole, size_of

log = logging.getLogger(__name__)

CRITERIA = ("older_than_days", "encoder_contains", "to_gb", "everything")
_SHOWN = 40  # characters of an encoder's name


def listing(store: FeatureStore, entries: Sequence[LayerEntry]) -> Table:
    """Layers as a table, below it what they take together; layers of an encoder with equally many rows share a line."""
    title = f"features in {store.directory}"
    taken = f"{size_of(sum(entry.size for entry in entries))} of {size_of(store.limit)} (features.limit_gb)"
    table = Table(
        title=title, caption=taken, title_justify="left", caption_justify="left", box=SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("encoder", overflow="fold")
    for name in ("layers", "computed in", "kept in", "rows", "size", "last used"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("rows", "size") else "left")
    for line, members in groupby(sorted(entries, key=_line), key=lambda entry: _line(entry)[:-1]):
        together = list(members)
        encoder, _, precision, dtype, rows = line
        table.add_row(
            short(encoder),
            _ranges([_layer(entry) for entry in together]),
            precision,
            dtype,
            f"{rows:,}",
            size_of(sum(entry.size for entry in together)),
            f"{max(entry.used for entry in together):%Y-%m-%d}",
        )
    return table


def verify(entries: Sequence[LayerEntry]) -> tuple[int, int]:
    """Read every file and delete those that are damaged: their rows are computed again when they are needed.

    Returns:
        files that were read, and how many of them were damaged.
    """
    files, damaged = 0, 0
    columns = (TextColumn("verifying"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=VisibleConsole(), transient=True) as progress:
        task = progress.add_task("", total=sum(entry.size for entry in entries))
        for path in (path for entry in entries for path in sorted(entry.folder.glob(f"*{SUFFIX}"))):
            if not path.is_file():
                if path.exists():
                    log.warning("%s is no file of a store; move it away", path)
                continue
            try:
                progress.advance(task, path.stat().st_size)
                shard = Shard(path)
                shard.check(range(len(shard.keys)))
            except DamagedShardError as error:
                log.warning("deleted, and its rows are computed again when they are needed: %s", error)
                path.unlink(missing_ok=True)
                damaged += 1
            except FileNotFoundError:  # evicted meanwhile
                continue
            files += 1
    return files, damaged


def prune(
    entries: Sequence[LayerEntry],
    *,
    older_than_days: float | None = None,
    encoder_contains: str | None = None,
    to_gb: float | None = None,
    everything: bool = False,
) -> list[LayerEntry]:
    """Delete the layers that meet all criteria that are given, the least recently used first.

    Args:
        entries: all layers of the store.
        older_than_days: not used for so long.
        encoder_contains: part of the encoder's name or path.
        to_gb: no more layers than needed for so much to be left.
        everything: all, instead of the other criteria.

    Returns:
        what is deleted.

    Raises:
        EncoderError: no criterion is given, or everything beside another one.
    """
    given = [older_than_days, encoder_contains, to_gb]
    if everything == any(value is not None for value in given):
        raise EncoderError(
            f"action=prune deletes what meets all of {', '.join(f'{name}=...' for name in CRITERIA[:-1])}, "
            "or all with everything=true; " + ("give one or the other" if everything else "none is given; give one")
        )
    chosen = sorted(entries, key=lambda entry: entry.used)
    if older_than_days is not None:
        latest = datetime.now() - timedelta(days=older_than_days)
        chosen = [entry for entry in chosen if entry.used < latest]
    if encoder_contains is not None:
        chosen = [entry for entry in chosen if encoder_contains in _encoder(entry)]
    if to_gb is not None:
        excess = sum(entry.size for entry in entries) - 1e9 * to_gb
        kept_from = next((n for n in range(len(chosen)) if sum(e.size for e in chosen[:n]) >= excess), len(chosen))
        chosen = chosen[:kept_from]
    for entry in chosen:
        log.info("deleted: %s, last used %s", describe(entry), f"{entry.used:%Y-%m-%d %H:%M}")
        remove(entry.folder)
    return chosen


def short(name: str) -> str:
    """A name of at most so many characters; of a long path the last folders."""
    if len(name) <= _SHOWN:
        return name
    tail = name[-_SHOWN + 1 :]
    return "…" + (tail[tail.index("/") :] if "/" in tail else tail)


def _encoder(entry: LayerEntry) -> str:
    return str(entry.about.get("encoder", entry.folder.parent.name))


def _layer(entry: LayerEntry) -> int:
    number = entry.about.get("layer")
    return number if isinstance(number, int) else 0  # nobody vouches for what the description says


def _line(entry: LayerEntry) -> tuple[Any, ...]:
    """What layers in one line of the listing have in common, and the layer."""
    kinds = [str(entry.about.get(name, "?")) for name in ("precision", "dtype")]
    return _encoder(entry), entry.folder.parent.name, *kinds, entry.rows, _layer(entry)


def _ranges(numbers: Sequence[int]) -> str:
    """1-4, 6."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ends = [(run[0][1], run[-1][1]) for run in (list(members) for _, members in runs)]
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ends)
