"""Damaged and missing files of corpora: refused with the file and the line, whichever reader finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from .conftest import CONFIGS, Composed
from .faults import Fault, Refusal, rows

DOCUMENT = {"name": "a", "words": ["x", "y"]}
CONLL = "#begin document (a); part 000\n{}\n#end document\n"
WORD = "a 0 0 x NN * - - - - * (0)"
TACRED = json.loads((CONFIGS.parent / "data" / "sample" / "tacred" / "test.json").read_text(encoding="utf-8"))[0]
SQUAD = {"title": "t", "paragraphs": [{"context": "a b", "qas": [{"id": "1", "question": "q", "answers": []}]}]}

ANSWERS = [{"text": "a", "answer_start": 0}]


def squad(**changes: object) -> str:
    question = SQUAD["paragraphs"][0]["qas"][0] | changes  # type: ignore[index]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "a b", "qas": [question]}]}]})


SUBTOKENS = ("conll2012_ontonotesv5_preprocessed", "test.english.384.jsonlines")


def subtokens(**changes: object) -> str:
    numbers = {"subtoken_map": [0, 0, 1, 1], "sentence_map": [0, 0, 0, 1], "clusters": [[[1, 1], [1, 2]]]}
    texts = {"sentences": [["[CLS]", "Ann", "left", "[SEP]"]], "speakers": [["[SPL]", "A", "A", "[SPL]"]]}
    return json.dumps({"doc_key": "nw/a_0"} | numbers | texts | changes)


# (dataset, name of the file, its content), then what is named
TABLE = rows(
    (("jsonl", "test.jsonl", "{"), "test.jsonl", "line 1"),
    (("jsonl", "test.jsonl", "[]"), "test.jsonl", "line 1"),
    (("jsonl", "test.jsonl", json.dumps({"name": "a"})), "test.jsonl", "words"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"gold": {"clusters": [[[0, 9]]]}})), "a"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"gold": {"clustres": []}})), "test.jsonl", "clustres"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"sentences": [[0, 5]]})), "test.jsonl", "line 1", "a", "6", "2"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"sentences": [[1, 1]]})), "test.jsonl", "line 1", "(1, 1)"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"speakers": ["Ann"]})), "test.jsonl", "line 1", "speakers"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"text": "x y", "offsets": [[0, 1], [2, 9]]})), "line 1", "(2, 9)"),
    (("jsonl", "test.jsonl", json.dumps(DOCUMENT | {"gold": {"tags": ["A"]}})), "test.jsonl", "line 1", "tags"),
    (("jsonl", "test.jsonl", ""), "test", "corpus"),
    (("jsonl", "test.jsonl", b"\xff\xfe"), "test.jsonl", "UTF-8"),
    (("jsonl", "test.jsonl", '{"name": "a", "words": ["x"], "words": ["y"]}'), "test.jsonl", "line 1", "'words'"),
    (("jsonl", "test.jsonl", '\n{"name": "a", "words": [], "gold": {"tags": [], "tags": []}}'), "line 2", "'tags'"),
    (("jsonl", "other.txt", "x"), "train.jsonl"),
    (("jsonl", "test.jsonl", 2 * (json.dumps(DOCUMENT) + "\n")), "test.jsonl", "a"),
    (("conll2012", "a.conll", "x"), "a.conll", "line 1"),
    (("conll2012", "a.conll", CONLL.format(WORD.replace("(0)", "(0"))), "a.conll"),
    (("conll2012", "a.conll", CONLL.format(WORD.replace("(0)", "0)"))), "a.conll"),
    (("conll2012", "a.conll", CONLL.format("a 0")), "a.conll"),
    (("conll2012", "a.txt", "x"), "*.conll"),
    (("table", "test.csv", "a,b\n1,2\n"), "test.csv", "text"),
    (("table", "test.csv", "text,text\n1,2\n"), "test.csv"),
    (("table", "test.csv", b"text,label\n\xff,1\n"), "test.csv", "UTF-8"),
    (("table", "test.csv", "text,label\nx\n"), "test.csv", "line 2"),
    (("table", "else.csv", "text,label\n"), "train.csv"),
    (("tacred", "test.json", "{}"), "test.json"),
    (("tacred", "test.json", "[1]"), "test.json"),
    (("tacred", "test.json", json.dumps([TACRED | {"subj_start": 99}])), "test.json"),
    (("tacred", "test.json", json.dumps([TACRED | {"token": "x"}])), "test.json", "token"),
    (("tacred", "test.json", "[" + json.dumps(TACRED)[:-9]), "test.json"),
    (("tacred", "test.json", '[{"id": "1",\n"id": "2"}]'), "test.json", "line 2", "'id'"),
    (("squad_v2", "test-v2.0.json", "[]"), "test-v2.0.json"),
    (("squad_v2", "test-v2.0.json", "{"), "test-v2.0.json"),
    (("squad_v2", "test-v2.0.json", squad(answers=[{"text": "zzz", "answer_start": 0}])), "1"),
    (("squad_v2", "test-v2.0.json", squad(question=3)), "question"),
    (("squad_v2", "test-v2.0.json", '{"data": [],\n"data": []}'), "test-v2.0.json", "line 2", "'data'"),
    (("squad_v2", "test-v2.0.json", squad(is_impossible=True, answers=ANSWERS)), "1", "is_impossible"),
    (("conllu", "test.txt", "x"), "conllu"),
    (("conll2003", "test.txt", "x O O Z-PER\n"), "Z-PER"),
    (("crossre", "ai-test.json", "{}"), "ai-test.json", "line 1"),
    (("crossre", "music-test.json", "{}"), "ai"),
    (("crossre", "ai-test.json", '{"ner": [], "ner": []}'), "ai-test.json", "line 1", "'ner'"),
    (("semeval2010_task8", "TEST_FILE_FULL.TXT", "x\n"), "TEST_FILE_FULL.TXT", "line 1"),
    (("litbank", "x.txt", ""), "conll"),
    ((*SUBTOKENS, "{"), "test.english.384.jsonlines", "line 1"),
    ((SUBTOKENS[0], "x.english.512.jsonlines", "{}"), "test.english.384.jsonlines", "dataset.segment_length"),
    ((*SUBTOKENS, subtokens(doc_key=3)), "test.english.384.jsonlines, line 1", "doc_key"),
    ((*SUBTOKENS, subtokens(sentences=["Ann"])), "line 1", "'sentences'", "Ann"),
    ((*SUBTOKENS, subtokens(subtoken_map=[0, 0, "1", 1])), "line 1", "subtoken_map"),
    ((*SUBTOKENS, subtokens(subtoken_map=[0, 0, 1])), "line 1", "subtoken_map", "3", "4"),
    ((*SUBTOKENS, subtokens(subtoken_map=[1, 1, 0, 0])), "line 1", "subtoken_map"),
    ((*SUBTOKENS, subtokens(subtoken_map=[0, 0, 10**9, 0])), "line 1", "1,000,000,001"),
    ((*SUBTOKENS, subtokens(sentence_map=[0, 1, 0, 0])), "line 1", "sentence_map"),
    ((*SUBTOKENS, subtokens(speakers=[["A", "A", "A", "A"]])), "line 1", "speakers", "[SPL]"),
    ((*SUBTOKENS, subtokens(sentences=[["<s>", "Ann", "left", "</s>"]])), "line 1", "<s>", "'tokens'"),
    ((*SUBTOKENS, subtokens(sentences=[["[CLS]", "\u2581a", "b", "[SEP]"]])), "\u2581a", "'tokens'"),
    ((*SUBTOKENS, subtokens(tokens=["Ann"])), "line 1", "2 words", "1 'tokens'"),
    ((*SUBTOKENS, subtokens(clusters=[[[0, 1]]])), "line 1", "[0, 1]", "clusters"),
    ((*SUBTOKENS, subtokens(clusters=[[[2, 1]]])), "line 1", "[2, 1]", "clusters"),
    ((*SUBTOKENS, subtokens(clusters=[[1, 2]])), "line 1", "1 in 'clusters'"),
    ((*SUBTOKENS, 2 * (subtokens() + "\n")), "line 2", "line 1", "nw/a_part_000"),
)  # fmt: skip


@pytest.mark.parametrize("fault", TABLE)
def test_files(fault: Fault, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from evaluate_documents import evaluate_documents

    name, file, content = fault.change
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    cfg = composed("evaluate_documents")
    with open_dict(cfg):
        cfg.dataset = OmegaConf.load(CONFIGS / "dataset" / f"{name}.yaml")
        cfg.dataset.data_dir = str(tmp_path / "corpus")
        if name == "crossre":
            cfg.dataset.domain = "ai"
        cfg.metric = OmegaConf.load(CONFIGS / "metric" / "statistics.yaml")
    refusal.of(lambda: evaluate_documents(cfg), *fault.named)


UNANNOTATED = rows(
    ("experiment=ner", "gold.entities"),
    ("experiment=re", "relations"),
    ("experiment=mrpc", "label"),
    ("experiment=squad", "gold.questions"),
    ("experiment=coref", "coreference"),
)  # fmt: skip


@pytest.mark.parametrize("fault", UNANNOTATED)
def test_documents_that_are_annotated_for_another_task(
    fault: Fault, encoder: Path, refusal: Refusal, tmp_path: Path
) -> None:
    """The message names the corpus, the split and the document."""
    from transferlab.data.datamodule import TransferDataModule
    from transferlab.data.readers.jsonl import JsonLinesReader
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.utils.instantiate import build

    tokenizers, _ = load_tokenizers({"target": str(encoder)})
    (tmp_path / "test.jsonl").write_text(json.dumps(DOCUMENT | {"text": "x y"}))
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", overrides=[fault.change])
    datamodule = TransferDataModule(JsonLinesReader(tmp_path), build(cfg.taskmodule, tokenizers=tokenizers))
    refusal.of(lambda: datamodule.examples("test"), f"{tmp_path}, test split: a", *fault.named)


def test_a_place_that_is_not_there(composed: Composed, refusal: Refusal) -> None:
    from train import train

    cfg = composed("train", "dataset.data_dir=nowhere")
    refusal.of(lambda: train(cfg), "nowhere", "dataset.data_dir")
