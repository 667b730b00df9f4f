"""Devices that are asked for and are not there."""

from __future__ import annotations

import os

import pytest
import torch
from omegaconf import OmegaConf

from transferlab.utils import devices
from transferlab.utils.errors import ConfigError


def check(**trainer: object) -> None:
    devices.check_devices(OmegaConf.create(dict(trainer)))


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("trainer", "named"),
    [
        ({"accelerator": "gpu"}, "trainer.accelerator=gpu"),
        ({"accelerator": "cuda", "devices": 1}, "trainer=cpu"),
        ({"accelerator": "cpuu"}, "did you mean cpu"),
        ({"accelerator": "cpu", "devices": 10_000}, f"trainer.devices={os.cpu_count()}"),
        ({"accelerator": "auto", "devices": "10000"}, "trainer.devices=10000"),
    ],
)
def test_what_is_not_there_is_refused(trainer: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        check(**trainer)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("count", [3, [0, 2], "0,2", "3"])
def test_more_gpus_than_there_are_are_refused(count: object) -> None:
    for accelerator in ("gpu", "cuda", "auto"):
        with pytest.raises(ConfigError, match="there are 2 GPUs here"):
            check(accelerator=accelerator, devices=count)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("count", [1, 2, [0, 1], "0,1", "auto", -1])
def test_gpus_that_are_there_are_taken(count: object) -> None:
    check(accelerator="gpu", devices=count)


@pytest.mark.usefixtures("no_gpu")
def test_processes_on_the_cpu_are_taken() -> None:
    check(accelerator="cpu", devices=2)
    check(accelerator="auto", devices=1)
    check(accelerator="auto", devices="auto")


@pytest.mark.parametrize("device", ["cpuu", "cuda:77", "meta:x"])
def test_a_device_of_a_model_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device={device}"):
        devices.check_torch_device(device)
    devices.check_torch_device("cpu")
    devices.check_torch_device(None)
