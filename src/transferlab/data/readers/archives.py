"""Zip and tar archives of texts, read where they lie: nothing is unpacked, and no more is read than an archive of texts
could hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from transferlab.data.readers.base import DataError

# An archive may hold so many bytes whatever its size, and beyond that so many for each of its own. Texts shrink to a
# fourth or a twentieth, with the best programs; an archive of nothing but line ends shrinks to a thousandth.
SMALL = 64 * 2**20
HIGHEST_RATIO = 100
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


def is_archive(place: Path) -> bool:
    """Whether a file is a zip or tar archive."""
    if zipfile.is_zipfile(place):
        return True
    try:
        with _open_tape(place):
            return True
    except (tarfile.ReadError, EOFError, zlib.error, lzma.LZMAError, OSError):
        return False


def members(place: Path) -> list[str]:
    """Names of the files in an archive, of a zip sorted, of a tape in its order; links are none.

    Raises:
        DataError: it is damaged, or holds more than an archive of texts could.
    """
    with _refusing_damage(place):
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                return sorted(info.filename for info in archive.infolist() if not info.is_dir())
        with _open_tape(place) as tape:
            return [info.name for info in _within(tape, place) if info.isfile()]


def open_members(place: Path, names: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield ``(name, its content)`` of members, of a tape in its own order, which cannot be read in another.

    Raises:
        DataError: as :func:`members`; also while the content is read.
    """
    with _refusing_damage(place):
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                _check(sum(archive.getinfo(name).file_size for name in names), place)
                for name in names:
                    with archive.open(name) as member:
                        yield name, _content(member, place)
            return
        wanted = set(names)
        with _open_tape(place) as tape:
            for info in _within(tape, place):
                content = tape.extractfile(info) if info.isfile() and info.name in wanted else None
                if content is not None:
                    yield info.name, _content(content, place)


def _allowance(place: Path) -> int:
    return max(SMALL, HIGHEST_RATIO * place.stat().st_size)


def _check(size: int, place: Path) -> None:
    if size > _allowance(place):
        raise DataError(
            f"{place} has {place.stat().st_size:,} bytes and would hold {size:,} or more, over {HIGHEST_RATIO} times as"
            " many, as no archive of texts does; if it is one, unpack it and give the directory"
        )


def _within(tape: tarfile.TarFile, place: Path) -> Iterator[tarfile.TarInfo]:
    """The members of a tape; each is held against what is allowed before it is passed over."""
    total = 0
    for info in tape:
        total += info.size
        _check(total, place)
        yield info


@contextmanager
def _open_tape(place: Path) -> Iterator[tarfile.TarFile]:
    with place.open("rb") as file:
        start = file.read(6)
    opened = next((opener for mark, opener in _COMPRESSED.items() if start.startswith(mark)), None)
    with (
        opened(place) if opened else place.open("rb") as stream,
        tarfile.TarFile(fileobj=_Bounded(stream, place)) as tape,  # type: ignore[arg-type]
    ):
        yield tape


@contextmanager
def _refusing_damage(place: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"{place} is a damaged archive ({error}); download it again") from error
    except (NotImplementedError, RuntimeError) as error:  # another compression, or a password
        raise DataError(f"{place} cannot be read: {error}; unpack it and give the directory") from error


def _content(member: IO[bytes], place: Path) -> IO[bytes]:
    return io.BufferedReader(_Bounded(member, place))  # type: ignore[type-var]


class _Bounded(io.RawIOBase):
    """A stream of which no more is read than its archive may hold, whatever the archive says of itself."""

    def __init__(self, stream: IO[bytes], place: Path) -> None:
        self.stream, self.place = stream, place

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes | None:
        """Read so many bytes; a tape says how many its next header has."""
        _check(self.stream.tell() + max(size, 0), self.place)
        return super().read(size)

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes."""
        _check(self.stream.tell(), self.place)
        with _refusing_damage(self.place):
            content = self.stream.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seekable(self) -> bool:
        """As the stream."""
        return self.stream.seekable()

    def tell(self) -> int:
        """Bytes from the beginning."""
        return self.stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place that the archive may have."""
        _check(offset + (self.stream.tell() if whence == io.SEEK_CUR else 0), self.place)
        return self.stream.seek(offset, whence)
