"""Parameter groups, schedules and clipping: the defaults, and the settings of published coreference code."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from transferlab.models.coreference_model import HEADS, CoreferenceModel
from transferlab.models.optimization import adamw
from transferlab.utils.errors import UserError

STEPS = 100
PUBLISHED = {"bert_weight_decay": 1e-2, "warmup_on": "encoders"}


class Planned:
    """What the optimizer asks a trainer."""

    estimated_stepping_batches = STEPS
    precision = "32-true"

    class strategy:  # noqa: N801
        root_device = torch.device("cpu")


def make_model(encoder: str, **options: Any) -> CoreferenceModel:
    torch.manual_seed(0)
    return CoreferenceModel(pretrained_models={"a": encoder}, ffnn_size=16, max_span_width=4, **options)


def names_by_group(model: CoreferenceModel, optimizer: torch.optim.Optimizer) -> list[set[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [{names[id(parameter)] for parameter in group["params"]} for group in optimizer.param_groups]


def rates(configured: dict[str, Any]) -> list[list[float]]:
    """The learning rates of each group, step by step."""
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    found = []
    for _ in range(STEPS + 1):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return [list(of_group) for of_group in zip(*found, strict=True)]


def state_at(configured: dict[str, Any], step: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states of an optimizer and its schedule after so many steps."""
    for _ in range(step):
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
    return configured["optimizer"].state_dict(), configured["lr_scheduler"]["scheduler"].state_dict()


def test_a_checkpoint_says_how_far_a_training_is_and_the_config_how_high_its_rates_are(encoder):
    first = {"task_learning_rate": 1e-2, "bert_learning_rate": 1e-3, "weight_decay": 0.3}
    saved = state_at(adamw([make_model(encoder, **first)], Planned()), 40)
    for now in (first, first | {"task_learning_rate": 0.0, "weight_decay": 0.1, "adam_epsilon": 1e-8}):
        configured = adamw([make_model(encoder, **now)], Planned())
        uninterrupted = rates(adamw([make_model(encoder, **now)], Planned()))
        for part, state in zip((configured["optimizer"], configured["lr_scheduler"]["scheduler"]), saved, strict=True):
            part.load_state_dict(copy.deepcopy(state))
        groups = configured["optimizer"].param_groups
        assert [group["lr"] for group in groups] == [of_group[40] for of_group in uninterrupted]
        assert {group["weight_decay"] for group in groups} == {now["weight_decay"]}
        state_at(configured, 1)
        assert [group["lr"] for group in groups] == [of_group[41] for of_group in uninterrupted]


def test_a_checkpoint_with_other_groups_of_parameters_is_refused(encoder):
    optimizer, _ = state_at(adamw([make_model(encoder)], Planned()), 1)
    with pytest.raises(UserError, match=r"model\.bert_weight_decay"):
        adamw([make_model(encoder, bert_weight_decay=0.1)], Planned())["optimizer"].load_state_dict(optimizer)


@pytest.mark.parametrize(("steps", "said"), [(STEPS + 1, 1), (STEPS, 0)])
def test_a_warm_up_longer_than_the_training_is_said(steps: int, said: int, encoder, caplog):
    adamw([make_model(encoder, warmup_steps=steps)], Planned())
    assert caplog.text.count(f"model.warmup_steps={STEPS + 1}") == said


def test_by_default_there_are_two_groups_and_one_schedule(encoder):
    model = make_model(encoder, weight_decay=0.3, bert_learning_rate=1e-3, task_learning_rate=1e-2)
    configured = adamw([model], Planned())
    encoders, task = names_by_group(model, configured["optimizer"])
    assert encoders == {n for n, _ in model.named_parameters() if n.startswith("multi_encoder.encoders.")}
    assert task == {n for n, _ in model.named_parameters()} - encoders
    assert [group["weight_decay"] for group in configured["optimizer"].param_groups] == [0.3, 0.3]
    of_encoders, of_task = rates(configured)
    assert of_task == pytest.approx([10 * rate for rate in of_encoders])
    assert of_task[0] == pytest.approx(1e-2 / 11) and max(of_task) == of_task[10] == 1e-2 and of_task[-1] == 0


@pytest.mark.parametrize("steps", [0, 1, 25])
def test_warm_up_in_steps_takes_the_place_of_the_proportion(encoder, steps):
    model = make_model(encoder, warmup_steps=steps, warmup_proportion=0.5, task_learning_rate=1e-2)
    _, of_task = rates(adamw([model], Planned()))
    rising = [1e-2 * (step + 1) / (steps + 1) for step in range(steps)]
    falling = [1e-2 * (STEPS - step) / (STEPS - steps) for step in range(steps, STEPS + 1)]
    assert of_task == pytest.approx(rising + falling)


