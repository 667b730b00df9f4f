"""Which target a name stands for."""

from __future__ import annotations

import pytest

from transferlab.transferability.target import compose_target
from transferlab.utils.config_checks import ConfigError


def test_targets_are_experiments_also_with_another_corpus() -> None:
    assert compose_target("glue:rte").dataset.task == "rte"
    assert compose_target("ner", ["seed=7"]).seed == 7
    with pytest.raises(ConfigError, match=r"target=wnut: did you mean wnut17"):
        compose_target("wnut:x")
