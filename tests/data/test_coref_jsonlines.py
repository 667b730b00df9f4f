import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import BertWordPieceTokenizer

from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.coref_jsonlines import CorefJsonLinesReader
from transferlab.data.writers import write_conll2012
from transferlab.documents import Annotations, Document

from .subtoken_form import in_subtokens

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.'/$%&LRBé,?"
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    "the",
    "##ing",
]
WORDS = ["the", "U.S.", "-LRB-", "/.", "/?", "walking", "10,000", "n't", "$", "1/2", "café", "AT&T", "O'Neil", "Ann"]
KINDS = {True: "with tokens", False: "of pieces"}


@pytest.fixture(scope="module")
def tokenize() -> Callable[[str], list[str]]:
    tokenizer = BertWordPieceTokenizer({piece: i for i, piece in enumerate(dict.fromkeys(VOCABULARY))}, lowercase=False)
    return lambda word: tokenizer.encode(word, add_special_tokens=False).tokens


def generated(rng: random.Random, number: int, words: Iterable[str] = WORDS) -> Document:
    """Sentences, speakers, and clusters of nested mentions that the column of CoNLL files can carry."""
    sentences, n = [], 0
    for _ in range(rng.randint(1, 6)):
        length = rng.randint(1, 12)
        sentences.append((n, n + length - 1))
        n += length
    spans = {(start, min(start + rng.randint(0, 4), n - 1)) for start in rng.choices(range(n), k=rng.randint(0, 8))}
    clusters: list[list[tuple[int, int]]] = []
    for span in sorted(spans):
        cluster = rng.randrange(len(clusters) + 1)
        crosses = cluster < len(clusters) and any(other[1] >= span[0] for other in clusters[cluster])
        if cluster == len(clusters) or crosses:
            clusters.append([])
            cluster = len(clusters) - 1
        clusters[cluster].append(span)
    speakers = [rng.choice(["Ann_Li", "-", "speaker#1"]) for _ in sentences]
    return Document(
        name=f"{rng.choice(['nw', 'tc'])}/x/00/x_{number:04}_part_{rng.randrange(3):03}",
        words=rng.choices(list(words), k=n),
        sentences=sentences,
        speakers=[
            speaker for speaker, (start, end) in zip(speakers, sentences, strict=True) for _ in range(start, end + 1)
        ],
        gold=Annotations(clusters=sorted(clusters)),
    )