def test_published_groups(encoder):
    model = make_model(encoder, **PUBLISHED, bert_learning_rate=1e-5, task_learning_rate=2e-4)
    configured = adamw([model], Planned())
    decayed, spared, task = names_by_group(model, configured["optimizer"])
    # as the published code tells them apart: by name
    of_encoder = {n for n, _ in model.named_parameters() if n.startswith("multi_encoder.encoders.")}
    assert spared == {n for n in of_encoder if "bias" in n or "LayerNorm.weight" in n}
    assert decayed == of_encoder - spared and decayed
    assert task == {n for n, _ in model.named_parameters()} - of_encoder
    groups = configured["optimizer"].param_groups
    assert [group["weight_decay"] for group in groups] == [1e-2, 0.0, 0.0]
    assert [group["initial_lr"] for group in groups] == [1e-5, 1e-5, 2e-4]
    assert {group["eps"] for group in groups} == {1e-6}


def test_published_schedules(encoder):
    of_decayed, of_spared, of_task = rates(adamw([make_model(encoder, **PUBLISHED)], Planned()))
    assert of_decayed == of_spared
    assert of_decayed[10:] == pytest.approx([1e-5 * (STEPS - step) / 90 for step in range(10, STEPS + 1)])
    assert of_decayed[:10] == sorted(of_decayed[:10]) and of_decayed[0] < 1e-6
    assert of_task == pytest.approx([2e-4 * (STEPS - step) / STEPS for step in range(STEPS + 1)])


def test_frozen_encoders_have_no_group(encoder):
    model = make_model(encoder, **PUBLISHED, freeze_models="all")
    (group,) = adamw([model], Planned())["optimizer"].param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in model.head.parameters()}


def test_several_models_have_their_own_groups_and_schedules(encoder):
    models = [make_model(encoder, **PUBLISHED), make_model(encoder, freeze_models="all", task_learning_rate=1.0)]
    configured = adamw(models, Planned())
    assert [group["initial_lr"] for group in configured["optimizer"].param_groups] == [1e-5, 1e-5, 2e-4, 1.0]
    *_, of_first, of_second = rates(configured)
    assert of_first[0] == 2e-4 and of_second[0] == pytest.approx(1 / 11)


@pytest.mark.parametrize("separately", [True, False])
def test_gradients_are_clipped_together_or_separately(encoder, separately):
    model = make_model(encoder, clip_separately=separately)
    parts = [list(model.multi_encoder.encoder_parameters()), model.task_parameters()]
    for part, size in zip(parts, (0.1, 10.0), strict=True):
        for parameter in part:
            parameter.grad = torch.full_like(parameter, size)
    before = [nn.utils.get_total_norm(p.grad for p in part).item() for part in parts]
    assert min(before) > 1
    model.configure_gradient_clipping(None, 1.0, "norm")
    after = [nn.utils.get_total_norm(p.grad for p in part).item() for part in parts]
    if separately:
        assert after == pytest.approx([1, 1], rel=1e-4)
    else:
        total = (before[0] ** 2 + before[1] ** 2) ** 0.5
        assert after == pytest.approx([norm / total for norm in before], rel=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_the_head_starts_from_the_asked_standard_deviation(encoder, head):
    model = make_model(encoder, head=head, initializer_std=0.02)
    fresh = make_model(encoder, head=head)
    encoders = model.multi_encoder.state_dict()
    assert all(torch.equal(value, encoders[name]) for name, value in fresh.multi_encoder.state_dict().items())
    layers = [(n, layer) for n, layer in model.head.named_modules() if isinstance(layer, nn.Linear | nn.Embedding)]
    weights = {name: layer.weight for name, layer in layers}
    biases = [layer.bias for _, layer in layers if isinstance(layer, nn.Linear) and layer.bias is not None]
    assert biases and not any(bias.any() for bias in biases)
    of_norms = {p for layer in model.head.modules() if isinstance(layer, nn.LayerNorm) for p in layer.parameters()}
    assert set(model.head.parameters()) == {*weights.values(), *biases, *of_norms}, "nothing is left out"
    assert torch.cat([weight.flatten() for weight in weights.values()]).std().item() == pytest.approx(0.02, rel=0.02)
    for name, weight in weights.items():
        if weight.numel() >= 80:
            assert weight.std().item() == pytest.approx(0.02, rel=0.3), name


def test_without_it_nothing_is_drawn(encoder):
    make_model(encoder)
    expected = torch.rand(1)
    make_model(encoder, initializer_std=None)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"warmup_on": "task"}, r"warmup_on=task.*all, encoders"), ({"initializer_std": 0.0}, r"initializer_std=0\.0")],
)
def test_refusals(encoder, options, named):
    with pytest.raises(UserError, match=named):
        make_model(encoder, **options)
