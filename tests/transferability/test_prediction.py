"""Which sources were trained on the corpus of a target, and which target a name stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transferlab.transferability.prediction import _same_corpus
from transferlab.transferability.target import compose_target
from transferlab.utils.config_checks import ConfigError

WNUT = {"_target_": "transferlab.data.readers.columns.ColumnReader", "variable": "WNUT17_DIR", "data_dir": None}
LITBANK = {"_target_": "transferlab.data.readers.litbank.LitBankReader", "data_dir": None, "fold": 0}


@pytest.mark.parametrize(
    ("target", "data", "same"),
    [
        ("wnut17", WNUT, True),
        ("wnut17", WNUT | {"data_dir": "/somewhere", "files": {"train": "other"}}, True),
        ("wnut17", WNUT | {"variable": "CONLL2003_DIR"}, False),
        ("litbank_coref", LITBANK | {"fold": 3}, True),  # its test documents are in the other fold's training split
        ("litbank_ner", LITBANK, False),
        ("glue:rte", {"_target_": "transferlab.data.readers.glue.GlueReader", "task": "sst2"}, False),
        ("glue:rte", {"_target_": "transferlab.data.readers.glue.GlueReader", "task": "rte"}, True),
        ("wnut17", {}, False),
    ],
)
def test_sources_of_the_targets_own_corpus(target: str, data: dict[str, Any], same: bool, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "transferlab.json").write_text(json.dumps({"data": data}))
    assert _same_corpus(str(tmp_path), compose_target(target)) is same


def test_sources_that_say_nothing_are_of_other_corpora() -> None:
    assert not _same_corpus("minilm", compose_target("wnut17"))


def test_targets_are_experiments_also_with_another_corpus() -> None:
    assert compose_target("glue:rte").dataset.task == "rte"
    assert compose_target("ner", ["seed=7"]).seed == 7
    with pytest.raises(ConfigError, match=r"target=wnut: did you mean wnut17"):
        compose_target("wnut:x")
