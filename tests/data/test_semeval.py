import os
import re
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.semeval import SemEval2010Task8Reader
from transferlab.documents import Entity, Relation, read_jsonl, write_jsonl

ROOT = Path(__file__).resolve().parents[2]
RELATIONS = {
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Destination",
    "Entity-Origin",
    "Instrument-Agency",
    "Member-Collection",
    "Message-Topic",
    "Product-Producer",
}
ALL_LABELS = {"Other"} | {f"{name}({order})" for name in RELATIONS for order in ("e1,e2", "e2,e1")}


def block(number: int, sentence: str, label: str = "Other", comment: str = "Comment:") -> str:
    return f'{number}\t"{sentence}"\r\n{label}\r\n{comment}\r\n\r\n'


def simple(*numbers: int) -> str:
    return "".join(block(n, f"The <e1>lid</e1> of <e2>box</e2> {n}.", "Component-Whole(e1,e2)") for n in numbers)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def read_train(directory: Path, text: str) -> list:
    write(directory / "TRAIN_FILE.TXT", text)
    return list(SemEval2010Task8Reader(directory, validation_size=0).read("train"))


@pytest.fixture
def semeval_dir() -> Path:
    shared = ROOT.parent / "shared" / "data" / "re" / "semeval2010_task8"
    path = Path(os.environ.get("SEMEVAL2010_TASK8_DIR", shared))
    if not path.is_dir():
        pytest.skip(f"SemEval-2010 Task 8 is not at {path}; set SEMEVAL2010_TASK8_DIR")
    return path


def test_e1_is_the_head_and_the_label_is_that_of_the_corpus(tmp_path):
    sentence = "A <e1>lid</e1> of the tin <e2>cigar box</e2>."
    (document,) = read_train(tmp_path, block(7, sentence, "Component-Whole(e2,e1)", "Comment: not e1\tat all"))
    assert document.name == "7" and document.text == "A lid of the tin cigar box."
    assert document.words == ["A", "lid", "of", "the", "tin", "cigar", "box", "."]
    assert document.sentences == [(0, 7)]
    assert document.gold.entities == [Entity(1, 1, ""), Entity(5, 6, "")]
    assert document.gold.relations == [Relation((1, 1), (5, 6), "Component-Whole(e2,e1)")]
    document.validate()


@pytest.mark.parametrize(
    ("sentence", "text", "head", "tail"),
    [
        ("of doves<e2>moles</e2>, the <e1>duel</e1>s", "of dovesmoles, the duels", "duel", "moles"),
        ("(<e1>anti-virus</e1>)/<e2>U.S. program</e2>", "(anti-virus)/U.S. program", "anti-virus", "U.S. program"),
        ("<e1>friend's</e1><e2>car</e2>", "friend'scar", "friend's", "car"),
        ('"<e1> spaced </e1> said" <e2>"he"</e2>', '" spaced  said" "he"', "spaced", '"he"'),
        ("the <e1>chief of <e2>police</e2></e1>", "the chief of police", "chief of police", "police"),
    ],
)
def test_borders_of_entities_are_borders_of_words(tmp_path, sentence, text, head, tail):
    (document,) = read_train(tmp_path, block(1, sentence))
    (relation,) = document.gold.relations
    assert document.text == text
    assert (document.span_text(relation.head), document.span_text(relation.tail)) == (head, tail)
    assert [text[start:end] for start, end in document.offsets] == document.words
    assert "".join(document.words) == "".join(text.split())


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("A <e1>lid</e1> of a box.", r"line 5: each of <e1>, </e1>, <e2>, </e2> must stand once"),
        ("A <e1>lid</e1> of <e1>a</e1> <e2>box</e2>.", r"line 5: each of"),
        ("A <e1></e1> of a <e2>box</e2>.", r"line 5: there is no word between the markers"),
        ("A <e1>lid</e1> of a </e2>box<e2>.", r"line 5: there is no word between the markers"),
    ],
)
def test_malformed_markers_are_named_by_line(tmp_path, sentence, message):
    with pytest.raises(DataError, match=r"TRAIN_FILE\.TXT, " + message):
        read_train(tmp_path, simple(1) + block(2, sentence))


@pytest.mark.parametrize("label", ["", "Comment:", "Cause-Effect"])
def test_a_missing_or_undirected_label_is_refused(tmp_path, label):
    with pytest.raises(DataError, match=r"TRAIN_FILE\.TXT, line 5: sentence 2 has no label in the line below it"):
        read_train(tmp_path, simple(1) + block(2, "A <e1>lid</e1> of a <e2>box</e2>.", label))


def test_a_line_that_is_neither_of_the_kinds_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"TRAIN_FILE\.TXT, line 5: '2 .A <e1>lid.* is no sentence"):
        read_train(tmp_path, simple(1) + block(2, "A <e1>lid</e1> of a <e2>box</e2>.").replace("\t", " "))
    with pytest.raises(DataError, match=r"line 5: 'Other' is no sentence"):
        read_train(tmp_path, simple(1) + "Other\r\n")


def test_a_number_used_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"line 9: the document name '1' was already used in .*line 1"):
        read_train(tmp_path, simple(1, 2, 1))


