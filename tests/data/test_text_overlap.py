"""Which documents of one corpus are texts of another: through formats, units and samples."""

from __future__ import annotations

import json
import math
import random
import zipfile
from pathlib import Path

import pytest

from transferlab.data.readers.base import SPLITS
from transferlab.data.readers.columns import ColumnReader
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.conllu import ConllUReader
from transferlab.data.readers.jsonl import JsonLinesReader
from transferlab.data.readers.litbank import LitBankReader
from transferlab.data.readers.litbank_ner import LitBankEntityReader
from transferlab.data.readers.table import TableReader
from transferlab.data.readers.text_rows import text_document
from transferlab.data.text_overlap import LIMIT, Overlap, TrainingTexts, overlap, texts_of
from transferlab.documents import Document, write_jsonl
from transferlab.utils.errors import UserError

from .conll_text import write

LONG = ("the old house stood near the river", "nobody had seen him since", "she wrote (in haste) a letter to Bob")


def document(*sentences: str, name: str = "d") -> Document:
    """A document of words between blanks."""
    words: list[str] = []
    spans = []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence.split()) - 1))
        words += sentence.split()
    return Document(name, words, spans)


def shared(target: list[Document], source: list[Document]) -> int:
    return overlap(texts_of(target), TrainingTexts.of(texts_of(source), "source")).shared


def reworded(rng: random.Random, count: int) -> list[str]:
    return [" ".join(f"w{rng.randrange(5000)}" for _ in range(rng.randint(4, 12))) for _ in range(count)]


@pytest.mark.parametrize(
    "other",
    [
        [text_document("t", f"{LONG[0].capitalize()}. Nobody had seen him since!\n{LONG[2]}.")],
        [document(*(f"{sentence} ." for sentence in LONG))],
        [document("She wrote -LRB- in haste -RRB- a letter to Bob", LONG[0], LONG[1])],
        [text_document("p", f"{LONG[0]}.", f"{LONG[1]}. {LONG[2].upper()}?")],
    ],
    ids=["raw text", "full stops", "brackets and order", "a pair"],
)  # fmt: skip
def test_the_same_text_is_recognised_in_any_form(other: list[Document]) -> None:
    here = [document(*LONG)]
    assert shared(other, here) == shared(here, other) == 1
    assert texts_of(other).content == texts_of(here).content


def test_sentences_of_a_document_and_the_document() -> None:
    whole, parts = [document(*LONG)], [document(sentence) for sentence in LONG]
    assert shared(parts, whole) == 3 and shared(whole, parts) == 1
    assert texts_of(parts).content == texts_of(whole).content


def test_more_than_half_of_the_letters_must_be_known() -> None:
    source = [document("aaaa bbbb")]
    assert shared([document("aaaa bbbb", "cccc dddd")], source) == 0, "half is not enough"
    assert shared([document("aaaa bbbb", "cccc ddd")], source) == 1
    assert shared([text_document("p", "aaaa bbbb", "cccc ddd")], source) == 1


@pytest.mark.parametrize("text", ["?!", "🙂 🙂", "ａｂｃ。ｄｅｆ！"], ids=ascii)
def test_texts_of_any_characters(text: str) -> None:
    assert shared([text_document("t", text)], [text_document("u", text), text_document("v", "other")]) == 1
    assert shared([text_document("t", text)], [text_document("v", "other")]) == 0


def test_a_document_without_text_is_in_no_corpus() -> None:
    empty = [Document("e", [], [])]
    assert overlap(texts_of(empty), texts_of(empty)) == Overlap(0, 1, 1, 0)
    assert overlap(texts_of(empty), TrainingTexts.of(texts_of(empty), "x")) == Overlap(0, 1, 1, 0)
    assert overlap(texts_of([]), texts_of(empty)).share == 0


@pytest.mark.parametrize("seed", range(5))
def test_random_corpora_share_what_was_put_into_both(seed: int) -> None:
    rng = random.Random(seed)
    sentences = reworded(rng, 400)
    own = [document(*sentences[i : i + 4], name=str(i)) for i in range(0, 200, 4)]
    common = sorted(rng.sample(range(50), rng.randint(1, 49)))
    source = [document(*sentences[200 + i : 204 + i]) for i in range(0, 200, 4)]
    for number in common:  # in other units and tokens
        source += [document(s.upper().replace(" ", " , ") + " .") for s in sentences[4 * number : 4 * number + 4]]
    rng.shuffle(source)
    assert shared(own, source) == len(common)


