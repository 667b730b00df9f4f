import io

from rich.console import Console

from transferlab.data.statistics import corpus_statistics, statistics_table
from transferlab.documents import Annotations, Document

DOCUMENTS = [
    Document(
        "a",
        ["w"] * 5,
        [(0, 1), (2, 4)],
        speakers=["x"] * 5,
        genre="nw",
        gold=Annotations(clusters=[[(0, 0), (2, 4)], [(1, 1)]]),
    ),
    Document("b", ["w"], [(0, 0)], genre="nw"),
    Document("c", [], []),
]


def test_counts():
    assert corpus_statistics(DOCUMENTS) == {
        "documents": 3,
        "sentences": 3,
        "words": 6,
        "mentions": 3,
        "entities": 2,
        "singletons": 1,
        "documents_with_speakers": 1,
        "genres": {"-": 1, "nw": 2},
        "words_per_document": {"min": 0, "q25": 0.5, "median": 1, "q75": 3, "max": 5},
        "words_per_sentence": {"min": 1, "q25": 1.5, "median": 2, "q75": 2.5, "max": 3},
        "words_per_mention": {"min": 1, "q25": 1, "median": 1, "q75": 2, "max": 3},
        "mentions_per_document": {"min": 0, "q25": 0, "median": 0, "q75": 1.5, "max": 3},
        "mentions_per_entity": {"min": 1, "q25": 1.25, "median": 1.5, "q75": 1.75, "max": 2},
    }


def test_an_empty_corpus_counts_nothing():
    statistics = corpus_statistics([])
    assert statistics["documents"] == 0
    assert statistics["genres"] == {}
    assert set(statistics["words_per_document"].values()) == {0.0}


def test_the_table_has_a_column_per_split():
    by_split = {"train": corpus_statistics(DOCUMENTS), "test": corpus_statistics(DOCUMENTS[:1])}
    console = Console(width=120, file=io.StringIO())
    console.print(statistics_table(by_split, title="A corpus"))
    lines = [line.split("│")[1:-1] for line in console.file.getvalue().splitlines() if "│" in line]
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}
    assert rows["words"] == ["6", "5"]
    assert rows["genres"] == ["- 1, nw 2", "nw 1"]
    assert rows["words per document"] == ["0 / 1 / 5", "5 / 5 / 5"]