def test_validation_is_a_random_part_of_train_with_its_own_seed(tmp_path):
    write(tmp_path / "TRAIN_FILE.TXT", simple(*range(1, 41)))

    def names(split: str, size: int = 10, seed: int = 0) -> list[int]:
        reader = SemEval2010Task8Reader(tmp_path, validation_size=size, validation_seed=seed)
        return [int(document.name) for document in reader.read(split)]

    train, validation = names("train"), names("validation")
    assert len(validation) == 10 and validation == sorted(validation) != list(range(1, 11))
    assert train == sorted(set(range(1, 41)) - set(validation))
    assert names("validation") == validation != names("validation", seed=1)
    assert names("train", size=0) == list(range(1, 41))
    assert SemEval2010Task8Reader(tmp_path, validation_size=0).splits == ("train",)
    with pytest.raises(DataError, match=r"dataset\.validation_size=40 leaves nothing of the 40 sentences"):
        names("train", size=40)
    with pytest.raises(DataError, match=r"dataset\.validation_size=-1: "):
        names("train", size=-1)


PLAIN = '8001\t"The <e1>lid</e1> of <e2>a box</e2>."\r\n8002\t"An <e1>end</e1> of <e2>it</e2>."\r\n'


def test_test_sentences_without_labels_are_not_annotated(tmp_path):
    write(tmp_path / "testing" / "TEST_FILE.txt", PLAIN)
    reader = SemEval2010Task8Reader(tmp_path)
    assert reader.splits == ("test",)
    documents = list(reader.read("test"))
    assert [document.gold.relations for document in documents] == [None, None]
    assert documents[0].gold.entities == [Entity(1, 1, ""), Entity(3, 4, "")]


def test_the_key_gives_the_labels_where_the_full_file_is_missing(tmp_path):
    write(tmp_path / "TEST_FILE.txt", PLAIN)
    write(tmp_path / "TEST_FILE_KEY.TXT", "8002\tOther\r\n8001\tComponent-Whole(e1,e2)\r\n")
    documents = SemEval2010Task8Reader(tmp_path).read("test")
    assert [document.gold.relations[0].label for document in documents] == ["Component-Whole(e1,e2)", "Other"]
    write(tmp_path / "TEST_FILE_KEY.TXT", "8002\tOther\r\n")
    with pytest.raises(DataError, match=r"TEST_FILE\.txt, line 1: sentence 8001 has no label in TEST_FILE_KEY\.TXT"):
        list(SemEval2010Task8Reader(tmp_path).read("test"))
    write(tmp_path / "TEST_FILE_FULL.TXT", simple(8001))
    assert [document.name for document in SemEval2010Task8Reader(tmp_path).read("test")] == ["8001"]


def test_a_key_without_directions_is_refused_at_once(tmp_path):
    write(tmp_path / "TEST_FILE.txt", PLAIN)
    write(tmp_path / "TEST_FILE_KEY.TXT", "8002\tOther\r\n8001\tComponent-Whole\r\n")
    with pytest.raises(DataError, match=r"TEST_FILE_KEY\.TXT, line 2: 'Component-Whole' .*TEST_FILE_FULL\.TXT"):
        SemEval2010Task8Reader(tmp_path)


def test_of_several_copies_the_outermost_is_read(tmp_path):
    write(tmp_path / "a" / "TRAIN_FILE.TXT", simple(1))
    write(tmp_path / "train_file.txt", simple(2, 3))
    assert [document.name for document in SemEval2010Task8Reader(tmp_path, validation_size=0).read("train")] == [
        "2",
        "3",
    ]


def test_nothing_there_is_refused_with_the_source(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"holds none of TRAIN_FILE\.TXT.*SemEval2010_task8_all_data\.zip"):
        SemEval2010Task8Reader(tmp_path)
    monkeypatch.delenv("SEMEVAL2010_TASK8_DIR", raising=False)
    with pytest.raises(DataError, match=r"SEMEVAL2010_TASK8_DIR.*dataset\.data_dir"):
        SemEval2010Task8Reader()


@pytest.mark.corpus
def test_semeval_has_its_counts_and_the_default_validation_split_leaves_every_label_in_train(semeval_dir):
    reader = SemEval2010Task8Reader(semeval_dir)
    documents = {split: list(reader.read(split)) for split in reader.splits}
    assert {split: len(d) for split, d in documents.items()} == {"train": 7200, "validation": 800, "test": 2717}
    labels = {split: Counter(d.gold.relations[0].label for d in found) for split, found in documents.items()}
    assert set(labels["train"]) == set(labels["test"]) == ALL_LABELS
    # counted with grep in the files
    assert labels["test"]["Other"] == 454 and labels["test"]["Entity-Destination(e2,e1)"] == 1
    whole = labels["train"] + labels["validation"]
    assert whole["Other"] == 1410 and whole["Cause-Effect(e2,e1)"] == 659 and whole["Entity-Destination(e2,e1)"] == 1


@pytest.mark.corpus
def test_entities_of_semeval_are_what_stands_between_the_markers(semeval_dir, tmp_path):
    reader = SemEval2010Task8Reader(semeval_dir, validation_size=0)
    for split, file in (("train", "TRAIN_FILE.TXT"), ("test", "TEST_FILE_FULL.TXT")):
        raw = next(semeval_dir.rglob(file)).read_text(encoding="utf-8")
        documents = [document.validate() for document in reader.read(split)]
        sentences = re.findall(r'^\d+\t"(.*)"$', raw, flags=re.MULTILINE)
        assert [document.text for document in documents] == [re.sub("</?e[12]>", "", s) for s in sentences]
        marked = [(re.search("<e1>(.*)</e1>", s)[1], re.search("<e2>(.*)</e2>", s)[1]) for s in sentences]
        assert [tuple(d.span_text((e.start, e.end)) for e in d.gold.entities) for d in documents] == marked
        write_jsonl(documents, tmp_path / "documents.jsonl")
        assert list(read_jsonl(tmp_path / "documents.jsonl")) == documents
