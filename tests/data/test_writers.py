import logging
import os
import random
import re
import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest

from transferlab.data.coreference_column import without_crossings
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.writers import write_conll2012
from transferlab.documents import Annotations, Document

ANN = Document(
    name="nw/x/00/x_0001_part_002",
    words=["Ann", "'s", "old", "friend", "left", ".", "She", "stayed"],
    sentences=[(0, 5), (6, 7)],
    speakers=["Bo Li", "Bo Li", "-", "-", "Bo Li", "-", "Cy", "Cy"],
    genre="nw",
    # nested, same start, same end, one word; two of one entity nested in each other
    gold=Annotations(clusters=[[(0, 0), (6, 6)], [(0, 3)], [(0, 5), (0, 7), (2, 3), (3, 3)]]),
)


def back(documents, path, layer="gold"):
    return list(Conll2012Reader(write_conll2012(documents, path, layer)).read("test"))


def test_documents_come_back_with_names_speakers_genre_and_clusters(tmp_path):
    documents = [
        ANN,
        Document("empty", [], [], gold=Annotations(clusters=[])),
        Document("one word", ["Go"], [(0, 0)], gold=Annotations(clusters=[])),
        Document("#5", ["It", "works"], [(0, 1)], gold=Annotations(clusters=[[(0, 0)]])),
        Document("ends_part_0", ["a"], [(0, 0)], gold=Annotations(clusters=[])),
    ]
    assert back(documents, tmp_path / "new" / "gold.conll") == documents


def test_the_lines_are_those_of_conll_2012(tmp_path):
    path = write_conll2012([ANN], tmp_path / "gold.conll", layer="gold")
    lines = path.read_text().splitlines()
    assert lines[0] == "#begin document (nw/x/00/x_0001); part 002"
    assert lines[1].split("\t") == [
        *("nw/x/00/x_0001", "2", "0", "Ann", "-", "*", "-", "-", "-", "Bo Li", "-"),
        "(2|(2|(1|(0)",
    ]
    assert [line.split("\t")[-1] for line in lines[2:7]] == ["-", "(2", "2)|1)|(2)", "-", "2)"]
    assert lines[7] == ""
    assert lines[8].split("\t")[2:4] == ["0", "She"]
    assert lines[-1] == "#end document"


def test_documents_without_parts_are_written_as_litbank_does(tmp_path):
    document = Document("1342_pride_brat", ["a"], [(0, 0)], gold=Annotations(clusters=[]))
    path = write_conll2012([document], tmp_path / "gold.conll", layer="gold")
    assert path.read_text().splitlines()[0] == "#begin document (1342_pride_brat); part 0"


def test_the_layer_is_chosen(tmp_path):
    document = replace(ANN, predicted=Annotations(clusters=[[(4, 4), (7, 7)]]))
    assert back([document], tmp_path / "p.conll", "predicted")[0].gold.clusters == [[(4, 4), (7, 7)]]
    assert back([document], tmp_path / "g.conll", "gold")[0].gold == ANN.gold


@pytest.mark.parametrize("layer", ["gold", "predicted"])
def test_a_document_without_the_layer_is_refused_and_nothing_is_written(tmp_path, layer):
    with pytest.raises(DataError, match=f"raw has no {layer} clusters"):
        write_conll2012([Document("raw", ["a"], [(0, 0)])], tmp_path / "out.conll", layer)
    assert list(tmp_path.iterdir()) == []


def test_crossing_mentions_of_one_entity_lose_the_later_one_with_a_warning(tmp_path, caplog):
    crossing = [(0, 3), (2, 5), (6, 6)]
    document = replace(ANN, gold=Annotations(clusters=[crossing]))
    with caplog.at_level(logging.WARNING):
        (read,) = back([document], tmp_path / "gold.conll")
    assert read.gold.clusters == [[(0, 3), (6, 6)]]
    assert f"{ANN.name}: left out 1 of 3 mentions" in caplog.text
    assert "(2, 5) 'old friend left .'" in caplog.text


def test_crossing_mentions_of_two_entities_are_kept(tmp_path, caplog):
    document = replace(ANN, gold=Annotations(clusters=[[(0, 3)], [(2, 5)]]))
    assert back([document], tmp_path / "gold.conll") == [document]
    assert not caplog.records


