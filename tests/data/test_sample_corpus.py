"""The embedded sample: made anew bit for bit, in the original formats, and what it promises to hold."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.documents import Document
from transferlab.metrics.coreference import corpus_scores
from transferlab.metrics.head_match import PRONOUNS, head_match_clusters

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample"
DOCUMENTS = {"train": 80, "validation": 20, "test": 20}


@pytest.fixture(scope="module")
def documents() -> dict[str, list[Document]]:
    reader = Conll2012Reader(SAMPLE / "conll2012")
    return {split: list(reader.read(split)) for split in reader.splits}


def conll_files() -> list[Path]:
    return sorted((SAMPLE / "conll2012").rglob("*.v4_gold_conll"))


def conll_sentences(path: Path) -> list[list[list[str]]]:
    """The rows of each sentence, split at white space, without any code of ours."""
    blocks = re.split(r"\n(?:\n|#end document\n?)", path.read_text(encoding="utf-8"))
    rows = [[line.split() for line in block.splitlines() if not line.startswith("#")] for block in blocks]
    return [sentence for sentence in rows if sentence]


def mentions(document: Document) -> list[tuple[int, int]]:
    return [span for cluster in document.gold.clusters for span in cluster]


def tacred(split: str) -> list[dict]:
    return json.loads((SAMPLE / "tacred" / f"{split}.json").read_text(encoding="utf-8"))


def questions(split: str) -> list[tuple[str, dict]]:
    articles = json.loads((SAMPLE / "squad" / f"{split}-v2.0.json").read_text(encoding="utf-8"))["data"]
    return [(p["context"], q) for a in articles for p in a["paragraphs"] for q in p["qas"]]


def pairs(split: str) -> list[list[str]]:
    with open(SAMPLE / "mrpc" / f"{split}.tsv", encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_generator_makes_the_same_bytes_without_any_package(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "make_sample_corpus.py"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-S", str(script), "--output", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(SAMPLE): path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == []


def test_size() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 3_000_000


def test_counts_and_lengths(documents: dict[str, list[Document]]) -> None:
    assert {split: len(found) for split, found in documents.items()} == DOCUMENTS
    lengths = [len(d.words) for found in documents.values() for d in found]
    assert min(lengths) >= 120 and max(lengths) <= 450
    assert {d.genre for d in documents["train"]} == {"bc", "bn", "mz", "nw", "tc", "wb"}
    assert sum(lengths) / len(lengths) > 200


def test_readme_states_the_counts(documents: dict[str, list[Document]]) -> None:
    table = (SAMPLE / "README.md").read_text(encoding="utf-8").split("| coreference |")[1].split("\n\n")[0]
    rows = {
        cells[1].strip(): [c.strip() for c in cells[2:5]] for cells in (r.split("|") for r in table.split("\n")[2:])
    }
    assert rows["documents"] == [str(len(documents[split])) for split in DOCUMENTS]
    assert rows["words"] == [str(sum(len(d.words) for d in documents[split])) for split in DOCUMENTS]
    assert rows["mentions"] == [str(sum(len(mentions(d)) for d in documents[split])) for split in DOCUMENTS]
    assert rows["entities"] == [str(sum(len(d.gold.clusters) for d in documents[split])) for split in DOCUMENTS]


def test_conll2012_columns() -> None:
    widths = Counter()
    for path in conll_files():
        document_id = path.relative_to(SAMPLE / "conll2012").as_posix().split("annotations/")[1]
        for sentence in conll_sentences(path):
            assert len({len(row) for row in sentence}) == 1
            widths[len(sentence[0])] += 1
            assert {row[0] for row in sentence} == {document_id.removesuffix(".v4_gold_conll")}
            assert [row[2] for row in sentence] == [str(i) for i in range(len(sentence))]
            for column in (5, *range(10, len(sentence[0]) - 1)):
                opened = "".join(row[column] for row in sentence)
                assert opened.count("(") == opened.count(")"), (path, opened)
            assert sentence[0][5].startswith("(TOP(S") and sentence[-1][5].endswith("))")
    assert set(widths) == {12, 13, 14}


def test_conll2012_brackets_pair_and_nest() -> None:
    nested = same_start = 0
    for path in conll_files():
        for sentence in conll_sentences(path):
            spans, stack = [], []
            for i, row in enumerate(sentence):
                for piece in row[-1].split("|"):
                    if piece.startswith("("):
                        stack.append((piece.strip("()"), i))
                    if piece.endswith(")"):
                        assert stack[-1][0] == piece.strip("()"), (path, row)  # inner ones close first
                        spans.append((stack.pop()[1], i))
            assert stack == []
            assert len(spans) == len(set(spans))
            nested += sum(a <= s and e <= b and (a, b) != (s, e) for s, e in spans for a, b in spans)
            same_start += sum(a == s and e < b for s, e in spans for a, b in spans)
    assert nested > 300 and same_start > 150


def test_conll2012_parts_with_gaps_and_number_of_files() -> None:
    parts = [
        re.findall(r"^#begin document .*; part (\d+)$", p.read_text(encoding="utf-8"), re.M) for p in conll_files()
    ]
    assert sum(map(len, parts)) == sum(DOCUMENTS.values())
    assert any(numbers == ["000", "001", "003"] for numbers in parts)
    assert len({path.name + path.parent.parent.parent.name for path in conll_files()}) == len(parts)


def test_speakers_resolve_i(documents: dict[str, list[Document]]) -> None:
    """In a dialogue everything that a speaker calls "I" is one entity, and no other speaker's."""
    speakers = []
    for document in documents["test"]:
        assert (document.speakers is None) == (document.genre in ("nw", "mz"))
        if document.genre not in ("bc", "tc"):
            continue
        owners: dict[str, set[int]] = {}
        for number, cluster in enumerate(document.gold.clusters):
            for start, end in cluster:
                if start == end and document.words[start] in ("I", "me", "myself"):
                    owners.setdefault(document.speakers[start], set()).add(number)
        assert all(len(numbers) == 1 for numbers in owners.values())
        assert len(set().union(*owners.values())) == len(owners)
        speakers.append(len(owners))
    assert speakers.count(2) > len(speakers) / 2


