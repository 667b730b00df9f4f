"""The library of task embeddings: round trip, exports, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from transferlab.transferability.library import LibraryError, TaskLibrary, TaskVectors

SPACE = {"encoder": "a" * 64, "layers": 2, "per": "window"}


def vectors(task: str, kind: str = "textemb", size: int = 3, **space: object) -> TaskVectors:
    torch.manual_seed(len(task))
    return TaskVectors(task, kind, {"avg_sequence_output": torch.randn(size)}, SPACE | space, {"examples": 5})


def test_an_embedding_comes_back_as_it_was(tmp_path: Path) -> None:
    library = TaskLibrary(tmp_path / "library")
    given = TaskVectors(
        "ner", "taskemb", {"cls_output": torch.randn(4), "a.weight": torch.randn(2, 3)}, SPACE, {"examples": 7}
    )
    file = library.write(given)
    read = library.read("ner", "taskemb")
    assert read.vectors.keys() == given.vectors.keys() and read.space == SPACE and read.about["examples"] == 7
    assert all(torch.equal(read.vectors[name], vector) for name, vector in given.vectors.items())
    exported = np.load(file.parent / "taskemb" / "cls_output.npy", allow_pickle=False)
    np.testing.assert_array_equal(exported, given.vectors["cls_output"].numpy())
    assert library.tasks("taskemb") == ["ner"] and library.tasks("textemb") == []


def test_a_new_embedding_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    library = TaskLibrary(tmp_path)
    library.write(TaskVectors("a", "taskemb", {"x": torch.ones(2), "y": torch.ones(2)}, SPACE, {}))
    library.write(TaskVectors("a", "taskemb", {"x": torch.zeros(2)}, SPACE, {}))
    assert list(library.read("a", "taskemb").vectors) == ["x"]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["a/taskemb.json", "a/taskemb.safetensors", "a/taskemb/x.npy"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (vectors("other", encoder="b" * 64), r"encoder is aaaaaaaaaaaa\.\.\. there and bbbbbbbbbbbb\.\.\. here"),
        (vectors("other", per="example"), "per is window there and example here"),
        (vectors("other", mode="exact"), "mode is None there and exact here"),
        (vectors("other", size=5), r"avg_sequence_output has the dimensions \(3,\) there and \(5,\) here"),
    ],
)
def test_embeddings_of_different_spaces_are_not_compared(tmp_path: Path, other: TaskVectors, message: str) -> None:
    library = TaskLibrary(tmp_path)
    library.write(vectors("one"))
    library.write(other)
    with pytest.raises(LibraryError, match=message) as error:
        library.comparable(["one", "other"], "textemb")
    assert "'one'" in str(error.value) and "'other'" in str(error.value)


def test_one_task_alone_is_not_compared(tmp_path: Path) -> None:
    library = TaskLibrary(tmp_path)
    library.write(vectors("one"))
    with pytest.raises(LibraryError, match=r"one task alone \(one\) cannot be compared.*has one"):
        library.comparable(["one"], "textemb")


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    library = TaskLibrary(tmp_path)
    with pytest.raises(LibraryError, match=r"no textemb of 'ner'; it is empty.*src/embed\.py"):
        library.read("ner", "textemb")
    library.write(vectors("ner"))
    with pytest.raises(LibraryError, match="did you mean ner"):
        library.read("nerr", "textemb")
    with pytest.raises(LibraryError, match="embedding=x: choose one of textemb, taskemb"):
        library.read("ner", "x")
    with pytest.raises(LibraryError, match=r"task=\.\./x"):
        library.read("../x", "textemb")
    file = tmp_path / "ner" / "textemb.safetensors"
    save_file({"x": torch.ones(2)}, file)
    with pytest.raises(LibraryError, match="not of format 1"):
        library.read("ner", "textemb")
    file.write_bytes(b"broken")
    with pytest.raises(LibraryError, match="cannot be read"):
        library.read("ner", "textemb")


def test_the_description_is_beside_it_for_people(tmp_path: Path) -> None:
    library = TaskLibrary(tmp_path)
    library.write(vectors("ner"))
    described = json.loads((tmp_path / "ner" / "textemb.json").read_text())
    assert described["task"] == "ner" and described["examples"] == 5 and described["space"] == SPACE
