from collections.abc import Callable
from pathlib import Path

import pytest

from transferlab.data.ontonotes import prepare as prepare_module
from transferlab.data.ontonotes import published
from transferlab.data.ontonotes.prepare import check_parts, prepare
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll2012 import Conll2012Reader

from .miniature import COUNTS, DOCUMENTS, OTHERS, corpus, expected, release, write

COUNTED = {"train": 5, "validation": 1, "test": 3}


@pytest.fixture(autouse=True)
def counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DOCUMENTS", COUNTS)


@pytest.fixture
def ontonotes(tmp_path: Path) -> Path:
    return write(release(), tmp_path / "ontonotes-release-5.0")


def written(place: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(place.rglob("*"))}


def without(files: dict[str, str], part: str) -> dict[str, str]:
    return {path: text for path, text in files.items() if part not in path}


def train_only(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if "/train/" in path}


FORMS: dict[str, Callable[[], dict[str, str]]] = {
    "skeletons of conll-formatted-ontonotes-5.0": lambda: corpus("", words=False, whole=True),
    "skeletons of v12": lambda: corpus("v12", words=False, whole=True),
    "skeletons of v4": lambda: corpus("v4", words=False),
    "skeletons of v9": lambda: corpus("v9", words=False),
    "words of v4": lambda: corpus("v4", words=True),
    "words of v9": lambda: corpus("v9", words=True),
    "words of v12": lambda: corpus("v12", words=True, whole=True),
    "words of conll-formatted-ontonotes-5.0": lambda: corpus("", words=True, whole=True),
    # as a zip of all versions has them; those of other versions would be refused if they were read
    "v4 beside v12": lambda: corpus("v4", words=True) | dict.fromkeys(corpus("v12", words=True), "unread"),
    "training of v4, test of v9": lambda: (
        without(corpus("v4", words=True), "/test/")
        | {p: t for p, t in corpus("v9", words=True).items() if "/test/" in p}
    ),
    "skeletons and, for some, words": lambda: corpus("v4", words=False) | train_only(corpus("v4", words=True)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["directory", "corpus.zip", "corpus.tar.gz"])
def test_every_form_gives_the_same_files(form: str, kind: str, ontonotes: Path, tmp_path: Path) -> None:
    place = write(FORMS[form](), tmp_path / kind)
    assert prepare([place], tmp_path / "output", ontonotes) == COUNTED
    assert written(tmp_path / "output") == expected()


def test_what_is_written_is_read(ontonotes: Path, tmp_path: Path) -> None:
    prepare([write(corpus("v4", words=False), tmp_path / "skeletons")], tmp_path / "output", ontonotes)
    reader = Conll2012Reader(tmp_path / "output")
    found = {split: [document.validate().name for document in reader.read(split)] for split in reader.splits}
    assert found == {
        split: [f"{name}_part_{i:03}" for name, parts in sorted(of_split.items()) for i in range(len(parts))]
        for split, of_split in DOCUMENTS.items()
    }


@pytest.mark.parametrize("kind", ["release.tgz", "release.zip"])
def test_the_release_and_the_shared_task_may_be_archives(kind: str, tmp_path: Path) -> None:
    files = corpus("v4", words=False)
    places = [
        write(
            {path: text for path, text in files.items() if f"/{split}/" in path},
            tmp_path / f"conll-2012-{split}.tar.gz",
        )
        for split in ("train", "development", "test")
    ]
    assert prepare(places, tmp_path / "output", write(release(), tmp_path / kind)) == COUNTED
    assert written(tmp_path / "output") == expected()


def test_the_release_may_be_any_directory_above_its_annotations(ontonotes: Path, tmp_path: Path) -> None:
    place = write(corpus("v4", words=False), tmp_path / "skeletons")
    prepare([place], tmp_path / "output", ontonotes / "data" / "files" / "data" / "english")
    assert written(tmp_path / "output") == expected()


def test_byte_order_marks_and_carriage_returns_change_nothing(ontonotes: Path, tmp_path: Path) -> None:
    place = write(corpus("v4", words=True), tmp_path / "corpus")
    for path in [*place.rglob("*_conll"), *ontonotes.rglob("*.parse")]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    prepare([place], tmp_path / "output", ontonotes)
    assert written(tmp_path / "output") == expected()


def test_skeletons_need_the_release_and_each_of_its_files(ontonotes: Path, tmp_path: Path) -> None:
    place = write(corpus("v4", words=False), tmp_path / "skeletons")
    for given, named in [
        (None, "5 others are skeletons"),
        (tmp_path / "nowhere", "nowhere does not exist"),
        (place, "6 of 6 documents: bc/cctv/00/cctv_0001, bn/abc/00/abc_0009, nw/wsj/00/wsj_0005"),
    ]:
        with pytest.raises(DataError, match=named):
            prepare([place], tmp_path / "output", given)
    for name in ("cctv_0001", "eng_0003"):
        next(ontonotes.rglob(f"{name}.parse")).unlink()
    with pytest.raises(DataError, match=r"2 of 6 documents: bc/cctv/00/cctv_0001, wb/eng/00/eng_0003;.*--partial"):
        prepare([place], tmp_path / "output", ontonotes)
    assert not (tmp_path / "output").exists()


def test_a_part_of_the_corpus_must_be_asked_for(
    ontonotes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    next(ontonotes.rglob("cctv_0001.parse")).unlink()
    place = write(without(corpus("v4", words=False), "/development/"), tmp_path / "skeletons")
    assert prepare([place], tmp_path / "output", ontonotes, partial=True) == {"train": 3, "test": 3}
    assert "1 of 5 documents: bc/cctv/00/cctv_0001; they are left out" in caplog.text
    lines = expected()["train.english.v4_gold_conll"].split("#begin document ")
    rest = "#begin document ".join([lines[0], *(text for text in lines[1:] if "cctv" not in text)])
    assert written(tmp_path / "output") == {
        "train.english.v4_gold_conll": rest,
        "test.english.v4_gold_conll": expected()["test.english.v4_gold_conll"],
    }


def test_of_the_whole_of_ontonotes_what_nobody_annotated_is_left_out(
    ontonotes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    place = write(corpus("", words=False, whole=True), tmp_path / "skeletons")
    prepare([place], tmp_path / "output", ontonotes)
    assert caplog.text.count("1 files not annotated for coreference left out") == 2  # of the test, none are read
    assert not any(name in text for name in OTHERS.values() for text in written(tmp_path / "output").values())


def test_another_language_is_taken_as_it_is(ontonotes: Path, tmp_path: Path) -> None:
    files = {path.replace("english", "chinese"): text for path, text in corpus("v4", words=True).items()}
    place = write(without(files, "annotations/nw/x/00"), tmp_path / "corpus")
    with pytest.raises(DataError, match="--partial"):
        prepare([place], tmp_path / "output", language="chinese")
    prepare([place], tmp_path / "output", language="chinese", partial=True)
    content = {name.replace("english", "chinese"): text for name, text in expected().items()}
    assert written(tmp_path / "output") == content
    skeletons = {path.replace("english", "arabic"): text for path, text in corpus("v4", words=False).items()}
    place = write(without(skeletons, "annotations/nw/x/00"), tmp_path / "skeletons")
    with pytest.raises(DataError, match="Arabic cannot be filled"):
        prepare([place], tmp_path / "more", ontonotes, language="arabic", partial=True)


def test_a_directory_that_holds_anything_is_refused(tmp_path: Path) -> None:
    place = write(corpus("v4", words=True), tmp_path / "corpus")
    (tmp_path / "output").mkdir()
    prepare([place], tmp_path / "output")  # an empty one
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(DataError, match=r"output is there already.*--output"):
        prepare([place], tmp_path / "output")
    with pytest.raises(DataError, match="is there already"):
        prepare([place], tmp_path / "output" / "train.english.v4_gold_conll")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_stop_in_between_leaves_nothing_and_the_next_command_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(corpus("v4", words=True), tmp_path / "corpus")
    seen: list[str] = []
    parse = prepare_module.parse_conll

    def stopped(text: object, name: str) -> object:
        seen.append(name)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return parse(text, name)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare_module, "parse_conll", stopped)
    with pytest.raises(KeyboardInterrupt):
        prepare([place], tmp_path / "output")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
    (tmp_path / ".output.saving-0123abcd" / "pieces").mkdir(parents=True)  # of a process that was killed
    prepare([place], tmp_path / "output")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "output"]
    assert written(tmp_path / "output") == expected()


def test_missing_parts_are_named_up_to_some_and_counted() -> None:
    names = [f"nw/{letter}_part_{number:03}" for letter in "abcdefg" for number in (0, 2)]
    check_parts([*(name.replace("002", "001") for name in names), "poem"])
    with pytest.raises(DataError, match=r"7 parts .* nw/a part 001, nw/b part 001, .*nw/e part 001 \.\.\.;"):
        check_parts(names)
