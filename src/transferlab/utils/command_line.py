"""The command line, before Hydra reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from transferlab.utils.errors import ConfigError, near
from transferlab.utils.published_names import with_our_names

OPTIONAL = "local"  # the one group whose config may be missing
_NO_CONFIG = re.compile(r"(?P<group>[a-z_]+)=(null|None|none)?")
_LEFT_OUT = re.compile(r"~(?P<by_tilde>[a-z_]+)|(?P<by_null>[a-z_]+)=(null|None|none)")
_NO_NAME = re.compile(
    r"(?P<group>[a-z_]+)=\[?(?P<value>[-+]?[\d.]+(e[-+]?\d+)?|true|false)(,.*)?\]?", re.IGNORECASE | re.DOTALL
)
_LISTED = re.compile(r"\[([\w, /'\"-]*)\]")
_ENTRY = re.compile(r"(?P<key>[^=]+)=(?P<entry>[\w./-]+:[^,]+)", re.DOTALL)  # one entry of a mapping, key=id:path
# a brace, or a key of a mapping, which stands behind a brace or comma; a value in quotes is passed over
_PART_OF_MAPPING = re.compile(r"""(?<=[{,])\s*(?P<name>'[^']*'|"[^"]*"|[^\s,:'"{}[\]]+)\s*:|'[^']*'|"[^"]*"|[{}]""")
_TASK = re.compile(r"^\s*- override /(model|taskmodule):", re.MULTILINE)  # of an experiment that chooses a task
_BASE = re.compile(r"^  - (\w+)\s*$", re.MULTILINE)  # an experiment that another starts from


def understood(argv: Sequence[str], configs: Path) -> list[str]:
    """A command line as it is meant.

    ``logger=null`` or ``=none``, which Hydra refuses, leaves out a group; ``key=a:x key=b:y`` is what bash makes of an
    unquoted ``key={a:x,b:y}``; ``experiment=tacred-multimodel_base`` means the config of that name with underscores
    only; names of the published code are read by published_names.py.

    Args:
        argv: the command line.
        configs: the directory of the groups. Where one has a config ``off``, that is how it is left out.

    Raises:
        ConfigError: experiments in an order in which one undoes what another is for, two tasks, an unknown flag, a
            number in place of a config, a key of a group that is left out, a config of personal settings that there
            is not, a mapping that names one key twice, or one that a shell has cut in pieces.
    """
    flags, typed = _flags_and_overrides(argv[1:])
    joined = _joined(typed)
    for argument in joined:
        _check_mappings(argument)
    overrides = [_underscored(argument, configs) for argument in with_our_names(joined, configs)]
    for argument in overrides:
        if argument.startswith("experiment="):
            _check_order(argument, configs / "experiment")
    _check_left_out(overrides, configs)
    for argument in overrides if not _has_other_configs(argv) else ():
        _check_there(argument, configs)
        _check_name(argument, configs)
    return [*argv[:1], *(_left_out(argument, configs) for argument in overrides), *flags]


def _flags_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags with their values, and the overrides, which Hydra takes in one piece only.

    Raises:
        ConfigError: there is no such flag.
    """
    from hydra._internal.utils import get_args_parser

    actions = {flag: action for action in get_args_parser()._actions for flag in action.option_strings}
    flags: list[str] = []
    overrides: list[str] = []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        name, _, value = argument.partition("=")
        if not argument.startswith("-") or argument == "-":
            overrides.append(argument)
        elif name in actions:
            flags.append(argument)
            action = actions[name]
            if remaining and not value and (action.nargs is None or remaining[0] in (action.choices or ())):
                flags.append(remaining.pop(0))
        elif argument[:2] in actions and not argument.startswith("--"):
            flags.append(argument)  # -cjob, -mi
        else:
            hint = near(name, actions) or "choose one of " + ", ".join(flag for flag in actions if flag[:2] == "--")
            raise ConfigError(f"{argument}: there is no such flag; {hint}")
    return flags, overrides


def _joined(overrides: list[str]) -> list[str]:
    """The overrides with entries of one mapping, which a shell has made words of, as that mapping again.

    Raises:
        ConfigError: the words are no entries, because the mapping held further commas.
    """
    keys = [argument.partition("=")[0] for argument in overrides]
    for key, argument in zip(keys, overrides, strict=True):
        if keys.count(key) > 1 and any(argument.count(one) != argument.count(other) for one, other in ("[]", "{}")):
            raise ConfigError(
                f"{argument}: the shell has made several words of the argument {key}=...; put the whole argument in "
                f"quotes, '{key}={{...}}'"
            )
    entries: dict[str, list[str]] = {}
    for argument in overrides:
        if found := _ENTRY.fullmatch(argument):
            entries.setdefault(found["key"], []).append(found["entry"])
    joined = []
    for argument in overrides:
        found = _ENTRY.fullmatch(argument)
        mapping = entries.pop(found["key"], []) if found else [argument]
        if len(mapping) == 1:
            joined.append(argument)
        elif found and mapping:  # where the first entry stood
            joined.append(f"{found['key']}={{{','.join(mapping)}}}")
    return joined


def _check_mappings(argument: str) -> None:
    """Refuse a mapping that names one key twice; Hydra takes the last of the two.

    Raises:
        ConfigError: naming the key.
    """
    key, _, value = argument.partition("=")
    names: list[set[str]] = []  # of each mapping around the current place
    for found in _PART_OF_MAPPING.finditer(value):
        if found["name"] is None:
            if found[0] == "{":
                names.append(set())
            elif found[0] == "}" and names:
                names.pop()
        elif names and (name := found["name"].strip(" '\"")) in names[-1]:
            raise ConfigError(f"{argument}: {name} is named twice in {key}; give each its own name, or leave one out")
        elif names:
            names[-1].add(name)


def _underscored(argument: str, configs: Path) -> str:
    """The choice of a config with underscores in place of hyphens, where only that one is there."""
    group, equals, names = argument.partition("=")
    if not equals or "-" not in names or not (configs / group.lstrip("+")).is_dir():
        return argument

    def known(name: re.Match[str]) -> str:
        written, meant = name[0], name[0].replace("-", "_")
        there = [(configs / group.lstrip("+") / f"{one}.yaml").is_file() for one in (written, meant)]
        return meant if there == [False, True] else written

    return group + equals + re.sub(r"[A-Za-z][\w-]*", known, names)


def _left_out(argument: str, configs: Path) -> str:
    found = _NO_CONFIG.fullmatch(argument)
    if found is None or not any((configs / found["group"]).glob("*.yaml")):
        return argument
    group = found["group"]
    return f"{group}=off" if (configs / group / "off.yaml").is_file() else f"~{group}"


def _check_left_out(overrides: Sequence[str], configs: Path) -> None:
    """Refuse a key of a group that is left out; Hydra would advise to append it."""
    for argument in overrides:
        found = _LEFT_OUT.fullmatch(argument)
        group = found and (found["by_tilde"] or found["by_null"])
        for other in overrides if group and (configs / group).is_dir() else ():
            if other.lstrip("+~").startswith(f"{group}."):
                raise ConfigError(f"{argument} leaves out what {other} changes; drop one of the two")


def _has_other_configs(argv: Sequence[str]) -> bool:
    """Whether Hydra is told of a further directory with configs."""
    return any(argument.startswith(("--config-dir", "-cd", "hydra.searchpath")) for argument in argv)


def _check_there(argument: str, configs: Path) -> None:
    """Refuse a config of the optional group that there is not; Hydra leaves it out in silence."""
    group, _, names = argument.partition("=")
    known = sorted(file.stem for file in (configs / OPTIONAL).glob("*.yaml"))
    for name in re.findall(r"[^\s,\[\]]+", names) if group == OPTIONAL else ():
        if name.removesuffix(".yaml") not in (*known, "null", "None", "none"):
            hint = near(name, known) or (f"choose one of {', '.join(known)}" if known else "write it or leave it out")
            raise ConfigError(f"{argument}: there is no {configs / OPTIONAL / name}.yaml; {hint}")


def _check_name(argument: str, configs: Path) -> None:
    """Refuse a number where a config of a group is to be named; Hydra shows where in its code it fails."""
    found = _NO_NAME.fullmatch(argument)
    known = sorted(file.stem for file in (configs / found["group"]).glob("*.yaml")) if found else []
    if found and known and found["value"] not in known:
        raise ConfigError(f"{argument}: there is no such config; choose one of {', '.join(known)}")


def _check_order(argument: str, experiments: Path) -> None:
    """Refuse an experiment that chooses a task behind one that does not: its settings would replace those before it."""
    for listed in _LISTED.findall(argument):
        names = [name.strip(" '\"") for name in listed.split(",")]
        tasks = [name for name in names if _chooses_task(name, experiments)]
        if len(tasks) > 1:
            raise ConfigError(
                f"experiment=[{','.join(names)}]: {' and '.join(tasks)} choose a task each, and a run has one; "
                "name one of them, or sweep over them: --multirun experiment=" + ",".join(tasks)
            )
        ordered = [*tasks, *(name for name in names if name not in tasks)]
        if names != ordered:
            raise ConfigError(
                f"experiment=[{','.join(names)}]: {tasks[-1]} chooses a task with its settings, which would replace "
                f"those of {names[0]}; write experiment=[{','.join(ordered)}]"
            )


def _chooses_task(name: str, experiments: Path) -> bool:
    """Whether an experiment, or one that it starts from, chooses a model or taskmodule."""
    file = experiments / f"{name}.yaml"
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    return bool(_TASK.search(text)) or any(_chooses_task(base, experiments) for base in _BASE.findall(text))
