import json
import logging
import os
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.fine_words import covering_words
from transferlab.data.readers import squad
from transferlab.data.readers.base import DataError
from transferlab.data.readers.squad import SquadReader
from transferlab.documents import Answer, Question, read_jsonl, write_jsonl

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample" / "squad"
CONTEXT = " The 27th  Japanese fleet sailed; the fleet sank. "


def qa(identity: object = "q1", *answers: tuple[int, str], **more: object) -> dict:
    found = [{"text": text, "answer_start": start} for start, text in answers]
    return {"id": identity, "question": f"What of {identity}?", "answers": found} | more


def content(*qas: dict, context: str = CONTEXT, title: str = "Fleet") -> dict:
    return {"version": "v2.0", "data": [{"title": title, "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def write(path: Path, text: object) -> Path:
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


def questions(directory: Path, *qas: dict) -> list[Question]:
    write(directory / "dev-v2.0.json", content(*qas))
    return [q for document in SquadReader(directory).read("validation") for q in document.gold.questions]


def test_the_context_is_kept_to_the_character(tmp_path):
    write(tmp_path / "train-v2.0.json", content(qa("q1", (5, "27"))))
    (document,) = SquadReader(tmp_path).read("train")
    assert document.text == CONTEXT and document.name == "Fleet/0" and document.meta == {"title": "Fleet"}
    assert document.words == ["The", "27th", "Japanese", "fleet", "sailed", ";", "the", "fleet", "sank", "."]
    assert [CONTEXT[start:end] for start, end in document.offsets] == document.words
    assert document.sentences == [(0, 9)]
    document.validate()


def test_answers_are_characters_that_may_end_inside_a_word_and_none_is_dropped(tmp_path):
    (question,) = questions(tmp_path, qa("q1", (5, "27"), (5, "27"), (11, "Japan"), (1, "The 27th ")))
    assert question.answers == [Answer(5, "27"), Answer(5, "27"), Answer(11, "Japan"), Answer(1, "The 27th ")]
    (document,) = SquadReader(tmp_path).read("validation")
    spans = [covering_words(document.offsets, a.start, a.start + len(a.text)) for a in question.answers]
    assert [document.span_text(span) for span in spans] == ["27th", "27th", "Japanese", "The 27th"]


def test_no_answers_is_unanswerable_only_where_is_impossible_says_so(tmp_path):
    plausible = {"plausible_answers": [{"text": "fleet", "answer_start": 20}]}
    found = questions(
        tmp_path,
        qa("impossible", is_impossible=True, **plausible),
        qa("unlabelled"),
        qa("still unlabelled", is_impossible=False),
        {"id": 4, "question": "no key?"},
    )
    assert [(question.id, question.answers) for question in found] == [
        ("impossible", []),
        ("unlabelled", None),
        ("still unlabelled", None),
        ("4", None),
    ]


@pytest.mark.parametrize(
    ("stated", "wording", "start"),
    [(21, "fleet", 20), (33, "fleet", 38), (-1, "fleet", 20), (900, "fleet", 38), (0, "sank", 44), (29, "fleet", 20)],
)
def test_an_answer_that_stands_elsewhere_is_taken_at_its_nearest_place(tmp_path, caplog, stated, wording, start):
    assert [CONTEXT.find("fleet"), CONTEXT.rfind("fleet"), CONTEXT.find("sank")] == [20, 38, 44]
    with caplog.at_level(logging.WARNING):
        (question, _) = questions(tmp_path, qa("q1", (stated, wording)), qa("q2", (5, "27")))
    assert question.answers == [Answer(start, wording)]
    assert "dev-v2.0.json: 1 gold answers do not stand at their answer_start" in caplog.text


def test_nothing_is_said_when_all_answers_stand_where_they_should(tmp_path, caplog):
    questions(tmp_path, qa("q1", (38, "fleet"), (20, "fleet")))
    assert not caplog.text


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (qa("q1", (0, "boat")), r", question q1: the answer 'boat' does not stand at answer_start=0, nor anywhere"),
        ({"id": "q1"}, r", question q1: the key 'question' is missing"),
        ({"question": "?"}, r": the key 'id' is missing"),
        (qa("q1") | {"answers": [{"text": "The"}]}, r", question q1: the key 'answer_start' is missing"),
        (qa("q1") | {"answers": {"text": ["The"]}}, r", question q1: 'answers' must be a list"),
        ("q1", r": write an object with the key 'id'"),
    ],
)
def test_a_malformed_question_is_named_by_file_and_id(tmp_path, record, message):
    with pytest.raises(DataError, match=r"dev-v2\.0\.json, article 1, paragraph 1" + message):
        questions(tmp_path, record)


def test_a_question_id_used_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"paragraph 1: the question id 'q1' was already used in .*paragraph 1"):
        questions(tmp_path, qa("q1"), qa("q1"))


