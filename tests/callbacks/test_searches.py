"""The best completed trial of a search, in a file from the first one on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from transferlab.callbacks.searches import BEST, searched_keys, write_best_trial


def config(place: Path, direction: str, *task: str) -> Any:
    sweeper = {"direction": direction, "params": {"model.rate": "tag(log, interval(1e-5, 1e-3))", "seed": 3}}
    hydra = {"sweeper": sweeper, "sweep": {"dir": str(place)}, "overrides": {"task": list(task)}}
    return OmegaConf.create({"optimized_metric": "val/x", "hydra": hydra})


def job(status: str, score: Any, rate: float, head: str) -> dict[str, Any]:
    return {
        "status": status,
        "metrics": {"val/x": score},
        "overrides": [f"model.rate={rate}", f"head={head}", "seed=3"],
    }


JOBS = [
    job("completed", 0.5, 0.0001, "a"),
    job("failed", 0.9, 0.0002, "b"),
    job("completed", "nan", 0.0003, "b"),
    job("completed", 0.25, 0.0004, "b"),
]


@pytest.mark.parametrize(("direction", "best"), [("maximize", (0.5, 0.0001, "a")), ("minimize", (0.25, 0.0004, "b"))])
def test_the_best_of_the_completed_trials_is_written(direction: str, best: tuple[Any, ...], tmp_path: Path) -> None:
    cfg = config(tmp_path, direction, "head=choice(a,b)")
    keys = searched_keys(cfg)
    assert keys == ["model.rate", "head"], "a fixed value is not searched"
    write_best_trial(cfg, keys, JOBS[1:3])
    assert not (tmp_path / BEST).exists(), "none was completed with a score"
    write_best_trial(cfg, keys, JOBS)
    score, rate, head = best
    written = OmegaConf.to_container(OmegaConf.load(tmp_path / BEST))
    assert written == {"name": "optuna", "best_params": {"model.rate": rate, "head": head}, "best_value": score}


def test_a_value_on_the_command_line_is_not_searched(tmp_path: Path) -> None:
    assert searched_keys(config(tmp_path, "maximize", "model.rate=0.5")) == []