AWKWARD = [
    "",
    " ",
    "a b",
    " a",
    "a\tb",
    "\t",
    "a\nb",
    "\r\n",
    "%",
    "%09",
    "(",
    ")",
    "(0)",
    ");",
    "-",
    "_",
    "*",
    "#",
    "|",
]
AWKWARD += [
    "# note",
    "#begin document (x); part 000",
    "# begin document",
    "#end document",
    "x # end document",
    "é\u2028",
]
AWKWARD += ["# percent-encoded", "nw/a", "x_part_001", "_part_000", "x_part_0", "x_part_-1", "a); part 003", "中"]
AWKWARD += ["(x) part 2", "a); part (1", "part", "a;", "#Begin Document (x); Part 1"]
SCORER = os.environ.get("PERL_SCORER")


def random_documents(generator: random.Random, disjoint: bool) -> list[Document]:
    """Documents with awkward names, words and speakers, and with clusters that nest, touch and cross.

    Args:
        disjoint: whether a span is in one cluster only, as the official program wants it.
    """
    documents = []
    for name in generator.sample(AWKWARD, 4):
        words = generator.choices(AWKWARD, k=generator.randint(0, 8))
        ends = sorted({*generator.choices(range(len(words)), k=2), len(words) - 1}) if words else []
        sentences = [(before + 1, end) for before, end in pairwise([-1, *ends])]
        spans = [(a, b) for a in range(len(words)) for b in range(a, len(words))]
        generator.shuffle(spans)
        clusters = []
        while spans and len(clusters) < 4:
            cluster = [spans[-i - 1] for i in range(min(len(spans), generator.randint(1, 4)))]
            spans = spans[: -len(cluster)] if disjoint else generator.sample(spans, len(spans))
            clusters.append(cluster)
        speakers = [generator.choice(["-", *filter(lambda s: s.strip(" _"), AWKWARD)]) for _ in words]
        documents.append(
            Document(
                name=name,
                words=words,
                sentences=sentences,
                speakers=speakers if any(speaker != "-" for speaker in speakers) else None,
                gold=Annotations(clusters=clusters),
            )
        )
    return documents


def written(document: Document) -> Document:
    """The document as the format can carry it."""
    clusters = [sorted(without_crossings(cluster)[0]) for cluster in document.gold.clusters]
    genre = "nw" if document.name.startswith("nw/") else None
    return replace(document, genre=genre, gold=Annotations(clusters=sorted(clusters)))


def test_random_documents_come_back_as_themselves(tmp_path):
    generator = random.Random(5)
    for _ in range(60):
        documents = random_documents(generator, disjoint=False)
        assert back(documents, tmp_path / "gold.conll") == list(map(written, documents))


@pytest.mark.skipif(not SCORER, reason="PERL_SCORER names no checkout of the official coreference scorer")
def test_the_official_program_reads_the_same_mentions(tmp_path):
    generator = random.Random(7)
    for _ in range(12):
        documents = list(map(written, random_documents(generator, disjoint=True)))
        path = write_conll2012(documents, tmp_path / "gold.conll", layer="gold")
        command = ["perl", f"{SCORER}/scorer.pl", "bcub", str(path), str(path)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        key_of = dict(re.findall(r"^File (.*):\n((?:Entity .*\n)*)", output, re.MULTILINE))
        assert len(key_of) == len(documents)
        read = sorted(
            sorted(
                sorted((int(a), int(b)) for a, b in re.findall(r"\((\d+),(\d+)\)", line)) for line in key.splitlines()
            )
            for key in key_of.values()
        )
        assert read == sorted(document.gold.clusters for document in documents)
        totals = re.search(r"TOTALS =+\n.*Recall: \((\d+) / (\d+)\).*\n-+\nCoreference: .*F1: ([\d.]+)%", output)
        assert totals is not None
        mentions = sum(map(len, (cluster for document in documents for cluster in document.gold.clusters)))
        assert (int(totals[1]), int(totals[2])) == (mentions, mentions)
        assert float(totals[3]) == (100 if mentions else 0)