def test_paragraphs_are_numbered_within_their_title(tmp_path):
    file = content(qa("a"))
    file["data"][0]["paragraphs"].append({"context": "", "qas": []})
    file["data"] += [*content(qa("b"), title="Boat")["data"], *content(qa("c"))["data"]]
    del file["data"][1]["title"]
    write(tmp_path / "test.json", file)
    documents = [document.validate() for document in SquadReader(tmp_path).read("test")]
    assert [document.name for document in documents] == ["Fleet/0", "Fleet/1", "2/0", "Fleet/2"]
    assert documents[1].words == [] and documents[1].gold.questions == []


@pytest.mark.parametrize(
    ("files", "version", "splits"),
    [
        (["train-v2.0", "dev-v1.1"], "2.0", ("train",)),
        (["train-v2.0", "dev-v1.1"], 1.1, ("validation",)),
        (["train-v2.0", "dev-v1.1", "dev", "test"], "2.0", ("train",)),
        (["dev-v1.1", "dev", "test"], 2.0, ("validation", "test")),
    ],
)
def test_the_version_chooses_among_files(tmp_path, files, version, splits):
    for name in files:
        write(tmp_path / f"{name}.json", content(qa(name)))
    reader = SquadReader(tmp_path, version=version)
    assert reader.splits == splits
    names = [document.gold.questions[0].id for split in splits for document in reader.read(split)]
    assert all(name in files and not name.endswith("v1.1" if float(version) == 2 else "v2.0") for name in names)


@pytest.mark.parametrize(("name", "split"), [("dev-v1.1.json", "validation"), ("adversarial.json", "test")])
def test_one_file_is_the_split_of_its_name_or_test(tmp_path, name, split):
    reader = SquadReader(write(tmp_path / name, content(qa())))
    assert reader.splits == (split,) and len(list(reader.read(split))) == 1


