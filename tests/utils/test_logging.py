"""What a run says at its start, and to its loggers."""

from __future__ import annotations

import logging
import os
import warnings

import pytest
from omegaconf import OmegaConf

from transferlab.utils.logging import apply_extras, log_resolved_config, show_config

CONFIG = {
    "seed": 3,
    "model": {"width": "${seed}"},
    "extras": {"ignore_warnings": False, "print_config": True},
}


def test_config_is_printed_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    show_config(OmegaConf.create(CONFIG))
    printed = capsys.readouterr().out
    assert "seed: 3" in printed
    assert "width: 3" in printed


def test_further_rank_keeps_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    level = logging.getLogger().level
    try:
        apply_extras(OmegaConf.create(CONFIG))
        assert logging.getLogger().level == logging.ERROR
    finally:
        logging.getLogger().setLevel(level)
    assert capsys.readouterr().out == ""


def test_ignore_warnings_silences_load_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "x")
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY")
    filters = list(warnings.filters)
    apply_extras(OmegaConf.create({"extras": {"ignore_warnings": False}}))
    assert warnings.filters == filters
    assert "TRANSFORMERS_VERBOSITY" not in os.environ
    apply_extras(OmegaConf.create({"extras": {"ignore_warnings": True}}))
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "error"
    assert warnings.filters[0][0] == "ignore"  # pytest restores the filters after the test


def test_advertisements_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    apply_extras(OmegaConf.create({}))
    lightning = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    with caplog.at_level(logging.INFO, logger=lightning.name):
        lightning.info("💡 Tip: buy this")
        lightning.info("GPU available: False")
    assert caplog.messages == ["GPU available: False"]


def test_loggers_get_the_resolved_config() -> None:
    class Recorder:
        def log_hyperparams(self, params: dict) -> None:
            self.params = params

    recorder = Recorder()
    log_resolved_config(OmegaConf.create(CONFIG), [recorder])  # type: ignore[list-item]
    assert recorder.params["model"] == {"width": 3}
    assert type(recorder.params["model"]) is dict
