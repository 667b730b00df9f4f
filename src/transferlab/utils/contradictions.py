"""Options that were typed together although one leaves the other without effect, which nobody would notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.errors import ConfigError
from transferlab.utils.option_kinds import show


@dataclass(frozen=True)
class _Condition:
    """Options that have an effect only where another one has a certain value.

    Attributes:
        key: of the other one.
        value: that it must have.
        options: by key, with the value that says nothing.
    """

    key: str
    value: Any
    options: dict[str, Any]

    def idle(self, cfg: DictConfig, typed: set[str]) -> list[str]:
        """The typed ones without an effect."""
        parent = OmegaConf.select(cfg, self.key.rpartition(".")[0])
        if parent is None or self.key.rpartition(".")[2] not in parent or OmegaConf.select(cfg, self.key) == self.value:
            return []
        given = (key for key in self.options if key in typed)
        return [key for key in given if OmegaConf.select(cfg, key) != self.options[key]]


_ANY = object()  # no value of these says nothing
_CONDITIONS = (
    _Condition("model.loss_type", "hinge", {"model.false_new_delta": _ANY}),
    _Condition(
        "model.higher_order",
        "cluster_merging",
        {
            f"model.{name}": _ANY
            for name in ("cluster_ffnn_size", "cluster_reduce", "easy_cluster_first", "cluster_dloss")
        },
    ),
    _Condition(
        "embedding.finetune_classifier",
        True,
        {
            f"embedding.{name}": _ANY
            for name in ("learning_rate", "weight_decay", "adam_epsilon", "max_grad_norm", "warmup_steps")
        },
    ),
    _Condition(
        "embedding.feature_type",
        "gradients",
        {
            "embedding.labels": "gold",
            "embedding.samples": 1,
            "embedding.fim_scale": None,
            "embedding.num_softmax_classifiers": 1,
        },
    ),
)


def check_typed_together(cfg: DictConfig, overrides: Sequence[str], of_sweep: bool = False) -> None:
    """Refuse options of which one has no effect beside the other.

    An experiment or a config may state such a pair: its values are defaults, and what is typed replaces them.

    Args:
        cfg: of a training, or of an embedding.
        overrides: that were typed.
        of_sweep: they are those of one of its jobs. What is typed for all of them may have an effect in a few.

    Raises:
        ConfigError: both options, and which to leave out.
    """
    typed = {override.key_or_group for override in OverridesParser.create().parse_overrides([*overrides])}

    def refuse(first: str, second: str, reason: str) -> None:
        stated = " and ".join(f"{key}={show(OmegaConf.select(cfg, key))}" for key in (first, second))
        raise ConfigError(f"{stated}: {reason}; leave one of them out")

    for part in ("epochs", "steps"):
        least, most = f"trainer.min_{part}", f"trainer.max_{part}"
        low, high = OmegaConf.select(cfg, least), OmegaConf.select(cfg, most)
        if {least, most} <= typed and low is not None and high is not None and 0 <= high < low:
            refuse(least, most, "the training would have to be longer than it may be")
    steps, proportion = "model.warmup_steps", "model.warmup_proportion"
    if {steps, proportion} <= typed and OmegaConf.select(cfg, steps) is not None:
        refuse(steps, proportion, "both say how long the learning rate rises")
    choice, seed = "datamodule.select_by", "datamodule.select_seed"
    if seed in typed and OmegaConf.select(cfg, choice) == "first":
        refuse(choice, seed, "the first documents or examples are the same with every seed")
    method, depth = "model.higher_order", "model.coref_depth"
    if OmegaConf.select(cfg, method) == "cluster_merging" and (OmegaConf.select(cfg, depth) or 1) > 1:
        refuse(method, depth, "clusters are merged in one pass, whatever the depth")
    for condition in _CONDITIONS if not of_sweep else ():
        for key in condition.idle(cfg, typed):
            stated = f"{key}={show(OmegaConf.select(cfg, key))}"
            raise ConfigError(
                f"{stated} has an effect with {condition.key}={show(condition.value)} alone, and it is "
                f"{show(OmegaConf.select(cfg, condition.key))}; add that, or leave {key} out"
            )


def is_job_of_sweep() -> bool:
    """Whether this process runs a job of a sweep now."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def check_sweep_once(overrides: Sequence[str], is_search: bool) -> None:
    """Refuse a key that is swept and typed a second time: its last value counts for all jobs, or is never seen.

    Args:
        overrides: of a sweep.
        is_search: its values are chosen by a search, which drops all but the first.

    Raises:
        ConfigError: the two overrides.
    """
    parsed = OverridesParser.create().parse_overrides([*overrides])
    counts = Counter(override.key_or_group for override in parsed)
    for key in (key for key, count in counts.items() if count > 1):
        same = [override for override in parsed if override.key_or_group == key]
        if any(override.is_sweep_override() for override in (same if is_search else same[:-1])):
            stated = " and ".join(str(override.input_line) for override in same)
            raise ConfigError(f"{stated}: {key} is given twice, and not all of it would be run; leave one out")