def test_short_sentences_in_common_are_little_of_the_text() -> None:
    talk = [document("Yes ."), document("I see ."), document("Well , that is another question altogether .")]
    found = overlap(texts_of(talk), TrainingTexts.of(texts_of([document("yes"), document("I see")]), "x"))
    assert (found.shared, found.documents) == (2, 3) and found.share == pytest.approx(7 / 42)


def test_a_large_corpus_leaves_a_small_sample_from_which_the_overlap_is_estimated() -> None:
    rng = random.Random(7)
    pool = reworded(rng, 70_000)
    source = texts_of(document(text) for text in pool[:60_000])
    record = TrainingTexts.of(source, "big")
    assert len(record.ids) == LIMIT < record.pieces and not record.complete and record.documents == 60_000
    written = json.dumps(record.to_dict())
    assert len(written) < 6 * LIMIT
    back = TrainingTexts.from_dict(json.loads(written), "x")
    assert (back.ids == record.ids).all() and (back.corpus, back.pieces) == ("big", record.pieces)

    target = texts_of([document(text) for text in [*pool[:900], *pool[60_000:62_100]]])  # 30 % of 3,000
    found = overlap(target, back)
    expected = 3000 * LIMIT / record.pieces
    assert abs(found.judged - expected) < 4 * math.sqrt(expected) and found.documents == 3000
    assert abs(found.shared / found.judged - 0.3) < 4 * math.sqrt(0.3 * 0.7 / found.judged)
    assert overlap(target, source) == Overlap(900, 3000, 3000, 0)
    # of documents of several sentences some are told of by few; none is counted that was not seen
    groups = [pool[i : i + 8] for i in [*range(0, 1600, 8), *range(60_000, 61_600, 8)]]
    estimate = overlap(texts_of(document(*group) for group in groups), back)
    assert estimate.judged > 350 and abs(estimate.shared / estimate.judged - 0.5) < 0.08


@pytest.mark.parametrize(
    "change",
    [
        {"ids": "?"},
        {"ids": "AAA="},
        {"ids": None},
        {"spans": "?"},
        {"ids": "AgAAAAEAAAA="},
        {"pieces": -1},
        {"pieces": 1},
        {"corpus": 3},
        {"documents": "x"},
        {"from": []},
    ],
)
def test_a_damaged_record_names_its_file(change: dict[str, object]) -> None:
    record = TrainingTexts.of(texts_of([document(*LONG)]), "c").to_dict()
    with pytest.raises(UserError, match=r"model/transferlab\.json.*trained_on"):
        TrainingTexts.from_dict(record | change, "model/transferlab.json")


def test_names_from_a_file_are_plain() -> None:
    record = TrainingTexts.of(texts_of([document("x")]), "c").to_dict()
    read = TrainingTexts.from_dict(record | {"corpus": "\x1b[31m<b>|x|", "from": "a\nb"}, "f")
    assert (read.corpus, read.source) == ("__31m_b__x_", "a_b")


def table(place: Path, rows: list[str], name: str = "train.csv") -> TableReader:
    write(place / name, "text,label\n" + "".join(f"{row},{i % 2}\n" for i, row in enumerate(rows)))
    return TableReader({"train": name}, "text", data_dir=place)


def test_two_tables_of_one_reader_are_two_corpora_and_one_table_is_one_wherever_it_lies(tmp_path: Path) -> None:
    rng = random.Random(1)
    first, second = reworded(rng, 30), reworded(rng, 30)
    one, two = table(tmp_path / "a", first), table(tmp_path / "b", second)
    moved = table(tmp_path / "c", first, "other.csv")
    write_jsonl([*one.read("train")], tmp_path / "d" / "train.jsonl")
    documents = JsonLinesReader(tmp_path / "d")
    assert one.corpus_id() == moved.corpus_id() != two.corpus_id()
    texts = {name: texts_of(r.read("train")) for name, r in (("a", one), ("b", two), ("c", moved), ("d", documents))}
    assert texts["a"].content == texts["c"].content == texts["d"].content != texts["b"].content
    assert [overlap(texts["a"], texts[name]).shared for name in "bcd"] == [0, 30, 30]


