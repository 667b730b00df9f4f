import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.json_files import field, read_json, split_files
from transferlab.documents import DocumentError

LAYOUTS = ({"train": "a/train.json", "test": "a/test.json"}, {"train": "train.json", "validation": "dev.json"})


def test_layouts_are_not_mixed_and_the_first_that_is_there_is_taken(tmp_path):
    for name in ("train.json", "dev.json"):
        (tmp_path / name).touch()
    assert split_files(tmp_path, LAYOUTS, "") == {
        "train": tmp_path / "train.json",
        "validation": tmp_path / "dev.json",
    }
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "test.json").touch()
    assert split_files(tmp_path, LAYOUTS, "") == {"test": tmp_path / "a" / "test.json"}


def test_files_that_were_looked_for_are_named_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"a/train\.json, a/test\.json; train\.json, dev\.json\. Buy it"):
        split_files(tmp_path, LAYOUTS, "Buy it")


def test_a_byte_order_mark_is_no_part_of_the_json_and_another_encoding_is_refused(tmp_path):
    (tmp_path / "x.json").write_bytes(b'\xef\xbb\xbf["\xc3\xa9"]')
    assert read_json(tmp_path / "x.json", list, "") == ["é"]
    (tmp_path / "x.json").write_bytes('["é"]'.encode("latin-1"))
    with pytest.raises(DocumentError, match=r"x\.json is not UTF-8"):
        read_json(tmp_path / "x.json", list, "")


def test_no_truth_value_passes_for_a_number():
    assert field({"n": 3}, "n", int, "here") == 3
    with pytest.raises(DataError, match=r"here: 'n' must be a whole number, not 'True'"):
        field({"n": True}, "n", int, "here")


@pytest.mark.parametrize("text", ['{"a": [\n"\\ud83d"]}', '{"a": [\n"\\ude00 b"]}'])
def test_half_a_character_is_replaced_with_a_warning_that_names_file_and_line(tmp_path, caplog, text):
    file = tmp_path / "train.json"
    file.write_text(text)
    assert read_json(file, dict, "")["a"][0][0] == "\ufffd"
    assert f"{file}: 1 halves" in caplog.text and "line 2" in caplog.text
