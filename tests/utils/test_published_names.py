"""Names of the published code: what they mean here, and that the config which they lead to has these values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from transferlab.root_options import check_config
from transferlab.utils.command_line import understood
from transferlab.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def composed(typed: str) -> DictConfig:
    overrides = understood(["train.py", *typed.split()], CONFIGS)[1:]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", overrides=["paths.output_dir=/run", *overrides])
    check_config(cfg, "train")
    return cfg


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("name=probing/coref-task", "probing_coref-task"),
        ("name=full", "full"),
        ("+name=a/b/c", "a_b_c"),
        ("experiment=ner name=../x", ".._x"),  # never a way out of the directory of runs
    ],
)
def test_the_name_of_a_run_is_that_of_its_folder(typed: str, name: str) -> None:
    assert composed(typed).task_name == name


@pytest.mark.parametrize(
    ("typed", "encoders", "task"),
    [
        ("experiment=conll2012_ner-multimodel_base model.learning_rate=1e-3", 1e-3, 1e-3),
        ("experiment=squadv2 +model.learning_rate=3e-4", 3e-4, 3e-4),
        ("experiment=tacred model.learning_rate=1e-3 model.task_learning_rate=5e-4", 1e-3, 5e-4),
        ("experiment=tacred ++model.task_learning_rate=5e-4 model.learning_rate=1e-3", 1e-3, 5e-4),
    ],
)
def test_one_rate_is_that_of_all_parameters(typed: str, encoders: float, task: float) -> None:
    model = composed(typed).model
    assert (model.bert_learning_rate, model.task_learning_rate) == (encoders, task)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+datamodule.test_split=validation", "split=validation"),
        ("pipeline.ner_model_path=a/b", "pipeline.ner_model=a/b"),
        ("pipeline.re_model_path=c", "pipeline.re_model=c"),
        ("taskmodule.add_type_to_marker=false", "taskmodule.typed_markers=false"),
    ],
)
def test_other_keys(typed: str, meant: str) -> None:
    assert understood(["x.py", typed], CONFIGS) == ["x.py", meant]


def test_one_rate_can_be_swept() -> None:
    typed = ["train.py", "model.learning_rate=1e-4,3e-5", "seed=1,2"]
    assert understood(typed, CONFIGS)[1:] == [
        "model.bert_learning_rate=1e-4,3e-5", "model.task_learning_rate=${model.bert_learning_rate}", "seed=1,2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        ("+model.normalize_embeddings=True", "model.normalize_embeddings", True),
        ("+seed=7", "seed", 7),
        ("+trainer.max_epochs=3", "trainer.max_epochs", 3),
        (
            "experiment=conll2012_coref +model.bert_weight_decay=0.5",
            "model.bert_weight_decay",
            0.5,
        ),  # null in its group
        ("+callbacks.early_stopping.patience=9", "callbacks.early_stopping.patience", 9),
        ("+model.aggregate=attention", "model.aggregate", "attention"),
        ("+trainer.limit_train_batches=2", "trainer.limit_train_batches", 2),
        ("+model.pretrained_models={b:minilm}", "model.pretrained_models.b", "minilm"),
    ],
)
def test_a_plus_before_a_key_that_there_is_overrides_it(typed: str, key: str, value: object) -> None:
    from omegaconf import OmegaConf

    assert OmegaConf.select(composed(typed), key) == value


def test_a_plus_adds_what_there_is_not() -> None:
    typed = ["+trainer.limit_train_batches=2", "+wandb_watch=many_watches", "+model.freeze_models=[a]", "++seed=1"]
    assert understood(["train.py", *typed], CONFIGS)[1:] == typed


@pytest.mark.parametrize(
    "typed",
    [
        ["+model.pretrained_models={a:X,a:Y}"],
        ["+model.pretrained_models={ a : X, 'a':Y}"],
        ["+model.pretrained_models=a:X", "+model.pretrained_models=a:Y"],
        ["model.pretrained_models={b:X},{a:X,b:Y,a:Z}"],
        ["probes={sources:[[a],[b]],sources:[[c]]}"],
        ["model.pretrained_configs={a:{x:1,y:2,x:3}}"],
    ],
)
def test_a_mapping_names_each_key_once(typed: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"(a|sources|x) is named twice"):
        understood(["train.py", *typed], CONFIGS)


@pytest.mark.parametrize(
    "typed",
    [
        "m={a:X,b:X},{a:Y}",
        "m={a:{a:1,b:2},b:{a:3}}",
        "m={a:'b:c,b:d',b:/x}",
        "m={a:http://x,b:http://y}",
        "m=[a:1,a:2]",
        "hydra.sweep.subdir=${oc.env:A}_${oc.env:B}_${oc.env:A}",
    ],
)
def test_other_values_are_as_they_were(typed: str) -> None:
    assert understood(["train.py", typed], CONFIGS)[1:] == [typed]


def test_a_mapping_that_a_shell_has_cut_is_to_be_put_in_quotes() -> None:
    words = ["probes=sources:[[ner]", "probes=[re]]", "probes=seed:[1", "probes=2]"]  # of {sources:[[ner],[re]],...}
    with pytest.raises(ConfigError, match="quotes"):
        understood(["train.py", *words], CONFIGS)