def test_no_singletons_and_shares_of_mention_types(documents: dict[str, list[Document]]) -> None:
    kinds: Counter[str] = Counter()
    for document in documents["train"]:
        assert all(len(cluster) > 1 for cluster in document.gold.clusters)
        for start, end in mentions(document):
            words = document.words[start : end + 1]
            pronoun = len(words) == 1 and words[0].lower() in PRONOUNS
            capital = any(w[0].isupper() for w in words[start == 0 or document.words[start - 1] in ".!?`''" :])
            kinds["pronoun" if pronoun else "name" if capital else "description"] += 1
    share = {kind: count / kinds.total() for kind, count in kinds.items()}
    assert 0.4 < share["pronoun"] < 0.6
    assert 0.25 < share["name"] < 0.45
    assert share["description"] > 0.1


def test_string_match_does_not_solve_it(documents: dict[str, list[Document]]) -> None:
    for split in ("validation", "test"):
        keys = [d.gold.clusters for d in documents[split]]
        responses = [head_match_clusters(d.words, mentions(d)) for d in documents[split]]
        assert 0.40 < corpus_scores(keys, responses)["conll_f1"] < 0.62


def test_test_documents_are_not_training_documents(documents: dict[str, list[Document]]) -> None:
    def ngrams(document: Document) -> set[tuple[str, ...]]:
        return {tuple(document.words[i : i + 8]) for i in range(len(document.words) - 7)}

    train = [ngrams(d) for d in documents["train"]]
    for document in documents["test"] + documents["validation"]:
        own = ngrams(document)
        assert max(len(own & other) for other in train) < 0.3 * len(own), document.name
        assert len(own & set.union(*train)) < 0.4 * len(own), document.name


def test_sentences_are_sentences(documents: dict[str, list[Document]]) -> None:
    """No mark of a template is left, no article doubled, nothing begins small or ends without a stop."""
    slips = re.compile(r"[{}<>|#]| , [,.?!;:]|\b(a|an|the) (a|an|the|his|her|its)\b|\ba [aeo]|\bNone\b| '?s 's ")
    for document in documents["train"] + documents["test"]:
        for start, end in document.sentences:
            text = " ".join(document.words[start : end + 1])
            assert not slips.search(text), (document.name, text)
            assert document.words[end] in (".", "?", "!", "''"), (document.name, text)
            assert not document.words[start][0].islower(), (document.name, text)


