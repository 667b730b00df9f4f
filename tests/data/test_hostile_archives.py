"""Archives of texts: bombs, false sizes, damage, odd members, and very many empty lines."""

from __future__ import annotations

import io
import itertools
import random
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from transferlab.data.readers import archives
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import read_jsonl
from transferlab.utils.lines import numbered_lines

TEXT = "#begin document (a); part 000\na\t0\t0\tAnn\t-\n\n#end document\n"
MANY = 80 * 2**20  # of empty lines


def zipped(place: Path, content: str | bytes, name: str = "dev/a.conll", stored: bool = False) -> Path:
    with zipfile.ZipFile(
        place, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        archive.writestr(name, content)
    return place


def tape(place: Path, *members: tuple[str, bytes | None], mode: str = "w:gz") -> Path:
    """A tar archive; a member without content is a link to what its name says after ``->``."""
    with tarfile.open(place, mode) as written:
        for name, content in members:
            info = tarfile.TarInfo(name.partition("->")[0])
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, name.partition("->")[2]
            info.size = len(content or b"")
            written.addfile(info, io.BytesIO(content or b""))
    return place


def words(place: Path) -> list[list[str]]:
    reader = Conll2012Reader(place)
    return [document.words for split in reader.splits for document in reader.read(split)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_of_archive_is_read(tmp_path, mode):
    assert words(tape(tmp_path / "a.tar", ("dev/a.conll", TEXT.encode()), mode=mode)) == [["Ann"]]
    assert words(zipped(tmp_path / "a.zip", TEXT)) == [["Ann"]]


def in_little_time(read: Callable[[], object]) -> object:
    start = time.process_time()
    found = read()
    assert time.process_time() - start < 5
    return found


def test_many_empty_lines_cost_little(tmp_path):
    before, after = TEXT.split("\n\n")
    place = zipped(tmp_path / "a.zip", before + "\n" * MANY + after, stored=True)
    assert in_little_time(lambda: words(place)) == [["Ann"]]
    file = tmp_path / "a.jsonl"
    file.write_text(" \t\r\n" * (MANY // 8) + '{"name": "a", "words": []}\n')
    assert in_little_time(lambda: [document.name for document in read_jsonl(file)]) == ["a"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_more_than_texts_shrink_to_is_refused_with_the_sizes(tmp_path, kind):
    content = b"\n" * MANY
    place = tmp_path / f"a.{kind}"
    place = zipped(place, content) if kind == "zip" else tape(place, ("dev/a.conll", content))
    with pytest.raises(DataError, match=rf"a\.{kind}.*{place.stat().st_size:,}.*{MANY:,}.*unpack") as error:
        in_little_time(lambda: words(place))
    assert isinstance(error.value, DataError)


def test_a_tape_of_much_that_is_not_read_is_refused_before_it_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 2**20)
    place = tape(tmp_path / "a.tar.xz", ("a.bin", b"\0" * 2**23), ("dev/a.conll", TEXT.encode()), mode="w:xz")
    with pytest.raises(DataError, match="unpack"):
        words(place)


def test_a_member_that_says_it_is_smaller_than_it_is(tmp_path, monkeypatch):
    place = zipped(tmp_path / "a.zip", TEXT + "\n" * 2**20)
    content = place.read_bytes()
    size = (len(TEXT) + 2**20).to_bytes(4, "little")
    assert content.count(size) == 2  # before the member, and in the directory at the end
    place.write_bytes(content.replace(size, len(TEXT).to_bytes(4, "little")))
    with pytest.raises(DataError, match="damaged"):
        words(place)


def test_a_header_of_enormous_size_is_not_read(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2**40
    place = tmp_path / "a.tar"
    place.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    with pytest.raises(DataError, match="unpack"):
        words(place)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_damaged_archives_are_refused_by_name(tmp_path, kind):
    place, content = tmp_path / f"a.{kind}", TEXT.encode() * 4000
    place = zipped(place, content) if kind == "zip" else tape(place, ("dev/a.conll", content))
    whole = bytearray(place.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 40] = bytes(40)
    place.write_bytes(whole)
    with pytest.raises(DataError, match=rf"a\.{kind}"):
        words(place)


@pytest.mark.parametrize("name", ["a/b../escaped.conll", "/tmp/escaped.conll", "dev/\x1b[31m.conll"])
def test_members_are_read_where_they_lie_whatever_their_names(tmp_path, name):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    places = [zipped(inside / "a.zip", TEXT, name), tape(inside / "a.tar", (name, TEXT.encode()), mode="w")]
    for place in places:
        assert words(place) == [["Ann"]]
    with pytest.raises(DataError, match="holds no file"):  # hidden, like everything with a dot
        words(zipped(places[0], TEXT, "../../escaped.conll"))
    assert set(tmp_path.rglob("*")) == before | set(places)


def test_links_in_a_tape_are_not_followed(tmp_path):
    secret = tmp_path / "secret.conll"
    secret.write_text(TEXT.replace("Ann", "secret"))
    place = tape(tmp_path / "a.tar", (f"dev/link.conll->{secret}", None), ("dev/a.conll", TEXT.encode()), mode="w")
    assert words(place) == [["Ann"]]


def test_numbered_lines_are_all_lines_but_some_empty_ones(tmp_path):
    draw = random.Random(0)
    for _ in range(60):
        pieces = draw.choices(["a", "b c", "\n", "\n\n", "\n" * 100, " " * 90, "\t\n" * 70, "x" * 40, "\r\n"], k=40)
        text = "".join(pieces)
        expected = [(n, line) for n, line in enumerate(io.StringIO(text, newline="\n"), start=1)]
        chunks = io.StringIO(text, newline="\n")
        size = draw.choice([7, 64, 200, 2**20])
        whole = chunks.read
        chunks.read = lambda _: whole(size)  # noqa: B023
        found = list(numbered_lines(chunks))
        assert [(n, line) for n, line in found if line.strip()] == [
            (n, line.removesuffix("\n")) for n, line in expected if line.strip()
        ]
        numbers = [n for n, _ in found]
        assert numbers == sorted(set(numbers)) and set(numbers) <= {n for n, _ in expected}
        # between two lines with words an empty one is kept
        separated = {n for n, line in expected if not line.strip()}
        for (one, first), (other, second) in itertools.pairwise(found):
            if first.strip() and second.strip():
                assert other == one + 1 and not separated & {one, other}
    assert list(numbered_lines(["a\n", "\n", "b"])) == [(1, "a"), (2, ""), (3, "b")]


def test_a_fault_behind_many_empty_lines_is_named_by_its_line(tmp_path):
    text = io.StringIO(TEXT + "\n" * 500 + "stray row\n")
    with pytest.raises(DataError, match="line 505"):
        list(parse_conll(text, "a.conll"))
