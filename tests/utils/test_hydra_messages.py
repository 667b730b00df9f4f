"""What is said of a search without a completed trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from transferlab.utils.hydra_messages import _failure_of_all
from transferlab.utils.run_record import write_json


def job(number: int, **more: Any) -> dict[str, Any]:
    return {"job": str(number), "status": "failed", "overrides": [], "metrics": {}, **more}


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (["ConfigError: seed=x", "ConfigError: seed=x"], "all: ConfigError: seed=x"),
        (["ConfigError: seed=x", "ValueError: y"], "first: ConfigError: seed=x"),
        ([], ""),
    ],
)
def test_the_cause_is_said_with_the_end_of_the_search(errors: list[str], said: str, tmp_path: Path) -> None:
    write_json(tmp_path / "multirun_result.json", {"jobs": [job(n, error=text) for n, text in enumerate(errors)]})
    assert _failure_of_all(tmp_path).strip(" ()") == said


def test_nothing_is_said_where_no_trial_has_ended(tmp_path: Path) -> None:
    assert _failure_of_all(tmp_path) == ""
