"""Config keys against signatures."""

import pytest
from omegaconf import OmegaConf

from transferlab.utils.config_checks import ConfigError, check_root_keys, check_targets, keyword_names, root_keys


class Part:
    def __init__(self, hidden_size: int, depth: int = 1) -> None: ...


class Base:
    def __init__(self, *, learning_rate: float = 1.0) -> None: ...


class Whole(Base):
    OPTIONS_OF = (Part, Base)

    def __init__(self, **options: object) -> None: ...


def anything(**options: object) -> None: ...


def test_keywords_of_a_class_are_its_own_its_parts_and_its_base_s() -> None:
    assert keyword_names(Whole) == {"hidden_size", "depth", "learning_rate"}
    assert keyword_names(Part) == {"hidden_size", "depth"}
    assert keyword_names(anything) is None


def test_an_unknown_key_names_the_nearest_ones() -> None:
    target = "transferlab.data.datamodule.TransferDataModule"
    cfg = OmegaConf.create({"model": {"_target_": target, "batchsize": 2}})
    with pytest.raises(ConfigError, match=r"model\.batchsize: .*did you mean batch_size"):
        check_targets(cfg)


def test_nested_targets_are_checked() -> None:
    inner = {"_target_": "transferlab.data.readers.jsonl.JsonLinesReader", "dir": "x"}
    with pytest.raises(ConfigError, match=r"a\.b\.dir.*data_dir"):
        check_targets(OmegaConf.create({"a": {"b": inner}}))
    with pytest.raises(ConfigError, match=r"list\[0\]\.dir"):
        check_targets(OmegaConf.create({"list": [inner]}))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("transferlab.data.readers.jsonl.Nothing", "does not exist"),
        ("transferlab.nowhere.Thing", "does not exist"),
        ("not_installed_at_all.Thing", "not_installed_at_all"),
    ],
)
def test_missing_targets(target: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_targets(OmegaConf.create({"x": {"_target_": target}}))


@pytest.mark.parametrize(
    ("key", "hint"),
    [("sed", r"did you mean seed"), ("patience", r"did you mean stop\.patience"), ("zzz", r"known: data, model")],
)
def test_an_unknown_root_key_names_where_there_is_one(key: str, hint: str) -> None:
    cfg = OmegaConf.create({"seed": 1, "stop": {"patience": 5}, "model": None, "data": "${stop}", key: {"x": 3}})
    with pytest.raises(ConfigError, match=rf"^{key}: nothing reads this key; {hint}"):
        check_root_keys(cfg, {"seed", "stop", "model", "data"})


def test_root_keys_are_those_of_the_file_and_its_groups(tmp_path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("defaults: [_self_, {model: a}, {optional local: b}]\nseed: 1\nplace: ${nowhere}\n")
    assert root_keys(file) == {"model", "local", "seed", "place", "wandb_watch", "optimized_metric"}


def test_good_configs_pass() -> None:
    good = {"_target_": "transferlab.data.readers.jsonl.JsonLinesReader", "data_dir": "${place}", "_partial_": True}
    check_targets(OmegaConf.create({"x": good, "place": "here", "plain": {"anything": 1}, "nothing": None}))


def test_what_cannot_be_resolved_is_named() -> None:
    reader = {"_target_": "transferlab.data.readers.jsonl.JsonLinesReader", "data_dir": "${nowhere}"}
    with pytest.raises(ConfigError, match=r"x\.data_dir.*nowhere"):
        check_targets(OmegaConf.create({"x": reader}))