def test_places_and_versions_that_do_not_exist_are_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"dataset\.version='3\.0' is unknown; choose one of \['2\.0', '1\.1'\]"):
        SquadReader(tmp_path, version="3.0")
    write(tmp_path / "train-v1.1.json", content())
    with pytest.raises(DataError, match=r"holds none of the files train-v2\.0\.json.*dataset\.version=2\.0.*explorer"):
        SquadReader(tmp_path)
    monkeypatch.setenv("SQUAD_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"nowhere does not exist .*SQUAD_DIR"):
        SquadReader()


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", r"dev\.json: not an object"), ("{}", r"dev\.json: the key 'data' is missing"), ("{", r"line 1: not JSON")],
)
def test_a_file_of_another_kind_is_refused(tmp_path, text, message):
    (tmp_path / "dev.json").write_text(text)
    with pytest.raises(DataError, match=message):
        list(SquadReader(tmp_path).read("validation"))


@pytest.mark.parametrize(
    ("version", "name", "unanswered"), [("2.0", "rajpurkar/squad_v2", []), ("1.1", "rajpurkar/squad", None)]
)
def test_rows_of_the_hub_are_put_together_by_paragraph(monkeypatch, version, name, unanswered):
    def row(identity: str, title: str, context: str, *answers: tuple[int, str]) -> dict:
        starts, texts = [start for start, _ in answers], [text for _, text in answers]
        return {
            "id": identity,
            "title": title,
            "context": context,
            "question": f"{identity}?",
            "answers": {"text": texts, "answer_start": starts},
        }

    asked = []

    def rows(name: str, split: str, remedy: str):
        asked.append((name, split))
        yield row("1", "A", "Ann left.", (0, "Ann"), (0, "Ann"))
        yield row("2", "A", "Bob stayed.", (0, "Bob"))
        yield row("3", "A", "Ann left.")
        yield row("4", "B", "Ann left.", (4, "left"))

    monkeypatch.delenv("SQUAD_DIR", raising=False)
    monkeypatch.setattr(squad, "hub_rows", rows)
    reader = SquadReader(version=version)
    assert reader.splits == ("train", "validation")
    documents = list(reader.read("validation"))
    assert asked == [(name, "validation")]
    assert [document.name for document in documents] == ["A/0", "A/1", "B/0"]
    assert documents[0].gold.questions == [
        Question("1", "1?", [Answer(0, "Ann"), Answer(0, "Ann")]),
        Question("3", "3?", unanswered),
    ]
    with pytest.raises(DataError, match=f"{name} has no split 'test'"):
        reader.read("test")


def test_the_sample_has_its_counts_and_comes_back_from_json_lines(tmp_path):
    reader = SquadReader(SAMPLE)
    documents = {split: list(reader.read(split)) for split in reader.splits}
    assert {split: len(found) for split, found in documents.items()} == {"train": 96, "validation": 20, "test": 20}
    asked = {split: [q for d in found for q in d.gold.questions] for split, found in documents.items()}
    assert [len(asked[split]) for split in reader.splits] == [913, 186, 186]
    assert [sum(q.answers == [] for q in asked[split]) for split in reader.splits] == [267, 56, 56]
    write_jsonl(documents["test"], tmp_path / "test.jsonl")
    assert list(read_jsonl(tmp_path / "test.jsonl")) == documents["test"]


@pytest.mark.corpus
def test_the_subset_of_squad_has_its_counts(caplog):
    shared = ROOT.parent / "shared" / "data" / "qa" / "squad_v2.0_subset"
    path = Path(os.environ.get("SQUAD_SUBSET_DIR", shared))
    if not path.is_dir():
        pytest.skip(f"the subset of SQuAD 2.0 is not at {path}; set SQUAD_SUBSET_DIR")
    reader = SquadReader(path)
    counts = {}
    for split in reader.splits:
        count: Counter[str] = Counter()
        for document in reader.read(split):
            document.validate()
            count["paragraphs"] += 1
            for question in document.gold.questions:
                count["questions"] += 1
                count["unanswerable"] += question.answers == []
                count["unlabelled"] += question.answers is None
                for answer in question.answers or []:
                    end = answer.start + len(answer.text)
                    span = covering_words(document.offsets, answer.start, end)
                    assert answer.text in document.span_text(span)
                    count["answers"] += 1
                    count["answers that are whole words"] += document.span_text(span) == answer.text
        counts[split] = +count
    assert counts == {
        "train": {
            "paragraphs": 694,
            "questions": 4719,
            "unanswerable": 348,
            "answers": 4371,
            "answers that are whole words": 4337,
        },
        "validation": {
            "paragraphs": 646,
            "questions": 6078,
            "unanswerable": 3168,
            "answers": 10052,
            "answers that are whole words": 10037,
        },
        "test": {"paragraphs": 570, "questions": 5915, "unlabelled": 5915},
    }
    assert not caplog.text  # every answer stands at its answer_start
