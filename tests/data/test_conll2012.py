import io
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll2012 import Conll2012Reader

from .conll_text import conll, write

RELEASE = {
    "data/train/data/english/annotations/bc/cctv/00/cctv_0001.v4_gold_conll": ["bc/cctv/00/cctv_0001"],
    "data/train/data/english/annotations/nw/wsj/00/wsj_0002.v4_gold_conll": ["nw/wsj/00/wsj_0002"],
    "data/development/data/english/annotations/nw/wsj/01/wsj_0100.v4_gold_conll": ["nw/wsj/01/wsj_0100"],
    "data/test/data/english/annotations/pt/nt/40/nt_4001.v4_gold_conll": ["pt/nt/40/nt_4001"],
    # to be left out: predicted columns, another language, what an operating system adds
    "data/train/data/english/annotations/bc/cctv/00/cctv_0001.v4_auto_conll": ["bc/cctv/00/cctv_0001"],
    "data/train/data/chinese/annotations/bc/cctv/00/cctv_0001.v4_gold_conll": ["bc/cctv/00/cctv_0001"],
    "__MACOSX/data/train/data/english/annotations/bc/cctv/00/._cctv_0001.v4_gold_conll": ["junk"],
}
EXPECTED = {
    "train": ["bc/cctv/00/cctv_0001_part_000", "nw/wsj/00/wsj_0002_part_000"],
    "validation": ["nw/wsj/01/wsj_0100_part_000"],
    "test": ["pt/nt/40/nt_4001_part_000"],
}


# what the shared task gives beside the key, with the same mentions in one entity, or none
WITHOUT_GOLD = ("v9_auto_conll", "v9_gold_parse_conll", "v9_gold_parse_mention_boundaries_conll")


def release(root: Path, kind: str) -> Path:
    """The release as a directory, a zip or a tar archive below root."""
    texts = {path: conll(*names) for path, names in RELEASE.items()}
    if kind == "directory":
        for path, text in texts.items():
            write(root / path, text)
        return root
    place = root / f"release.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            for path, text in texts.items():
                archive.writestr(path, text)
    else:
        with tarfile.open(place, "w:gz") as tape:
            for path, text in texts.items():
                info = tarfile.TarInfo(f"./{path}")
                info.size = len(text.encode())
                tape.addfile(info, io.BytesIO(text.encode()))
    return place


def names(reader: Conll2012Reader) -> dict[str, list[str]]:
    return {split: [document.name for document in reader.read(split)] for split in reader.splits}


