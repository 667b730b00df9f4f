import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.text_rows import cell, delimited_rows, json_rows, number, text_document


def test_rows_carry_the_number_of_their_first_line(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b'\xef\xbb\xbfx,y\r\n"1\r\n2",3\r\n\r\n4,5\r\n')
    assert list(delimited_rows(file, ",", quoting=True)) == [(2, {"x": "1\r\n2", "y": "3"}), (5, {"x": "4", "y": "5"})]
    file.write_bytes(b"\xef\xbb\xbfx\ty\r\n\r\n4\t\r\n")
    assert list(delimited_rows(file)) == [(3, {"x": "4", "y": ""})]
    assert list(delimited_rows(file, header=False)) == [(1, {0: "x", 1: "y"}), (3, {0: "4", 1: ""})]
    file.write_bytes(b'\n{"x": 1}\n')
    assert list(json_rows(file)) == [(2, {"x": 1})]


def test_rows_of_another_length_are_refused_or_left_out_with_a_warning(tmp_path, caplog):
    file = tmp_path / "a.tsv"
    file.write_text("1\t2\n3\n4\t5\n")
    with pytest.raises(DataError, match=r"a\.tsv, line 2: 1 columns where the first row has 2"):
        list(delimited_rows(file, header=False))
    assert [line for line, _ in delimited_rows(file, header=False, leave_out_broken=True)] == [1, 3]
    assert "left out 1 rows" in caplog.text


def test_cells_by_name_or_number():
    assert cell({"x": 1, "y": 2}, "y", "") == cell({"x": 1, "y": 2}, 1, "") == cell({0: 1, 1: 2}, 1, "") == 2
    for column in ("z", 2, -1):
        with pytest.raises(DataError, match=r"here: there is no column .*the columns are \['x', 'y'\]"):
            cell({"x": 1, "y": 2}, column, "here")


@pytest.mark.parametrize("raw", ["", "x", None, "nan", "inf", [1]])
def test_what_is_not_a_finite_number_is_refused(raw):
    with pytest.raises(DataError, match=r"here: .* number"):
        number(raw, "here")


def test_documents_of_texts():
    document = text_document("n", " a  b. ", "c", 0.5).validate()
    assert (document.words, document.offsets, document.sentences) == (["a", "b."], [(1, 2), (4, 6)], [(0, 1)])
    assert (document.text, document.text_pair, document.gold.label) == (" a  b. ", "c", 0.5)
    assert text_document("n", " ").validate().sentences == []


def test_half_a_character_in_json_is_replaced_with_a_warning(tmp_path, caplog):
    file = tmp_path / "train.jsonl"
    file.write_text('{"x": "a"}\n{"x": "a \\ud83d", "y": "\\ud83d\\ude00"}\n')
    assert list(json_rows(file)) == [(1, {"x": "a"}), (2, {"x": "a \ufffd", "y": "😀"})]
    assert f"{file}: 1 halves" in caplog.text and "line 2" in caplog.text