def test_line_ends_and_byte_order_marks_do_not_make_another_corpus(tmp_path: Path) -> None:
    one = table(tmp_path / "a", ["x y", "z"])
    other = tmp_path / "b" / "train.csv"
    other.parent.mkdir()
    other.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a" / "train.csv").read_bytes().replace(b"\n", b"\r\n"))
    assert TableReader({"train": "train.csv"}, "text", data_dir=other.parent).corpus_id() == one.corpus_id()


def treebank(place: Path, *sentences: str) -> ConllUReader:
    lines = [
        "\n".join("\t".join([str(i), word, *"_" * 8]) for i, word in enumerate(sentence.split(), start=1))
        for sentence in sentences
    ]
    write(place / "x-ud-train.conllu", "\n\n".join(lines) + "\n\n")
    return ConllUReader(place)


def test_treebanks_of_two_languages_are_two_corpora(tmp_path: Path) -> None:
    english = treebank(tmp_path / "en", "the dog sleeps in the garden", "he reads")
    german = treebank(tmp_path / "de", "der Hund schläft im Garten", "er liest")
    again = treebank(tmp_path / "copy", "the dog sleeps in the garden", "he reads")
    assert english.corpus_id() == again.corpus_id() != german.corpus_id()
    assert shared([*english.read("train")], [*german.read("train")]) == 0
    assert shared([*english.read("train")], [*again.read("train")]) == 2


def test_a_directory_and_an_archive_of_it_are_one_corpus(tmp_path: Path, project_root: Path) -> None:
    place = project_root / "data" / "sample" / "conll2012" / "test"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in place.rglob("*_conll"):
            archive.write(file, file.relative_to(place.parent))
    assert Conll2012Reader(tmp_path / "a.zip").corpus_id() == Conll2012Reader(place).corpus_id()


def test_litbank_entities_and_coreference_are_one_corpus_also_sentence_by_sentence(
    small_litbank: tuple[Path, Path],
) -> None:
    coreference_dir, ner_dir = small_litbank
    coreference, entities = LitBankReader(coreference_dir), LitBankEntityReader(ner_dir)
    assert coreference.corpus_id() == entities.corpus_id()
    learned = TrainingTexts.of(texts_of(entities.read("train")), entities.corpus_id())
    assert [overlap(texts_of(coreference.read(split)), learned).shared for split in SPLITS] == [1, 0, 0]
    other_fold = LitBankReader(coreference_dir, fold=1)  # where the document that was trained on is another split's
    assert [overlap(texts_of(other_fold.read(split)), learned).shared for split in SPLITS] == [0, 1, 0]
    sentences = ColumnReader({"train": "1_a_brat.tsv"}, ner_dir / "tsv", tag_column=1, delimiter="\t")
    read = TrainingTexts.of(texts_of(sentences.read("train")), "columns")
    assert read.documents == 20 and overlap(texts_of(coreference.read("train")), read) == Overlap(1, 1, 1, 0)


@pytest.mark.corpus
def test_litbank_entities_are_on_all_documents_of_the_coreference(litbank_dir: Path, litbank_ner_dir: Path) -> None:
    entities = LitBankEntityReader(litbank_ner_dir, folds_dir=litbank_dir)
    learned = TrainingTexts.of(texts_of(entities.read("train")), entities.corpus_id())
    assert learned.complete and learned.documents == 80
    of_fold = {
        fold: [overlap(texts_of(LitBankReader(litbank_dir, fold).read(s)), learned) for s in SPLITS] for fold in (0, 3)
    }
    assert of_fold[0] == [Overlap(80, 80, 80, 0), Overlap(0, 10, 10, 0), Overlap(0, 10, 10, 0)]
    assert sum(found.shared for found in of_fold[3]) == 80 and of_fold[3][2].shared > 0
