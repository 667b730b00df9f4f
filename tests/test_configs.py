"""Every shipped config composes, and names only classes and keys that exist."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from transferlab.root_options import check_config
from transferlab.utils.source_selection import select_sources

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
ROOTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
# the groups of each root, and what they need of the command line
GROUPS = {
    "train": [
        "dataset", "datamodule", "taskmodule", "model", "features", "callbacks", "logger", "trainer", "paths", "extras",
    ],
    "predict": ["pipeline", "serializer"],
    "evaluate_documents": ["metric"],
    "embed": ["embedding"],
}  # fmt: skip
REQUIRED = {
    "evaluate": ["model_name_or_path=x"],
    "predict": ["model_name_or_path=x"],
    "convert": ["checkpoint=x"],
    "report": ["sweeps=x"],
    "rank": ["target=coref", "sources=[ner,re]"],
}


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml") if path.stem != "encoders")


def composed(root: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(root, overrides=["paths.output_dir=/run", *REQUIRED.get(root, []), *overrides])


def check(cfg: DictConfig, root: str = "train") -> None:
    check_config(cfg, root)
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("root", ROOTS)
def test_roots(root: str) -> None:
    check(composed(root), root)


@pytest.mark.parametrize(
    ("root", "group", "option"), [(r, g, o) for r, gs in GROUPS.items() for g in gs for o in options(g)]
)
def test_options_of_groups(root: str, group: str, option: str) -> None:
    if option == "aim" and find_spec("aim") is None:
        pytest.skip("the package aim is not installed")
    check(composed(root, f"{group}={option}"), root)


@pytest.mark.parametrize("experiment", options("experiment"))
def test_experiments(experiment: str) -> None:
    cfg = composed("train", f"experiment={experiment}")
    check(cfg)
    assert cfg.task_name != "train", "an experiment names its runs"


@pytest.mark.parametrize(
    ("experiment", "recipe"),
    [
        ("mrpc", "emnlp2020_classification"),
        ("complex", "emnlp2020_classification"),
        ("squad_v2", "emnlp2020_question_answering"),
        ("ner", "emnlp2020_sequence_labelling"),
    ],
)
def test_recipes(experiment: str, recipe: str) -> None:
    """The settings of Vu et al. (EMNLP 2020): rates, batches, lengths and epochs; no warm-up, the last epoch."""
    rate, batch, length, epochs = {
        "emnlp2020_classification": (2e-5, 32, 128, 3),
        "emnlp2020_question_answering": (3e-5, 12, 384, 3),
        "emnlp2020_sequence_labelling": (5e-5, 32, 128, 6),
    }[recipe]
    cfg = composed("train", f"experiment={experiment}", f"recipe={recipe}")
    check(cfg)
    assert cfg.model.bert_learning_rate == cfg.model.task_learning_rate == rate
    assert (cfg.datamodule.batch_size, cfg.trainer.max_epochs) == (batch, epochs)
    assert cfg.taskmodule.get("max_length", cfg.taskmodule.get("max_segment_len")) == length
    assert cfg.model.warmup_proportion == 0 and cfg.trainer.gradient_clip_val == 1
    assert cfg.callbacks.model_checkpoint.monitor is None and cfg.callbacks.early_stopping is None


@pytest.mark.parametrize("grid", options("grid"))
def test_grids(grid: str) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", overrides=["paths.output_dir=/run", f"grid={grid}"], return_hydra_config=True)
    params = cfg.hydra.sweeper.params
    for experiment in params.experiment.split(","):
        job = composed("train", f"experiment={experiment}", f"grid={grid}")
        check(job)
        assert job.task_name == cfg.task_name, "the jobs of a grid lie together"
    assert set(params.sources.replace("[", "").replace("]", "").split(",")) <= set(options("source"))


@pytest.mark.parametrize("debug", options("debug"))
def test_debug_modes(debug: str) -> None:
    check(composed("train", f"debug={debug}"))


@pytest.mark.parametrize("source", options("source"))
def test_sources(source: str, tmp_path: Path) -> None:
    (tmp_path / "pretrained" / source).mkdir(parents=True)
    models = f"paths.model_dir={tmp_path}"
    cfg = composed("train", f"+source={source}", models)
    assert source in cfg.model.pretrained_models
    before = OmegaConf.to_container(cfg.model.pretrained_models, resolve=True)
    cfg = composed("train", f"sources=[{source}_1,{source}]", models)
    select_sources(cfg)
    check(cfg)
    assert cfg.model.pretrained_models == {f"{source}_1": before[source], source: before[source]}
    assert cfg.model.truncate_models == {f"{source}_1": 1}


def test_every_group_is_tested() -> None:
    groups = {path.parent.name for path in CONFIGS.glob("*/*.yaml")}
    elsewhere = {
        "experiment",
        "debug",
        "hydra",
        "hparams_search",
        "wandb_watch",
        "local",
        "source",
        "recipe",
        "grid",
        "estimator",
    }
    assert groups - elsewhere == {group for groups in GROUPS.values() for group in groups}


def test_rank_has_every_estimator() -> None:
    assert sorted(composed("rank").estimators) == options("estimator")


def test_the_published_command_composes() -> None:
    cfg = composed(
        "train",
        "experiment=conll2012_coref_hoi_multimodel_base",
        "+model.pretrained_models={bert-base-cased-coref-hoi:models/pretrained/bert-base-cased-coref-hoi,"
        "bert-base-cased-mrpc:bert-base-cased-finetuned-mrpc}",
        "+model.freeze_models=[bert-base-cased-coref-hoi,bert-base-cased-mrpc]",
        "+model.aggregate=attention",
        "model.task_learning_rate=1e-4",
        "trainer=gpu",
        "+model.truncate_models.bert-base-cased-mrpc=2",
        "seed=1",
        "+wandb_watch=attention_activation",
    )
    check(cfg)
    assert cfg.model.truncate_models == {"bert-base-cased-mrpc": 2}
    assert list(cfg.model.pretrained_models) == ["bert-base-cased-coref-hoi", "bert-base-cased-mrpc"]
    assert cfg.callbacks.attention_weights.log_freq is not None


def test_learning_rates_are_numbers() -> None:
    model = composed("train").model
    assert isinstance(model.task_learning_rate, float) and isinstance(model.adam_epsilon, float)
