"""Sources of a run by name and depth."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.source_selection import select_sources


@pytest.fixture
def config(tmp_path: Path) -> DictConfig:
    folder = tmp_path / "configs" / "source"
    folder.mkdir(parents=True)
    for name in ("ner", "squad_2", "bert"):
        (folder / f"{name}.yaml").write_text(f"# @package model.pretrained_models\n{name}: ${{paths.models}}/{name}\n")
    for name in ("ner", "squad_2", "bert"):
        (tmp_path / "m" / name).mkdir(parents=True)
    cfg = OmegaConf.create(
        {
            "paths": {"root_dir": str(tmp_path), "models": str(tmp_path / "m")},
            "encoder": "minilm",
            "sources": None,
            "model": {"pretrained_models": {"target": "${encoder}"}, "truncate_models": {"bert": 3, "target": 2}},
        }
    )
    OmegaConf.set_struct(cfg, True)
    return cfg


def test_none_leaves_the_model_as_it_is(config: DictConfig) -> None:
    before = OmegaConf.to_yaml(config)
    select_sources(config)
    assert OmegaConf.to_yaml(config) == before


def test_sources_take_the_place_of_the_encoders_in_their_order(config: DictConfig) -> None:
    config.sources = ["squad_2", "ner_10", "ner", "bert", "squad_2_4"]
    select_sources(config)
    assert list(config.model.pretrained_models) == ["squad_2", "ner_10", "ner", "bert", "squad_2_4"]
    assert config.model.pretrained_models["ner_10"].endswith("/m/ner")
    assert config.model.pretrained_models["squad_2_4"].endswith("/m/squad_2"), "a file's own name wins over a depth"
    assert config.model.truncate_models == {"bert": 3, "ner_10": 10, "squad_2_4": 4}
    again = OmegaConf.to_yaml(config)
    select_sources(config)
    assert OmegaConf.to_yaml(config) == again


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["nerr"], r"'nerr' has no file in .*did you mean ner"),
        (["tagger_3"], r"'tagger_3' has no file in .*there are bert, ner, squad_2"),
        (["ner", "ner"], r"'ner' is named twice"),
    ],
)
def test_refusals(config: DictConfig, sources: list[str], message: str) -> None:
    config.sources = sources
    with pytest.raises(ConfigError, match=message):
        select_sources(config)


def test_a_file_that_is_no_source(config: DictConfig, tmp_path: Path) -> None:
    (tmp_path / "configs" / "source" / "ner.yaml").write_text("other: x\n")
    config.sources = ["ner"]
    with pytest.raises(ConfigError, match=r"ner\.yaml: a source is one line, `ner: <name or path>`"):
        select_sources(config)


def test_one_source_needs_no_brackets(config: DictConfig) -> None:
    config.sources = "ner_3"
    select_sources(config)
    assert config.model.pretrained_models == {"ner_3": f"{config.paths.models}/ner"}


def test_a_source_that_is_not_trained_yet(config: DictConfig) -> None:
    config.paths.models = "/no/such/place"
    config.sources = ["ner"]
    with pytest.raises(ConfigError, match=r"'ner' is not at /no/such/place/ner; train it"):
        select_sources(config)