def test_names_of_people_differ_between_the_splits() -> None:
    people: dict[str, set[str]] = {}
    for path in conll_files():
        split = path.relative_to(SAMPLE / "conll2012").parts[0]
        for sentence in conll_sentences(path):
            people.setdefault(split, set()).update(row[3] for row in sentence if "PERSON" in row[10])
    assert len(people["train"]) > 80 and len(people["test"]) > 20
    assert not people["train"] & people["test"] and not people["train"] & people["development"]


def test_conll2003_is_iob1() -> None:
    kinds: Counter[str] = Counter()
    for split, least in (("train", 500), ("valid", 100), ("test", 100)):
        lines = (SAMPLE / "conll2003" / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        assert lines[0] == "-DOCSTART- -X- O O" and lines[1] == ""
        assert lines.count("") > least
        before = "O"
        for line in lines:
            tag = line.split(" ")[3] if line else "O"
            assert line == "" or len(line.split(" ")) == 4
            if tag.startswith("B-"):
                assert before[2:] == tag[2:], line  # B- only after an entity of the same type
            kinds[tag] += 1
            before = tag
    assert {kind for kind in kinds if kind.startswith("I-")} == {"I-PER", "I-ORG", "I-LOC", "I-MISC"}
    assert any(kind.startswith("B-") for kind in kinds)


def test_tacred_spans_and_labels() -> None:
    relations: Counter[str] = Counter()
    for split, least in (("train", 300), ("dev", 60), ("test", 60)):
        records = tacred(split)
        assert len(records) >= least and len({r["id"] for r in records}) == len(records)
        for record in records:
            size = len(record["token"])
            for side in ("subj", "obj"):
                start, end = record[f"{side}_start"], record[f"{side}_end"]
                assert 0 <= start <= end < size
                tags = set(record["stanford_ner"][start : end + 1])
                assert tags in ({record[f"{side}_type"]}, {"O"}), record["id"]
                assert tags != {"O"} or record["token"][start].lower() in PRONOUNS
            spans = [range(record[f"{side}_start"], record[f"{side}_end"] + 1) for side in ("subj", "obj")]
            assert not set(spans[0]) & set(spans[1])
            for column in ("stanford_pos", "stanford_ner", "stanford_head", "stanford_deprel"):
                assert len(record[column]) == size
            assert record["stanford_head"].count(0) == 1
            relations[record["relation"]] += 1
    assert len(relations) >= 9
    assert 0.2 < relations["no_relation"] / relations.total() < 0.5


def test_squad_answers_are_where_they_are_said_to_be() -> None:
    for split, annotators in (("train", 1), ("dev", 3), ("test", 3)):
        found = questions(split)
        assert len({q["id"] for _, q in found}) == len(found)
        impossible = [q for _, q in found if q["is_impossible"]]
        assert 0.2 < len(impossible) / len(found) < 0.4
        assert all(q["answers"] == [] for q in impossible)
        for context, question in found:
            assert question["is_impossible"] or len(question["answers"]) == annotators
            for answer in question["answers"] + question.get("plausible_answers", []):
                start = answer["answer_start"]
                assert context[start : start + len(answer["text"])] == answer["text"] != ""


def test_mrpc_tables() -> None:
    train = {tuple(row[3:]) for row in pairs("train")}
    for split, size in (("train", 600), ("dev", 120), ("test", 120)):
        raw = (SAMPLE / "mrpc" / f"{split}.tsv").read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf") == (split != "test")
        header, *rows = pairs(split)
        assert header == ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
        assert len(rows) == size and {len(row) for row in rows} == {5}
        assert 0.6 < sum(row[0] == "1" for row in rows) / size < 0.75
        assert all(row[3] != row[4] for row in rows)
        assert any('"' in row[3] for row in rows)
        assert split == "train" or not train & {tuple(row[3:]) for row in rows}
