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
from transferlab.utils.resume import CONFIG
from transferlab.utils.run_files import DAMAGED, RunFileError
from transferlab.utils.targets import WANDB, UntrustedError, check_name

FEATURES_DIR = "FEATURES_DIR"
MLFLOW_STORE = "mlflow.db"  # in paths.log_dir, see configs/logger/mlflow.yaml
OUTPUT_DIR = "${hydra:runtime.output_dir}"
RESOLVERS = ("oc.env", "oc.select", "oc.dict.keys", "oc.dict.values")  # beside OUTPUT_DIR
# Parts of a config that name places to write to
WRITING = ("callbacks", "logger", "trainer", "features", "model.features", "model_save_dir")
_ENTITIES = ("wandb.entity", "logger.wandb.entity")
_CORPUS_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]*_DIR\b")
PROBES = "probes."  # the part whose keys are themselves keys of the config, which each probe sets
_NAMES_A_PLACE = re.compile(r"(?i)(dir|path|directory|folder)$")


@dataclass(frozen=True)
class Caller:
    """Whom a command belongs to: what she trusts, and where she keeps things.

    Attributes:
        trusted: packages, and environment variables beside ours.
        overridden: keys that the command line sets; groups, whose choice is merged with what a run has, among them.
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

    def is_group(self, key: str) -> bool:
        """Whether an override of this key chooses a file of ours."""
        return "/" in key or (self.configs / key).is_dir()

    def entities(self) -> set[Any]:
        """The W&B accounts that her own files name."""
        from omegaconf import OmegaConf

        local = self.configs / "local" / "default.yaml"
        files = [file for file in (self.configs / "logger" / "wandb.yaml", local) if file.is_file()]
        named = [OmegaConf.select(OmegaConf.load(file), key) for file in files for key in _ENTITIES]
        return {None, *named}

    def may_write(self, key: str, run: Path) -> list[Path]:
        """The directories below which a part of ``WRITING`` may write."""
        places = [run]
        if key == "logger":
            places += [self.places["log_dir"] / MLFLOW_STORE]  # it is hers, and of all her runs
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
        raise UntrustedError(f"{directory / CONFIG} holds no config of a run, but {content!r:.60}; {DAMAGED}")
    content = {key: value for key, value in content.items() if key not in ("resume", "ckpt_path", "trust")}
    if not isinstance(paths := content.get("paths", {}), dict):
        raise RunFileError(f"{directory / CONFIG}: paths should be a mapping, not {paths!r:.60}; {DAMAGED}")
    content["paths"] = paths | {"root_dir": "${oc.env:PROJECT_ROOT}", "output_dir": OUTPUT_DIR}
    for key in ("hydra", "defaults"):
        if key in content:
            raise UntrustedError(f"{directory}: the config of a run has no part {key!r}, which would speak to Hydra")
    theirs = _without(content, {key for key in caller.overridden if not caller.is_group(key)})
    if theirs.get("push_to_hub") is not None:
        raise UntrustedError(
            f"push_to_hub={theirs['push_to_hub']} comes from {directory}; give it on the command line if the model is "
            "to go there, else push_to_hub=null"
        )
    variables = caller.variables()
    for key, value in leaves(theirs):
        check_leaf(key, value, caller.trusted, variables)
    resolved = _resolved(theirs, directory)
    for key, value in leaves(resolved):
        if key.endswith("._target_"):  # an interpolated part may stand where its classes may not
            check_name(value, key.rpartition(".")[0], caller.trusted)
    _check_wandb(resolved, "", caller)
    _check_places(resolved, directory, caller)
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
    """Raise UntrustedError for a target, an interpolation or a variable that a run may not name.

    Arguments without a keyword are refused, since what they stand for cannot be told by their key.
    """
    parent, _, name = key.rpartition(".")
    if "_args_" in key.split("."):
        raise UntrustedError(f"{key}={value!r} comes from a run's directory, which may give arguments by keyword only")
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


def _check_places(resolved: dict[str, Any], directory: Path, caller: Caller) -> None:
    places = {part: caller.may_write(part, directory) for part in WRITING}
    for full, text in leaves(resolved):
        key = full.removeprefix(PROBES)
        for part in WRITING:
            if not isinstance(text, str) or not f"{key}.".startswith(f"{part}."):
                continue
            if text == "???":
                raise RunFileError(f"{full} is missing in {directory}; give it on the command line")
            if leads_out(key, text, places[part]):
                raise refused_place(full, text)


def _resolved(theirs: dict[str, Any], directory: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from transferlab.utils.hydra_messages import of_omegaconf

    try:
        resolved: Any = OmegaConf.to_container(OmegaConf.create(_written_out(theirs, directory)), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        reason = of_omegaconf(error) if isinstance(error, OmegaConfBaseException) else str(error)
        raise RunFileError(f"{directory / CONFIG} cannot be resolved ({reason}); {DAMAGED}") from error
    return resolved


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


def _check_wandb(value: Any, key: str, caller: Caller) -> None:
    """Refuse options of a W&B logger, wherever it is, that name other hosts and accounts than the caller's."""
    from omegaconf import OmegaConf

    for name, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _check_wandb(item, f"{key}.{name}" if key else str(name), caller)
    if not isinstance(value, dict) or value.get("_target_") != WANDB:
        return
    known = set(map(str, OmegaConf.select(OmegaConf.load(caller.configs / "logger" / "wandb.yaml"), "wandb")))
    refused = sorted(set(map(str, value)) - known)
    refused += ["entity"] if value.get("entity") not in caller.entities() else []
    if refused:
        raise UntrustedError(
            f"{key}.{refused[0]} comes from a run's directory; give it on the command line, or {key}=null"
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
