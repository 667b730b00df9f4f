"""Bookkeeping of probes: best epochs, thresholds, checkpoints."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn

from transferlab.models.base import TransferModel
from transferlab.models.probe_group import ProbeGroup, mean_of_numbers
from transferlab.utils.errors import UserError


class Score:
    """Gives the values it was made with, one after another."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def compute(self) -> dict[str, float]:
        return {"f1": self.values[0]}

    def reset(self) -> None:
        self.values.pop(0)


class Probe(TransferModel):
    """A probe without encoders that notes what it was told."""

    def __init__(self, *scores: float) -> None:
        nn.Module.__init__(self)
        self.multi_encoder: Any = SimpleNamespace(
            encoder_ids=["e"], frozen_ids=["e"], fingerprint=str, register_forward_hook=lambda hook: None
        )
        self.weight = nn.Parameter(torch.zeros(1))
        self.scores: Any = {"val": Score(*scores)}
        self.settled: list[float] = []
        self.item_tables = {}

    def settle(self, scores: dict[str, float]) -> None:
        self.settled.append(scores["f1"])

    def frozen_keys(self) -> list[str]:
        return []

    loss = predictions = loss_and_predictions = scored = None  # type: ignore[assignment]


Probe.__abstractmethods__ = frozenset()


def group(probes: dict[str, Probe], mode: str = "max") -> ProbeGroup:
    streams = {name: torch.get_rng_state() for name in probes}
    made = ProbeGroup(probes, streams, "val/f1", mode)
    state = SimpleNamespace(fn=TrainerFn.FITTING)
    made._trainer = SimpleNamespace(  # type: ignore[assignment]
        state=state, sanity_checking=False, current_epoch=0, val_dataloaders=None
    )
    made.log_dict = lambda *args, **kwargs: None  # type: ignore[method-assign,assignment]
    return made


def validate(made: ProbeGroup, epochs: int) -> None:
    for epoch in range(epochs):
        made._trainer.current_epoch = epoch  # type: ignore[union-attr]
        for _, probe in made.members():
            with torch.no_grad():
                probe.weight.fill_(epoch)  # type: ignore[operator]
        made.on_validation_epoch_start()
        made.on_validation_epoch_end()


@pytest.mark.parametrize(("mode", "best"), [("max", [2, 1]), ("min", [0, 2])])
def test_each_probe_keeps_its_own_best_epoch(mode, best):
    made = group({"a": Probe(0.1, 0.2, 0.3), "b": Probe(0.5, 0.6, 0.4)}, mode)
    validate(made, 3)
    assert [made.best[name].epoch for name in "ab"] == best
    made.take_best()
    assert [probe.weight.item() for _, probe in made.members()] == best  # type: ignore[operator]


def test_a_score_that_is_no_number_is_never_the_best():
    made = group({"a": Probe(math.nan, 0.1, math.nan), "b": Probe(0.3, math.nan, 0.2)})
    validate(made, 3)
    assert [(made.best[name].epoch, made.best[name].score) for name in "ab"] == [(1, 0.1), (0, 0.3)]
    assert mean_of_numbers([math.nan, 0.2, 0.4]) == pytest.approx(0.3)
    assert math.isnan(mean_of_numbers([math.nan]))


def test_what_a_model_tunes_on_validation_it_tunes_in_a_group():
    probes = {"a": Probe(0.1, 0.2), "b": Probe(0.3, 0.4)}
    validate(group(probes), 2)
    assert [probe.settled for probe in probes.values()] == [[0.1, 0.2], [0.3, 0.4]]


def test_a_score_that_there_is_not_is_refused_with_those_that_there_are():
    made = group({"a": Probe(0.1)})
    made.monitor = "val/f2"
    with pytest.raises(UserError, match=r"monitor=val/f2.*val/f1"):
        validate(made, 1)


def test_a_checkpoint_of_the_same_probes_in_another_order_is_refused():
    made, other = group({"a": Probe(0.1), "b": Probe(0.2)}), group({"b": Probe(0.2), "a": Probe(0.1)})
    checkpoint: dict[str, Any] = {"state_dict": dict(made.state_dict())}
    made.on_save_checkpoint(checkpoint)
    made.on_load_checkpoint(checkpoint)
    with pytest.raises(UserError, match="not of the probes b, a"):
        other.on_load_checkpoint(checkpoint)
