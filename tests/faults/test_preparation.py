"""What is wrong with a copy of OntoNotes is named when it is prepared, and nothing is left of the attempt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.ontonotes.miniature import COUNTS, corpus, release, write

from transferlab.data.ontonotes import published
from transferlab.data.ontonotes.prepare import prepare

from .faults import Fault, Refusal, rows

Files = dict[str, str]
WORDS, SKELETONS, RELEASE = corpus("v4", words=True), corpus("v4", words=False), release()
NEWS = "conll-2012/v4/data/development/data/english/annotations/nw/wsj/00/wsj_0005.v4_gold_conll"

CCTV = "conll-2012/v4/data/train/data/english/annotations/bc/cctv/00/cctv_0001.v4_gold_conll"
ENG = "data/files/data/english/annotations/wb/eng/00/eng_0003.parse"


def without(files: Files, *parts: str) -> Files:
    return {path: text for path, text in files.items() if not any(part in path for part in parts)}


def changed(files: Files, file: str, old: str, new: str) -> Files:
    return {path: text.replace(old, new) if file in path else text for path, text in files.items()}


def renamed(files: Files, old: str, new: str) -> Files:
    return {path.replace(old, new): text for path, text in files.items()}


# what is read, and the release
CORPORA: dict[str, Callable[[], tuple[Files, Files]]] = {
    "nothing": lambda: ({"readme.txt": ""}, {}),
    "an archive that holds the archive": lambda: ({"zmycy7t9h9-2/conll-2012.zip": "", "note.txt": ""}, {}),
    "columns of the shared task without gold": lambda: (renamed(WORDS, "_gold_", "_gold_parse_"), {}),
    "a document too few": lambda: (without(WORDS, "wsj_1067"), {}),
    "no test documents": lambda: (without(WORDS, "/test/"), {}),
    "a document too many": lambda: (WORDS | {NEWS.replace("development", "test"): WORDS[NEWS]}, {}),
    "a part too few": lambda: (changed(WORDS, "/train/", "part 001", "part 002"), {}),
    "copies in two places": lambda: (WORDS | {f"copy/{path}": text for path, text in WORDS.items()}, {}),
    "a copy by another name": lambda: (WORDS | {NEWS.replace("_0005", "_0006"): WORDS[NEWS]}, {}),
    "skeletons named as if they had words": lambda: (renamed(SKELETONS, "_skel", "_conll"), {}),
    "a bracket that does not close": lambda: (changed(WORDS, "cctv", "12)", "-"), {}),
    "a row that is cut": lambda: (changed(WORDS, "cctv", " (12\n", "\n"), {}),
    "no document in a file": lambda: (WORDS | {CCTV: "\n"}, {}),
    "skeletons alone": lambda: (SKELETONS, {}),
    "a release of something else": lambda: (SKELETONS, without(RELEASE, ".parse")),
    "a release in part": lambda: (SKELETONS, without(RELEASE, "cctv_0001.parse", "eng_0003.parse")),
    "a tree with more words": lambda: (SKELETONS, changed(RELEASE, "cctv", "(NNP Zoë)", "(NNP Zoë) (NNP Li)")),
    "a tree too few": lambda: (SKELETONS, RELEASE | {ENG: "; no tree"}),
    "a tree that is cut": lambda: (SKELETONS, {path: text.replace(")))", "))") for path, text in RELEASE.items()}),
    "a skeleton that is cut": lambda: (changed(SKELETONS, "eng_0003", "\n\n#end document\n", "\n"), RELEASE),
}
TABLE = rows(
    ("nothing", "corpus", "gold_skel", "gold_conll"),
    ("an archive that holds the archive", "corpus/zmycy7t9h9-2/conll-2012.zip", "give these"),
    ("columns of the shared task without gold", "gold_conll", "conll-2012-test-key"),
    ("a document too few", "train 4 of 5", "nw 0 of 1", "--partial"),
    ("no test documents", "test 0 of 3", "bn 0 of 2", "wb 0 of 1"),
    ("a document too many", "test 4 of 3", "nw 1 of 0"),
    ("a part too few", "2 parts", "bc/cctv/00/cctv_0001 part 001", "tc/ch/00/ch_0001 part 001"),
    ("copies in two places", "copy/conll-2012", "corpus/conll-2012", "cctv_0001.v4_gold_conll"),
    ("a copy by another name", "wsj_0005.v4_gold_conll", "wsj_0006.v4_gold_conll", "nw/wsj/00/wsj_0005_part_000"),
    ("skeletons named as if they had words", "cctv_0001.v4_gold_conll", "[WORD]", "*gold_skel"),
    ("a bracket that does not close", "cctv_0001.v4_gold_conll, line", "entity 12"),
    ("a row that is cut", "cctv_0001.v4_gold_conll, line 12", "'*'"),
    ("no document in a file", "cctv_0001.v4_gold_conll", "#begin document"),
    ("skeletons alone", "5 others", "--ontonotes"),
    ("a release of something else", "release", "6 of 6", "bc/cctv/00/cctv_0001, bn/abc/00/abc_0009", "--ontonotes"),
    ("a release in part", "release", "2 of 6", "bc/cctv/00/cctv_0001, wb/eng/00/eng_0003", "--partial"),
    ("a tree with more words", "cctv_0001.v4_gold_skel, line", "sentence 3", "5 words", "cctv_0001.parse 6"),
    ("a tree too few", "eng_0003.v4_gold_skel, line", "sentence 1", "eng_0003.parse 0"),
    ("a tree that is cut", ".parse, line"),
    ("a skeleton that is cut", "eng_0003.v4_gold_skel, line"),
)


@pytest.mark.parametrize("fault", TABLE)
def test_copies(fault: Fault, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DOCUMENTS", COUNTS)
    files, ontonotes = CORPORA[fault.change]()
    place = write(files, tmp_path / "corpus")
    given = write(ontonotes, tmp_path / "release") if ontonotes else None
    refusal.of(lambda: prepare([place], tmp_path / "output", given), *fault.named)


PLACES = rows(
    ({"output": "release"}, "release is there already", "--output"),
    ({"output": "release/docs/note.txt"}, "note.txt is there already"),
    ({"output": "release/docs/note.txt/x"}, "--output", "note.txt"),
    ({"places": ["nowhere"]}, "nowhere does not exist"),
    ({"places": ["release/docs/note.txt"]}, "note.txt", "neither a directory nor"),
    ({"ontonotes": "nowhere"}, "--ontonotes", "nowhere"),
    ({"language": "chinese"}, "--language chinese", "--partial"),
    ({"language": "arabic", "partial": True}, "gold_skel", "Arabic"),
)


@pytest.mark.parametrize("fault", PLACES)
def test_places(fault: Fault, refusal: Refusal, tmp_path: Path) -> None:
    write(renamed(SKELETONS, "english", "arabic") if "partial" in fault.change else SKELETONS, tmp_path / "corpus")
    write(RELEASE, tmp_path / "release")
    given = {"places": ["corpus"], "output": "output", "ontonotes": "release"} | fault.change
    places = [tmp_path / place for place in given.pop("places")]
    output, ontonotes = (tmp_path / given.pop(name) for name in ("output", "ontonotes"))
    refusal.of(lambda: prepare(places, output, ontonotes, **given), *fault.named)