@pytest.mark.parametrize("kind", ["directory", "zip", "tar.gz"])
def test_the_release_is_read_from_a_directory_or_an_archive(tmp_path, kind):
    place = release(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    assert names(Conll2012Reader(place)) == EXPECTED
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_the_directory_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CONLL2012_DIR", str(release(tmp_path, "directory")))
    assert names(Conll2012Reader()) == EXPECTED


def test_nothing_set_names_variable_key_and_source(monkeypatch):
    monkeypatch.delenv("CONLL2012_DIR", raising=False)
    with pytest.raises(DataError, match=r"CONLL2012_DIR.*dataset\.data_dir.*LDC2013T19"):
        Conll2012Reader()


def test_files_in_one_directory_tell_their_split_by_name(tmp_path):
    for name in ("train", "dev", "test"):
        write(tmp_path / f"{name}.english.v4_gold_conll", conll(f"nw/{name}"))
    assert names(Conll2012Reader(tmp_path)) == {
        "train": ["nw/train_part_000"],
        "validation": ["nw/dev_part_000"],
        "test": ["nw/test_part_000"],
    }


def test_another_language_and_a_pattern_choose_files(tmp_path):
    place = release(tmp_path, "directory")
    assert names(Conll2012Reader(place, language="chinese")) == {"train": ["bc/cctv/00/cctv_0001_part_000"]}
    assert names(Conll2012Reader(place, files="*/annotations/nw/*")) == {
        "train": ["nw/wsj/00/wsj_0002_part_000"],
        "validation": ["nw/wsj/01/wsj_0100_part_000"],
    }


@pytest.mark.parametrize(
    ("name", "split"), [("own.conll", "test"), ("own.txt", "test"), ("my-dev.conll", "validation")]
)
def test_a_single_file_is_test_unless_its_name_says_otherwise(tmp_path, name, split):
    path = write(tmp_path / "train" / name, conll("x"))
    assert names(Conll2012Reader(path)) == {split: ["x_part_000"]}


def test_files_that_name_no_split_are_test_only_where_none_does(tmp_path, caplog):
    write(tmp_path / "a.conll", conll("a"))
    assert names(Conll2012Reader(tmp_path)) == {"test": ["a_part_000"]}
    assert not caplog.records
    write(tmp_path / "train" / "b.conll", conll("b"))
    assert names(Conll2012Reader(tmp_path)) == {"train": ["b_part_000"]}
    assert "1 files name no split and are left out, the first is a.conll" in caplog.text


def test_the_official_test_documents_of_the_v12_release_replace_its_larger_test_split(tmp_path):
    write(tmp_path / "data/test/data/english/annotations/nw/a.gold_conll", conll("nw/a"))
    write(tmp_path / "data/test/data/english/annotations/nw/b.gold_conll", conll("nw/b"))
    write(tmp_path / "data/conll-2012-test/data/english/annotations/nw/a.gold_conll", conll("nw/a"))
    assert names(Conll2012Reader(tmp_path)) == {"test": ["nw/a_part_000"]}


def test_an_unknown_split_is_refused_at_once_with_the_choices(tmp_path):
    write(tmp_path / "train" / "a.conll", conll("a"))
    with pytest.raises(DataError, match=r"has no split 'dev'.*\['train'\]"):
        Conll2012Reader(tmp_path).read("dev")


def test_a_directory_without_conll_files_is_refused(tmp_path):
    write(tmp_path / "train" / "readme.txt", "hello")
    with pytest.raises(DataError, match=r"holds no file \*_conll or \*\.conll"):
        Conll2012Reader(tmp_path)


def test_an_unknown_language_is_refused_with_the_choices(tmp_path):
    with pytest.raises(DataError, match=r"dataset\.language=klingon: .*english"):
        Conll2012Reader(tmp_path, language="klingon")


def test_the_same_document_in_two_files_is_refused_with_both(tmp_path):
    write(tmp_path / "train" / "v4" / "a.conll", conll("nw/a"))
    write(tmp_path / "train" / "v12" / "a.conll", conll("nw/a"))
    reader = Conll2012Reader(tmp_path)
    with pytest.raises(DataError, match=r"v4/a\.conll: .*'nw/a_part_000' was already used in .*v12/a\.conll"):
        list(reader.read("train"))
    assert names(Conll2012Reader(tmp_path, files="*/v4/*")) == {"train": ["nw/a_part_000"]}


def test_files_of_the_shared_task_without_gold_coreference_are_left_out(tmp_path):
    write(tmp_path / "v4/data/test/nw/a.v4_gold_conll", conll("nw/a"))
    for number, kind in enumerate(WITHOUT_GOLD):
        write(tmp_path / f"v9/data/test/nw/{number}.{kind}", conll(f"nw/{number}"))
    assert names(Conll2012Reader(tmp_path)) == {"test": ["nw/a_part_000"]}


def test_sentence_ends_of_transcribed_speech_are_plain(tmp_path):
    write(tmp_path / "a.conll", conll("tc/a", words="Yes /. -LRB- Really /? -RRB- 1/2 . / /-"))
    (document,) = Conll2012Reader(tmp_path).read("test")
    assert document.words == ["Yes", ".", "-LRB-", "Really", "?", "-RRB-", "1/2", ".", "/", "/-"]


@pytest.mark.parametrize("kind", ["directory", "zip"])
def test_a_malformed_file_is_named_in_full(tmp_path, kind):
    bad = conll("nw/a").replace("(0)", "0)")
    if kind == "zip":
        place = tmp_path / "corpus.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("train/a.conll", bad)
    else:
        place = write(tmp_path / "train" / "a.conll", bad).parent.parent
    with pytest.raises(DataError, match=rf"{place}/train/a\.conll, line 2: .*'0\)'"):
        list(Conll2012Reader(place).read("train"))


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes(conll("nw/a", words="Zoë left").encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.conll is not UTF-8"):
        list(Conll2012Reader(path).read("test"))


def test_a_byte_order_mark_is_no_content(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(conll("nw/a"), encoding="utf-8-sig")
    assert names(Conll2012Reader(path)) == {"test": ["nw/a_part_000"]}


def test_a_damaged_archive_is_refused(tmp_path):
    whole = release(tmp_path, "tar.gz").read_bytes()
    place = tmp_path / "cut.tar.gz"
    place.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is a damaged archive"):
        Conll2012Reader(place)


def test_the_names_of_the_sample_are_those_of_its_eleventh_column():
    sample = Path(__file__).resolve().parents[2] / "data" / "sample" / "conll2012"
    documents = [document.validate() for document in Conll2012Reader(sample).read("train")]
    found = Counter(entity.label for document in documents for entity in document.gold.entities)
    lines = [line for file in (sample / "train").rglob("*_conll") for line in file.read_text().splitlines()]
    cells = [line.split()[10] for line in lines if line and line[0] != "#"]
    assert found == Counter(cell.strip("(*)") for cell in cells if cell.startswith("("))
    assert sum(found.values()) == sum(cell.endswith(")") for cell in cells) > 1000