def write(path: Path, records: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("tokens", KINDS, ids=KINDS.get)
@pytest.mark.parametrize("length", [8, 384])
def test_documents_equal_those_of_the_conll_file(
    tokens: bool, length: int, tokenize: Callable[[str], list[str]], tmp_path: Path
) -> None:
    rng = random.Random(length)
    documents = [generated(rng, number) for number in range(40)]
    write_conll2012(documents, tmp_path / "conll" / "train.english.v4_gold_conll", "gold")
    read = list(Conll2012Reader(tmp_path / "conll").read("train"))
    # the published preprocessing reads the CoNLL file, with /. and /? as . and ?
    records = [in_subtokens(document, tokenize, length, tokens) for document in read]
    write(tmp_path / f"train.english.{length}.jsonlines", records)
    found = [document.validate() for document in CorefJsonLinesReader(tmp_path, segment_length=length).read("train")]
    assert found == read
    assert [document.gold.clusters for document in found] == [document.gold.clusters for document in documents]
    assert any("##" in piece for record in records for segment in record["sentences"] for piece in segment)
    assert any(len(record["sentences"]) > 1 for record in records) or length > 100


def test_words_are_put_together_from_their_pieces(tmp_path: Path) -> None:
    record = {
        "doc_key": "bc/cctv/00/cctv_0000_12",
        "sentences": [
            ["[CLS]", "U", ".", "S", ".", "walk", "##ing", "[SEP]"],
            ["[CLS]", "[UNK]", "##", "#", "##a", "[SEP]"],
        ],
        "speakers": [["[SPL]", *"AAAAAA", "[SPL]"], ["[SPL]", *"----", "[SPL]"]],
        "subtoken_map": [0, 0, 0, 0, 0, 1, 1, 1, 1, 3, 3, 5, 5, 5],
        "sentence_map": [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2],
        "clusters": [[[9, 12], [1, 4]], [[5, 6]]],
    }
    (document,) = CorefJsonLinesReader(write(tmp_path / "dev.english.384.jsonlines", [record])).read("validation")
    assert document == Document(
        name="bc/cctv/00/cctv_0000_part_012",
        words=["U.S.", "walking", "\ufffd", "[UNK]", "\ufffd", "#a"],
        sentences=[(0, 2), (3, 5)],
        speakers=["A", "A", "A", "-", "-", "-"],
        genre="bc",
        gold=Annotations(clusters=[[(0, 0), (3, 5)], [(1, 1)]]),
    )


def test_words_that_are_not_known_in_full_are_counted(
    tokenize: Callable[[str], list[str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = Document("nw/x_part_000", ["Ann", "½", "the", "½½"], [(0, 3)], gold=Annotations(clusters=[[(1, 1)]]))
    file = tmp_path / "test.english.384.jsonlines"
    (found,) = CorefJsonLinesReader(write(file, [in_subtokens(document, tokenize, 384, tokens=False)])).read("test")
    assert found.words == ["Ann", "[UNK]", "the", "[UNK]"] and found.gold.clusters == [[(1, 1)]]
    assert "the text of 2 words" in caplog.text
    (found,) = CorefJsonLinesReader(write(file, [in_subtokens(document, tokenize, 384, tokens=True)])).read("test")
    assert found.words == document.words


def test_words_without_a_subtoken_keep_their_place_where_the_file_has_the_words(tmp_path: Path) -> None:
    left_out = {"\x00", "\ufffd"}  # by BERT's tokenizers
    words = ["\x00", "Ann", "\ufffd", "left", ".", "\x00"]
    document = Document(
        "nw/x_part_001", words, [(0, 2), (3, 5)], genre="nw", gold=Annotations(clusters=[[(1, 1)], [(3, 4)]])
    )
    record = in_subtokens(document, lambda word: [] if word in left_out else [word], 384, tokens=True)
    (found,) = CorefJsonLinesReader(write(tmp_path / "test.english.384.jsonlines", [record])).read("test")
    assert found == document


@pytest.mark.parametrize("tokens", KINDS, ids=KINDS.get)
@pytest.mark.parametrize(("special", "mark"), [("<s> </s>", ""), ("[CLS] [SEP]", "\u2581"), ("[CLS] [SEP]", "\u0120")])
def test_other_tokenizers_are_read_with_the_words_only(tokens: bool, special: str, mark: str, tmp_path: Path) -> None:
    document = generated(random.Random(0), 0, words=["Ann", "left"])
    record = in_subtokens(document, lambda word: [f"{mark}{word}", "s"], 8, tokens, special)
    reader = CorefJsonLinesReader(write(tmp_path / "train.english.384.jsonlines", [record]))
    if tokens:
        (found,) = reader.read("train")
        assert found.words == document.words and found.gold == document.gold
    else:
        with pytest.raises(DataError, match=r"line 1: .*WordPiece.*'tokens'.*dataset=conll2012") as error:
            list(reader.read("train"))
        assert (mark or "<s>") in str(error.value)


def test_files_are_found_as_published_scripts_lay_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "english.384.bert-base-cased"
    for name in ("train", "dev", "test"):
        for length in (128, 384, 512):
            write(below / f"{name}.english.{length}.jsonlines", [])
    monkeypatch.setenv("CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR", str(tmp_path))
    reader = CorefJsonLinesReader()
    assert reader.splits == ("train", "validation", "test")
    assert CorefJsonLinesReader(below, segment_length=128).splits == ("train", "validation", "test")
    assert CorefJsonLinesReader(below / "dev.english.384.jsonlines").splits == ("validation",)
    with pytest.raises(DataError, match=r"train\.english\.256\.jsonlines.*dataset\.segment_length"):
        CorefJsonLinesReader(below, segment_length=256)
    with pytest.raises(DataError, match=r"train\.chinese\.384\.jsonlines"):
        CorefJsonLinesReader(below, language="chinese")


def test_nothing_set_names_variable_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR", raising=False)
    with pytest.raises(DataError, match=r"CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR.*dataset\.data_dir"):
        CorefJsonLinesReader()


def test_the_same_document_twice_is_refused(tokenize: Callable[[str], list[str]], tmp_path: Path) -> None:
    record = in_subtokens(generated(random.Random(1), 1), tokenize, 384, tokens=True)
    reader = CorefJsonLinesReader(write(tmp_path / "train.english.384.jsonlines", [record, record]))
    with pytest.raises(DataError, match=r"line 2: .*already used in .*line 1"):
        list(reader.read("train"))
