import logging
from dataclasses import replace

import pytest

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
    assert f"{ANN.name}: left out 1 mentions" in caplog.text
    assert "(2, 5) 'old friend left .'" in caplog.text


def test_crossing_mentions_of_two_entities_are_kept(tmp_path, caplog):
    document = replace(ANN, gold=Annotations(clusters=[[(0, 3)], [(2, 5)]]))
    assert back([document], tmp_path / "gold.conll") == [document]
    assert not caplog.records


def test_separators_inside_words_become_spaces(tmp_path):
    document = Document("d", ["a\tb", "c\nd", "", "New York"], [(0, 3)], gold=Annotations(clusters=[[(3, 3)]]))
    (read,) = back([document], tmp_path / "gold.conll")
    assert read.words == ["a b", "c d", "", "New York"]
    assert read.gold.clusters == [[(3, 3)]]
