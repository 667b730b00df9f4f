"""Command lines before Hydra reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from transferlab.utils.command_line import understood
from transferlab.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("logger=null", "~logger"),
        ("callbacks=", "~callbacks"),
        ("features=null", "features=off"),
        ("seed=null", "seed=null"),
        ("+logger=null", "+logger=null"),
        ("experiment=[ner,probing]", "experiment=[ner,probing]"),
        ("experiment=[ner,probing],[re,probing]", "experiment=[ner,probing],[re,probing]"),
    ],
)
def test_arguments_are_what_is_meant(argument: str, meant: str) -> None:
    assert understood(["train.py", argument], CONFIGS) == ["train.py", meant]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("experiment=ner -m seed=1,2", "experiment=ner seed=1,2 -m"),
        ("--multirun experiment=ner seed=1,2", "experiment=ner seed=1,2 --multirun"),
        ("-c job experiment=ner", "experiment=ner -c job"),
        ("experiment=ner --cfg=job seed=1", "experiment=ner seed=1 --cfg=job"),
        ("--config-name train seed=1 --info defaults", "seed=1 --config-name train --info defaults"),
        ("--info seed=1", "seed=1 --info"),
        ("-cjob ~logger", "~logger -cjob"),
    ],
)
def test_flags_stand_anywhere(typed: str, meant: str) -> None:
    assert understood(["train.py", *typed.split()], CONFIGS) == ["train.py", *meant.split()]


@pytest.mark.parametrize(
    "task", ["ner", "coref", "litbank_ner", "litbank_coref", "mrpc", "squad_v2", "semeval2010_task8"]
)
def test_a_task_that_would_undo_the_probe_before_it_is_refused_with_the_order(task: str) -> None:
    with pytest.raises(ConfigError, match=rf"experiment=\[{task},probing\]"):
        understood(["train.py", f"experiment=[probing,{task}]"], CONFIGS)
    with pytest.raises(ConfigError, match="probing"):
        understood(["train.py", f"experiment=[{task},probing],[probing,{task}]"], CONFIGS)
