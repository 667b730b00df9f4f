"""Problems on hand-made outputs: losses of known and unknown labels, decoding."""

import math

import pytest
import torch

from transferlab.models.problems import PROBLEMS, MultiClass, MultiLabel, Prediction, Regression

NAN = float("nan")


def test_one_class():
    problem = MultiClass(["a", "b"])
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    labels = torch.tensor([1, -100])
    assert problem.losses(logits, labels).tolist() == pytest.approx([-math.log(0.75), 0])
    assert problem.known(labels).tolist() == [True, False]
    assert problem.predictions(logits)[0] == Prediction("b", pytest.approx(0.75))
    assert problem.outputs == 2


def test_several_classes():
    problem = MultiLabel(["a", "b"])
    logits = torch.tensor([[math.log(3), -math.log(3)], [5.0, 5.0]])
    labels = torch.tensor([[1.0, 1.0], [NAN, NAN]])
    assert problem.losses(logits, labels).tolist() == pytest.approx([-(math.log(0.75) + math.log(0.25)) / 2, 0])
    assert problem.known(labels).tolist() == [True, False]
    assert problem.predictions(logits)[0] == Prediction(["a"], [pytest.approx(0.75)])
    assert problem.predictions(torch.tensor([[-1.0, -1.0]])) == [Prediction([], [])]


def test_a_value():
    problem = Regression([], value_mean=100.0, value_std=4.0)
    labels = torch.tensor([108.0, NAN])
    assert problem.losses(torch.tensor([[0.5], [1.0]]), labels).tolist() == [1.5**2, 0]
    assert problem.known(labels).tolist() == [True, False]
    assert problem.predictions(torch.tensor([[0.5]])) == [Prediction(102.0)]
    assert problem.outputs == 1


@pytest.mark.parametrize("problem", PROBLEMS)
def test_unknown_labels_have_no_gradient(problem):
    logits = torch.randn(2, PROBLEMS[problem](["a", "b"]).outputs, requires_grad=True)
    labels = {"multi_class": torch.tensor([0, -100]), "multi_label": torch.tensor([[0.0, 1], [NAN, NAN]])}
    losses = PROBLEMS[problem](["a", "b"]).losses(logits, labels.get(problem, torch.tensor([1.0, NAN])))
    losses.sum().backward()
    assert (logits.grad[0] != 0).any() and (logits.grad[1] == 0).all()


def test_sampled_labels_follow_the_outputs():
    generator = torch.Generator().manual_seed(0)
    classes = MultiClass(["a", "b"]).sampled(torch.tensor([[0.0, math.log(3)]]).expand(4000, 2), generator)
    assert classes.dtype == torch.int64 and classes.float().mean() == pytest.approx(0.75, abs=0.03)
    several = MultiLabel(["a", "b"]).sampled(torch.tensor([[math.log(3), -9.0]]).expand(4000, 2), generator)
    assert several.mean(0).tolist() == pytest.approx([0.75, 0.0], abs=0.03)
    problem = Regression([], value_mean=10.0, value_std=2.0)
    values = problem.sampled(torch.tensor([[1.5]], requires_grad=True).expand(4000, 1), generator)
    assert not values.requires_grad
    assert values.mean() == pytest.approx(13.0, abs=0.15) and values.std() == pytest.approx(2.0 * 0.5**0.5, abs=0.1)
