"""``sources=[coref,ner_10]``: encoders of a run chosen from the files in ``configs/source``."""

from __future__ import annotations

import re
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.errors import near

_DEPTH = re.compile(r"(?P<source>.+)_(?P<depth>[0-9]+)")


def select_sources(cfg: DictConfig) -> None:
    """Make the sources of a composed training config the encoders of its model, in their order.

    A source is the name of a file in ``configs/source``; ``<name>_<n>`` is its first n layers, under that id, so that
    one source may come at several depths. They take the place of ``model.pretrained_models``; where the encoders are
    aggregated, the first one is the target.

    Raises:
        ConfigError: a source without a file, named twice, or not trained yet.
    """
    given = cfg.get("sources") or []
    chosen = [given] if isinstance(given, str) else [str(source) for source in given]
    if not chosen:
        return
    directory = Path(cfg.paths.root_dir, "configs", "source")
    known = sorted(file.stem for file in directory.glob("*.yaml"))
    encoders: dict[str, str] = {}
    depths: dict[str, int] = {}
    for source in chosen:
        name, depth = source, None
        if name not in known and (match := _DEPTH.fullmatch(source)):
            name, depth = match["source"], int(match["depth"])
        if name not in known:
            hint = near(name, known) or f"there are {', '.join(known)}"
            raise ConfigError(f"sources: {source!r} has no file in {directory}; {hint} (and each with _<layers>)")
        if source in encoders:
            raise ConfigError(f"sources: {source!r} is named twice")
        encoders[source] = _location(directory / f"{name}.yaml")
        if depth is not None:
            depths[source] = depth
    with open_dict(cfg):
        cfg.model.pretrained_models = encoders
        kept = {name: n for name, n in (cfg.model.get("truncate_models") or {}).items() if name in encoders}
        cfg.model.truncate_models = kept | depths
    for source, place in cfg.model.pretrained_models.items():
        if Path(place).is_absolute() and not Path(place).exists():
            file = directory / f"{source}.yaml"
            file = file if file.is_file() else directory / f"{source.rpartition('_')[0]}.yaml"
            raise ConfigError(f"sources: {source!r} is not at {place}; {_how_to_train(file)}")


def _how_to_train(file: Path) -> str:
    """The command that trains a source, which stands in a comment of its file."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "src/train.py" in line:
            return f"train it: {line.lstrip('# ')}"
    return f"train it and save the model there, or write another path into {file}"


def _location(file: Path) -> str:
    """The one value of a source's file, with its interpolations."""
    entries = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    if not isinstance(entries, dict) or list(entries) != [file.stem]:
        raise ConfigError(f"{file}: a source is one line, `{file.stem}: <name or path>`")
    return str(entries[file.stem])
