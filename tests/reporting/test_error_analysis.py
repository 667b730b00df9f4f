import io

import pytest
from rich.console import Console

from transferlab.documents import Annotations, Document, DocumentError
from transferlab.reporting.error_analysis import analyse_errors, error_markdown, error_tables

TEXT = "Anna met her friend . She and Bob left . The girl saw him ."
#       0    1   2   3      4 5   6  7     8    9  10  11 12  13   14
WORDS = TEXT.split()
SENTENCES = [(0, 4), (5, 9), (10, 14)]
ANNA, HER, FRIEND, SHE, BOB, GIRL, HIM = (0, 0), (2, 2), (2, 3), (5, 5), (7, 7), (10, 11), (13, 13)
GOLD = [[ANNA, HER, SHE, GIRL], [FRIEND, BOB, HIM]]


def analyse(gold, predicted):
    return analyse_errors(
        [
            Document(
                "d",
                WORDS,
                SENTENCES,
                gold=Annotations(clusters=gold),
                predicted=Annotations(clusters=predicted),
            )
        ]
    )


def test_a_perfect_prediction_has_no_errors():
    analysis = analyse(GOLD, GOLD)
    assert analysis["mentions"]["all"] == {
        "gold": 7,
        "predicted": 7,
        "found": 7,
        "missed": 0,
        "spurious": 0,
        "precision": 1.0,
        "recall": 1.0,
    }
    assert analysis["links"]["all"] == {
        "anaphors": 5,
        "resolved": 5,
        "wrong": 0,
        "unlinked": 0,
        "missed": 0,
        "recall": 1.0,
        "first": 2,
        "false": 0,
    }


def test_every_kind_of_error_is_counted_once():
    # HER is missed, (8, 8) invented, SHE opens a cluster; GIRL is linked to SHE, HIM to FRIEND, BOB to ANNA.
    analysis = analyse(GOLD, [[ANNA, BOB], [SHE, GIRL], [FRIEND, HIM], [(8, 8)]])
    mentions = {row: (m["gold"], m["missed"], m["spurious"]) for row, m in analysis["mentions"].items()}
    assert mentions == {"pronoun": (3, 1, 0), "proper": (2, 0, 0), "nominal": (2, 0, 1), "all": (7, 1, 1)}
    links = analysis["links"]
    assert {row: links[row]["anaphors"] for row in links} == {
        "pronoun": 3,
        "proper": 1,
        "nominal": 1,
        "all": 5,
    }
    assert links["pronoun"] | {"first": 0, "false": 0} == {
        "anaphors": 3,
        "resolved": 1,  # him
        "wrong": 0,
        "unlinked": 1,  # She
        "missed": 1,  # her
        "recall": 1 / 3,
        "first": 0,
        "false": 0,
    }
    assert links["proper"]["wrong"] == 1 and links["proper"]["first"] == 1  # Bob; Anna
    assert links["nominal"]["resolved"] == 1  # The girl, with She


def test_a_first_mention_that_is_linked_back_is_a_false_link():
    analysis = analyse(GOLD, [[ANNA, HER, SHE, GIRL, FRIEND, BOB, HIM]])
    assert analysis["links"]["all"]["resolved"] == 5
    assert {row: (n["first"], n["false"]) for row, n in analysis["links"].items()} == {
        "pronoun": (0, 0),
        "proper": (1, 0),
        "nominal": (1, 1),
        "all": (2, 1),
    }


def test_a_link_to_an_invented_mention_is_wrong():
    analysis = analyse([[ANNA, SHE]], [[(1, 1), SHE]])
    assert analysis["links"]["pronoun"]["wrong"] == 1


def test_distance_is_counted_in_sentences_to_the_nearest_mention():
    analysis = analyse([[ANNA, HER, SHE, HIM], [FRIEND, GIRL]], [[ANNA, HER, SHE]])
    counts = {row: (d["anaphors"], d["resolved"], d["recall"]) for row, d in analysis["distance"].items()}
    assert counts == {
        "same sentence": (1, 1, 1.0),  # her
        "1 sentence": (2, 1, 0.5),  # She; him
        "2-3 sentences": (1, 0, 0.0),  # The girl
        "4-7 sentences": (0, 0, None),
        "8 or more": (0, 0, None),
    }


def test_singletons_are_told_from_larger_entities():
    analysis = analyse([[ANNA, SHE], [BOB], [FRIEND], [GIRL]], [[ANNA], [SHE, BOB], [FRIEND], [HIM]])
    assert analysis["entity size"] == {
        "singletons": {"gold": 3, "predicted": 3, "found": 2, "same": 1, "recall": 2 / 3},
        "larger entities": {"gold": 2, "predicted": 2, "found": 2, "same": 1, "recall": 1.0},
    }


def test_documents_are_summed_and_repeated_mentions_count_once():
    document = Document(
        "d",
        WORDS,
        SENTENCES,
        gold=Annotations(clusters=[[ANNA, ANNA, HER], [HER]]),
        predicted=Annotations(clusters=[]),
    )
    assert analyse_errors([document, document])["mentions"]["all"]["gold"] == 4
    assert analyse_errors([])["mentions"]["all"]["recall"] is None


def test_unpredicted_documents_are_refused():
    with pytest.raises(DocumentError, match="d: no predicted"):
        analyse_errors([Document("d", WORDS, SENTENCES, gold=Annotations(clusters=GOLD))])


def test_tables_fit_80_columns_and_markdown_says_the_same():
    analysis = analyse(GOLD, [[ANNA, BOB], [SHE, GIRL]])
    console = Console(width=80, file=io.StringIO())
    console.print(error_tables(analysis))
    text = console.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= 80
    assert ["pronoun", "3", "1", "1", "2", "0", "100.00", "33.33"] in [line.split() for line in text.splitlines()]
    markdown = error_markdown(analysis)
    assert "| pronoun | 3 | 1 | 1 | 2 | 0 | 100.00 | 33.33 |" in markdown
    assert "| 8 or more | 0 | 0 | – |" in markdown
