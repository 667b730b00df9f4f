"""Kinds of gold labels: what fits, tensors with unknown labels, constants."""

import pytest
import torch

from transferlab.taskmodules.gold_labels import LABEL_KINDS


@pytest.mark.parametrize(
    ("problem", "fitting", "others"),
    [
        ("multi_class", ["a", ""], [None, 1, 0.5, ["a"]]),
        ("multi_label", [["a"], []], [None, "a", 1.0]),
        ("regression", [1, 0.5], [None, "1", True, [1.0]]),
    ],
)
def test_a_label_fits_one_kind(problem, fitting, others):
    kind = LABEL_KINDS[problem]
    assert all(kind.fits(label) for label in fitting)
    assert not any(kind.fits(label) for label in others)


def test_tensors_mark_what_is_unknown():
    ids = LABEL_KINDS["multi_class"].tensor(["b", None, "z", "a"], ["a", "b"], False)
    assert ids.tolist() == [1, -100, -100, 0] and ids.dtype == torch.long
    several = [["b", "z"], [], None, ["b", "a"]]
    sets = LABEL_KINDS["multi_label"].tensor(several, ["a", "b"], False)
    assert sets[[1, 3]].tolist() == [[0, 0], [1, 1]] and sets[[0, 2]].isnan().all()
    learnt = LABEL_KINDS["multi_label"].tensor(several, ["a", "b"], True)
    assert learnt[:2].tolist() == [[0, 1], [0, 0]], "training learns what a text says of the labels asked for"
    values = LABEL_KINDS["regression"].tensor([3, None], [], False)
    assert values[0] == 3 and values[1].isnan() and values.dtype == torch.float32


def test_constants_and_the_classes_in_them():
    for problem, gold, constant, classes in (
        ("multi_class", ["b", "a", "b"], "b", ["b"]),
        ("multi_label", [["a", "b"], ["b"]], ["b"], ["b"]),
        ("multi_label", [[], []], [], []),
        ("regression", [1.0, 4.0], 2.5, []),
    ):
        kind = LABEL_KINDS[problem]
        assert kind.constant(gold)[1] == constant
        assert kind.classes(constant) == classes
