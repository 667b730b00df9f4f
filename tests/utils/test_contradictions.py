"""Options that were typed although another one leaves them without effect."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from transferlab.utils.contradictions import check_typed_together
from transferlab.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def composed(root: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(root, overrides=["paths.output_dir=/run", *overrides])


@pytest.mark.parametrize(
    ("typed", "needs"),
    [
        ("model.false_new_delta=1.0", "model.loss_type=hinge"),
        ("model.cluster_reduce=max", "model.higher_order=cluster_merging"),
        ("model.easy_cluster_first=true", "model.higher_order=cluster_merging"),
        ("model.cluster_ffnn_size=8", "model.higher_order=cluster_merging"),
    ],
)
def test_options_of_the_head(typed: str, needs: str) -> None:
    cfg = composed("train", typed)
    key = typed.partition("=")[0]
    with pytest.raises(ConfigError, match=f"{key}.*{needs}"):
        check_typed_together(cfg, [typed])
    check_typed_together(cfg, [typed], of_sweep=True)  # another job of it may have what it takes
    check_typed_together(cfg, [])  # a config says it, for runs that have what it takes
    check_typed_together(composed("train", typed, needs), [typed, needs])


@pytest.mark.parametrize(
    ("typed", "needs"),
    [
        ("embedding.learning_rate=1e-3", "embedding.finetune_classifier=true"),
        ("embedding.warmup_steps=0", "embedding.finetune_classifier=true"),
        ("embedding.labels=sampled", "embedding.feature_type=gradients"),
        ("embedding.fim_scale=0.25", "embedding.feature_type=gradients"),
        ("embedding.num_softmax_classifiers=3", "embedding.feature_type=gradients"),
    ],
)
def test_options_of_an_embedding(typed: str, needs: str) -> None:
    options = ["embedding=taskemb", typed]
    other = [] if "finetune" in needs else ["embedding.feature_type=weights"]
    with pytest.raises(ConfigError, match=f"{typed.partition('=')[0]}.*{needs}"):
        check_typed_together(composed("embed", *options, *other), [*options, *other])
    check_typed_together(composed("embed", *options, needs), [*options, needs])


def test_what_says_nothing_may_be_typed() -> None:
    typed = ["embedding=taskemb", "embedding.feature_type=weights", "embedding.labels=gold", "embedding.samples=1"]
    check_typed_together(composed("embed", *typed), typed)


def test_a_model_without_the_other_option_is_left_alone() -> None:
    typed = ["experiment=ner", "+model.false_new_delta=1"]  # an unknown key is refused elsewhere
    check_typed_together(composed("train", *typed), typed)
