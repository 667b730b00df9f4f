"""Held against a config that was read from a run, before Hydra sees it: what it may name, read and write.

What the caller gives on the command line is hers and not looked at; every refusal can be overruled that way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferlab.utils import run_identity
from transferlab.utils.targets import UntrustedError, check_name

FEATURES_DIR = "FEATURES_DIR"
OUTPUT_DIR = "${hydra:runtime.output_dir}"
RESOLVERS = ("oc.env", "oc.select", "oc.dict.keys", "oc.dict.values")  # beside OUTPUT_DIR
# Parts of a config that name places to write to
WRITING = ("callbacks", "logger", "trainer", "features", "model.features", "model_save_dir")
_CORPUS_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]*_DIR\b")
_NAMES_A_PLACE = re.compile(r"(?i)(dir|path|directory|folder)$")


@dataclass(frozen=True)
class Caller:
    """Whom a command belongs to: what she trusts, and where she keeps things.

    Attributes:
        trusted: packages, and environment variables beside ours.
        overridden: keys that the command line sets.
        places: {"data_dir", "model_dir", "log_dir"}: of her own configuration.
        configs: our folder of that name.
    """

    trusted: frozenset[str]
    overridden: frozenset[str]
    places: Mapping[str, Path]
    configs: Path

    def variables(self) -> frozenset[str]:
        """Environment variables that a run's config may read: ours, those of corpora, and those that she trusts."""
        texts = [file.read_text(encoding="utf-8") for file in (self.configs / "dataset").glob("*.yaml")]
        corpora = {name for text in texts for name in _CORPUS_VARIABLE.findall(text)}
        return frozenset({run_identity.PROJECT_ROOT, run_identity.RUN_ID, FEATURES_DIR} | corpora | self.trusted)

    def may_write(self, key: str, run: Path) -> list[Path]:
        """The directories below which a part of ``WRITING`` may write."""
        places = [run]
        if key == "model_save_dir":
            places += [self.places["model_dir"]]
        if key.endswith("features"):
            places += [self.places["data_dir"]]
            places += [Path(os.environ[FEATURES_DIR])] if os.environ.get(FEATURES_DIR) else []
        return [place.expanduser().resolve() for place in places]


def own_places(root: Path) -> dict[str, Path]:
    """``data_dir``, ``model_dir`` and ``log_dir`` as a new command would have them, of the caller's own files."""
    from omegaconf import OmegaConf

    places = OmegaConf.load(root / "configs" / "paths" / "default.yaml")
    local = root / "configs" / "local" / "default.yaml"
    if local.is_file() and (own := OmegaConf.select(OmegaConf.load(local), "paths")) is not None:
        places = OmegaConf.merge(places, own)
    config = OmegaConf.create({"paths": places})
    return {name: Path(config.paths[name]) for name in ("data_dir", "model_dir", "log_dir")}


