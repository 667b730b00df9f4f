"""Options that were typed together although one leaves the other without effect, which nobody would notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.errors import ConfigError
from transferlab.utils.option_kinds import show


def check_typed_together(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse options of which one has no effect beside the other.

    An experiment or a config may state such a pair: its values are defaults, and what is typed replaces them.

    Args:
        cfg: of a training.
        overrides: that were typed.

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
