import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.split_files import find_split_files

FILES = {"train": ["eng.train", "train.*"], "validation": "eng.testa", "test": ["sub/*.test"]}


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    return root


def test_the_first_pattern_with_a_file_counts(tmp_path):
    touch(tmp_path, "train.txt", "eng.train", "sub/x.test", "other")
    assert find_split_files(tmp_path, FILES) == {"train": tmp_path / "eng.train", "test": tmp_path / "sub" / "x.test"}


@pytest.mark.parametrize(
    ("name", "split"),
    [("eng.testa", "validation"), ("train.iob", "train"), ("my-dev.txt", "validation"), ("words.txt", "test")],
)
def test_one_file_is_the_split_of_its_pattern_or_its_name_or_test(tmp_path, name, split):
    touch(tmp_path, name)
    assert find_split_files(tmp_path / name, FILES) == {split: tmp_path / name}


def test_several_files_of_one_pattern_are_refused_with_the_key(tmp_path):
    touch(tmp_path, "train.a", "train.b")
    with pytest.raises(
        DataError, match=r"2 files for the split 'train', train\.a and train\.b .*dataset\.files\.train"
    ):
        find_split_files(tmp_path, FILES)


def test_a_directory_without_any_is_refused_with_the_names(tmp_path):
    with pytest.raises(DataError, match=r"none of the files eng\.train, train\.\*, eng\.testa, sub/\*\.test\. Get it"):
        find_split_files(tmp_path, FILES, "Get it")


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"dataset\.files names the splits \['dev'\]; choose out of \['train'"):
        find_split_files(tmp_path, {"dev": "dev.txt"})