def vetted(content: Any, directory: Path, caller: Caller) -> dict[str, Any]:
    """A run's config, with its own directory as the place that it writes to.

    Args:
        content: of the file, unresolved.
        directory: of the run.
        caller: of the command that goes on with it.

    Raises:
        UntrustedError: naming the key.
    """
    if not isinstance(content, dict):
        raise UntrustedError(f"{directory} holds no config of a run, but {content!r:.60}")
    content = {key: value for key, value in content.items() if key not in ("resume", "ckpt_path", "trust")}
    paths = content.get("paths")
    paths = paths if isinstance(paths, dict) else {}
    content["paths"] = paths | {"root_dir": "${oc.env:PROJECT_ROOT}", "output_dir": OUTPUT_DIR}
    for key in ("hydra", "defaults"):
        if key in content:
            raise UntrustedError(f"{directory}: the config of a run has no part {key!r}, which would speak to Hydra")
    theirs = _without(content, caller.overridden)
    if theirs.get("push_to_hub") is not None:
        raise UntrustedError(
            f"push_to_hub={theirs['push_to_hub']} comes from {directory}; give it on the command line if the model is "
            "to go there, else push_to_hub=null"
        )
    variables = caller.variables()
    for key, value in leaves(theirs):
        check_leaf(key, value, caller.trusted, variables)
    _check_wandb(theirs.get("logger"), caller.configs)
    _check_places(theirs, directory, caller)
    return content


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """``(dotted key, value)`` of everything that is no container."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, key)
    else:
        yield key, value


def check_leaf(key: str, value: Any, trusted: Collection[str], variables: Collection[str]) -> None:
    """Raise UntrustedError for a target, an interpolation or a variable that a run may not name."""
    parent, _, name = key.rpartition(".")
    if name == "_target_":
        check_name(value, parent, trusted)
    if name == "variable" and value is not None and value not in variables:
        raise _variable(key, str(value))
    if isinstance(value, str) and "${" in value:
        check_interpolations(key, value, variables)


def check_interpolations(key: str, text: str, variables: Collection[str]) -> None:
    r"""Raise UntrustedError unless a text interpolates only other keys and variables that may be read.

    ``\${...}`` is refused, too: it becomes an interpolation where it is read once more.
    """
    from omegaconf.errors import GrammarParseError
    from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
    from omegaconf.grammar_parser import parse

    try:
        waiting = [parse(text)]
    except GrammarParseError as error:
        raise UntrustedError(f"{key}={text!r} is no interpolation: {error}") from error
    if "\\${" in text:
        raise UntrustedError(f"{key}={text!r}: an interpolation behind a backslash")
    while waiting:
        node = waiting.pop()
        waiting += getattr(node, "children", None) or []
        if not isinstance(node, OmegaConfGrammarParser.InterpolationResolverContext):
            continue
        resolver = node.resolverName().getText()
        first = next(iter(node.sequence().getChildren()), None) if node.sequence() is not None else None
        argument = first.getText() if first is not None else ""
        if resolver == "oc.env" and argument not in variables:
            raise _variable(key, argument)
        if resolver not in RESOLVERS and node.getText() != OUTPUT_DIR:
            raise UntrustedError(
                f"{key}={text!r}: a run's config may not use the resolver {resolver!r}, only {', '.join(RESOLVERS)}"
            )


def leads_out(key: str, value: str, places: Collection[Path]) -> bool:
    """Whether a value is a path (by its key, or by its form) to somewhere outside of all ``places``, or an address."""
    path = Path(value).expanduser()
    if "://" in value:
        return True
    if not (_NAMES_A_PLACE.search(key) or path.is_absolute() or ".." in path.parts):
        return False
    return not any(path.absolute().resolve().is_relative_to(place) for place in places)


def refused_place(key: str, value: str) -> UntrustedError:
    """The error for a place that is not the run's own."""
    return UntrustedError(
        f"{key}={value} comes from a run's directory and leads out of it; give {key} on the command line to write there"
    )


def _check_places(theirs: dict[str, Any], directory: Path, caller: Caller) -> None:
    from omegaconf import OmegaConf

    config = OmegaConf.create(_written_out(theirs, directory))
    for part in WRITING:
        value = OmegaConf.select(config, part)
        value = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        places = caller.may_write(part, directory)
        for key, text in leaves(value, part):
            if isinstance(text, str) and leads_out(key, text, places):
                raise refused_place(key, text)


def _written_out(value: Any, directory: Path) -> Any:
    """The same with the run's directory for what Hydra alone resolves, and without what saved models say of the data.

    The config of a reader names where the corpus lies; readers write nothing.
    """
    if isinstance(value, dict):
        return {key: _written_out(item, directory) for key, item in value.items()}
    if isinstance(value, list):
        return [_written_out(item, directory) for item in value]
    if value == "${dataset}":
        return None
    return value.replace(OUTPUT_DIR, str(directory)) if isinstance(value, str) else value


def _check_wandb(loggers: Any, configs: Path) -> None:
    """W&B's further options name other hosts and accounts."""
    from omegaconf import OmegaConf

    known = set(map(str, next(iter(OmegaConf.load(configs / "logger" / "wandb.yaml").values()))))
    for name, logger in loggers.items() if isinstance(loggers, dict) else ():
        of_wandb = isinstance(logger, dict) and str(logger.get("_target_")).endswith(".wandb_logger")
        if of_wandb and (unknown := sorted(set(map(str, logger)) - known)):
            raise UntrustedError(
                f"logger.{name}.{unknown[0]} comes from a run's directory; give it on the command line, or "
                f"logger.{name}=null"
            )


def _without(content: dict[str, Any], overridden: Collection[str]) -> dict[str, Any]:
    """A copy without the values of some keys."""

    def copied(value: Any, key: str) -> Any:
        if key in overridden:
            return None
        if isinstance(value, dict):
            return {name: copied(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()}
        return [copied(item, f"{key}[]") for item in value] if isinstance(value, list) else value

    return copied(content, "")


def _variable(key: str, name: str) -> UntrustedError:
    return UntrustedError(
        f"{key}: a run's config may not read the environment variable {name}; trust=[{name}] allows it"
    )
