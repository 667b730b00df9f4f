"""``probes={sources: ner_*, seed: [1, 2]}``: several probes in one run; every combination of the values is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from transferlab.encoders.sources import load_config, resolve
from transferlab.root_options import Train
from transferlab.utils.config_checks import ConfigError, check_targets, locate
from transferlab.utils.options import options_of
from transferlab.utils.source_selection import select_sources

EVERY_DEPTH = "_*"
FOLDER = "probes"  # of a run, for those of its probes


@dataclass(frozen=True)
class Probe:
    """One of the models of a run.

    Attributes:
        name: what tells it from the others, also the name of its folder.
        cfg: its composed config, with an output directory of its own.
        overrides: that would make a run of its own of it, beside those of the run.
    """

    name: str
    cfg: DictConfig
    overrides: list[str]


def probes_of(cfg: DictConfig) -> list[Probe]:
    """The probes of a composed training config; none where it trains one model.

    A probe differs from the run in ``sources``, ``seed`` or keys of ``model``, and has a directory of its own below the
    run's. ``sources: ner_*`` stands for every depth of ``ner``.

    Raises:
        ConfigError: a key that probes cannot differ in, or values that are not told apart.
    """
    if cfg.probes is None:
        return []
    if not isinstance(cfg.probes, DictConfig):
        raise ConfigError(f"probes={cfg.probes}: name what they differ in, for example probes={{sources: ner_*}}")
    known = {name: options_of(Train).named[name] for name in ("sources", "seed")}
    of_model = options_of(locate(str(cfg.model._target_), "model._target_")).named
    known |= {f"model.{name}": option for name, option in of_model.items()}
    choices: dict[str, list[Any]] = {}
    for key, values in OmegaConf.to_container(cfg.probes, resolve=True).items():  # type: ignore[union-attr]
        key = str(key)
        if key not in ("sources", "seed") and not key.startswith("model."):
            raise ConfigError(
                f"probes.{key}: the probes of a run share data and training; they may differ in sources, seed and keys "
                "of model, such as model.aggregate; sweep over other keys with --multirun"
            )
        listed = values if isinstance(values, list) else [values]
        for value in listed if key in known else ():  # parts of an option are checked with their model
            known[key].check(value, f"probes.{key}")
        choices[key] = [value for v in listed for value in _depths(cfg, v)] if key == "sources" else listed
    if not choices or not all(choices.values()):
        raise ConfigError(f"probes={cfg.probes}: there is none; each key needs at least one value, or probes=null")
    found: dict[str, Probe] = {}
    for values in product(*choices.values()):
        own = dict(zip(choices, values, strict=True))
        name = "--".join(_part(key, value) for key, value in own.items())
        if name in found:
            raise ConfigError(f"probes: {name} is named twice")
        found[name] = Probe(name, _config(cfg, name, own), [f"{key}={_written(value)}" for key, value in own.items()])
    places: dict[str, str] = {}
    for probe in found.values():
        for encoder_id, place in (probe.cfg.model.pretrained_models or {}).items():
            if places.setdefault(str(encoder_id), place) != place:
                raise ConfigError(
                    f"probes: the encoder {encoder_id!r} is {places[str(encoder_id)]} here, {place} there"
                )
    return list(found.values())


def _config(cfg: DictConfig, name: str, own: dict[str, Any]) -> DictConfig:
    config = cfg.copy()
    with open_dict(config):
        config.probes = None
        directory = Path(cfg.paths.output_dir)
        if not Path(cfg.model_save_dir).is_relative_to(directory):
            config.model_save_dir = str(Path(cfg.model_save_dir, name))
        config.paths.output_dir = str(directory / FOLDER / name)
        for key, value in own.items():
            OmegaConf.update(config, key, value, merge=False, force_add=True)
    check_targets(config.model, "model")
    select_sources(config)
    return config


def _depths(cfg: DictConfig, selection: Any) -> list[Any]:
    """``ner_*`` as one selection per layer, any other as it is."""
    if not isinstance(selection, str) or not selection.endswith(EVERY_DEPTH):
        return [selection if isinstance(selection, list) else [selection]]
    source = selection.removesuffix(EVERY_DEPTH)
    alone = cfg.copy()
    with open_dict(alone):
        alone.sources = [source]
    select_sources(alone)
    layers = load_config(source, resolve(alone.model.pretrained_models[source]), None, None).num_hidden_layers
    return [[f"{source}_{layer}"] for layer in range(1, layers + 1)]


def _written(value: Any) -> str:
    """A value as on the command line."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w.*/+-]+", value) else "'" + value.replace("'", "\\'") + "'"
    return "null" if value is None else str(value)


def _part(key: str, value: Any) -> str:
    """A value in the name of a probe, which is the name of a folder and needs no quotes on a command line."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    text = re.sub(r"[^\w.+-]+", "-", text).strip("-")
    return text if key == "sources" else f"{key.rpartition('.')[2]}-{text}"
