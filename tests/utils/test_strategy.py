"""Several processes per job are refused in a local sweep, and only there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.strategy import check_strategy


def trainer(**values: object) -> DictConfig:
    return OmegaConf.create({"trainer": values})


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch, set_hydra_config: Callable[..., None]) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    set_hydra_config("hydra.mode=MULTIRUN")


@pytest.mark.parametrize(
    "values",
    [
        {"strategy": "ddp", "devices": 2},
        {"strategy": "ddp_find_unused_parameters_true", "devices": "2"},
        {"strategy": "auto", "devices": [0, 1]},
        {"devices": 2},
        {"strategy": {"_target_": "pytorch_lightning.strategies.DDPStrategy"}, "devices": 2},
    ],
    ids=str,
)
def test_refused_in_a_sweep(sweep: None, values: dict) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.strategy=.*trainer\.devices=1"):
        check_strategy(trainer(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"strategy": "auto", "devices": 1},
        {"strategy": "ddp", "devices": 1},
        {"strategy": "ddp_spawn", "devices": 2},
        {"strategy": "auto", "devices": "auto", "accelerator": "cpu"},
        {"strategy": "auto", "devices": [1]},
    ],
    ids=str,
)
def test_allowed_in_a_sweep(sweep: None, values: dict) -> None:
    check_strategy(trainer(**values))


def test_slurm_starts_the_processes_itself(sweep: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2")
    check_strategy(trainer(strategy="ddp", devices=2))


def test_a_single_run_may_use_ddp(set_hydra_config: Callable[..., None]) -> None:
    set_hydra_config("hydra.mode=RUN")
    check_strategy(trainer(strategy="ddp", devices=2))
