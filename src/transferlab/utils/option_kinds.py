"""The kinds of values that options take, as type annotations: whether a value is of a kind, and the kind in words.

Plain types, unions, ``Literal``, lists and mappings mean what they mean in Python, but that a truth value is no number,
a number is no text, and a nan or an infinity is no number at all. Bounds and choices are added by ``Annotated``.
"""

from __future__ import annotations

import collections.abc
import inspect
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Limits:
    """Bounds of a number, inclusive but for ``above`` and ``below``; None: there is none."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def hold(self, value: Any) -> bool:
        """Whether a number is within the bounds."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def words(self) -> str:
        """The bounds as they are said after "a number"."""
        named = (("from", self.least), ("above", self.above), ("to", self.most), ("below", self.below))
        return " ".join(f"{word} {bound}" for word, bound in named if bound is not None)


@dataclass(frozen=True)
class OneOf:
    """Texts that are chosen from, where they are the keys of a table rather than a ``Literal``."""

    choices: Iterable[str]

    def hold(self, value: Any) -> bool:
        """Whether it is one of them."""
        return value in tuple(self.choices)


@dataclass(frozen=True)
class Filled:
    """A text, list or mapping that holds something."""

    def hold(self, value: Any) -> bool:
        """Whether there is something in it."""
        return bool(value)


@dataclass(frozen=True)
class NamesFolder:
    """A text that is the name of one folder, wherever it stands in a path."""

    def hold(self, value: Any) -> bool:
        """Whether no part of a path is hidden in it."""
        return str(value).isprintable() and not {"/", "\\"} & set(str(value)) and bool(str(value).strip(". "))

    def words(self) -> str:
        """What is said after "a text"."""
        return "that can name a folder, without / and \\ and not of dots alone"


@dataclass(frozen=True)
class NamesRepository:
    """A text that can name a repository of the Hugging Face hub, with or without its owner."""

    def hold(self, value: Any) -> bool:
        """Whether the hub would take it."""
        parts = str(value).split("/")
        named = all(
            re.fullmatch(r"[A-Za-z0-9_][\w.-]{0,95}", part, re.ASCII) and part[-1] not in "-." for part in parts
        )
        return len(parts) <= 2 and named and not {"--", ".."} & {str(value)[i : i + 2] for i in range(len(value))}

    def words(self) -> str:
        """What is said after "a text"."""
        return "such as <user>/<name>, of letters, digits, -, _ and ."


_Names = NamesFolder | NamesRepository

Count = Annotated[int, Limits(least=1)]
Width = Annotated[int, Limits(least=1, most=2**14)]  # of a layer: weights are made before a wrong one shows
Depth = Annotated[int, Limits(least=0, most=100)]  # in layers
Natural = Annotated[int, Limits(least=0)]
Seed = Annotated[int, Limits(least=0, most=2**32 - 1)]
Share = Annotated[float, Limits(least=0, most=1)]
DropoutRate = Annotated[float, Limits(least=0, below=1)]
Positive = Annotated[float, Limits(above=0)]
NonNegative = Annotated[float, Limits(least=0)]
Days = Annotated[float, Limits(least=0, most=100_000)]  # Python counts dates from the year 1 on
Minutes = Annotated[float, Limits(least=0, most=525_600)]  # of a year
Text = Annotated[str, Filled()]
FolderName = Annotated[str, Filled(), NamesFolder()]
Repository = Annotated[str, NamesRepository()]


@dataclass(frozen=True)
class Fault:
    """A value that is not of the kind that it should be of.

    Attributes:
        place: of the value inside that of the option: ``[2]``, ``.train``, or nothing.
        value: the value there; the key, where that is what is wrong.
        kind: that it should be of.
        of_key: whether it is a key.
    """

    place: str
    value: Any
    kind: Any
    of_key: bool = False


def fault_of(value: Any, kind: Any) -> Fault | None:
    """What is wrong with a value, at the deepest place where that can be said; None: nothing."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = fault_of(value, arguments[0])
        if inner is not None:  # said with the bounds, where it is the value itself
            return Fault("", value, kind) if not inner.place else inner
        return None if value is None or all(bound.hold(value) for bound in _bounds(kind)) else Fault("", value, kind)
    if origin in (Union, types.UnionType):
        faults = [fault for member in arguments if (fault := fault_of(value, member)) is not None]
        if len(faults) < len(arguments):
            return None
        inside = [fault for fault in faults if fault.place]
        return inside[0] if len(inside) == 1 else Fault("", value, kind)
    if _is_target(value):
        return None  # an object that is yet to be made; its own options are checked
    if _is_a(origin, collections.abc.Mapping):
        if not isinstance(value, Mapping):
            return Fault("", value, kind)
        of_key, of_value = arguments if len(arguments) == 2 else (Any, Any)
        for key, item in value.items():
            if fault_of(key, of_key) is not None:
                return Fault(f".{key}", key, of_key, of_key=True)
            if (fault := fault_of(item, of_value)) is not None:
                return Fault(f".{key}{fault.place}", fault.value, fault.kind)
        return None
    if _is_a(origin, collections.abc.Iterable):
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence | set | frozenset):
            return Fault("", value, kind)
        of_item = arguments[0] if arguments else Any
        for position, item in enumerate(value):
            if (fault := fault_of(item, of_item)) is not None:
                return Fault(f"[{position}]{fault.place}", fault.value, fault.kind)
        return None
    return None if _is_of(value, kind) else Fault("", value, kind)


def words(kind: Any) -> str:
    """A kind in words, with its bounds and choices, as they follow "choose"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        for bound in _bounds(kind):
            if isinstance(bound, OneOf):
                return "one of " + ", ".join(bound.choices)
        limits = " ".join(
            bound.words() for bound in _bounds(kind) if isinstance(bound, Limits | NamesFolder | NamesRepository)
        )
        return f"{words(arguments[0])} {limits}".strip()
    if origin is Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(map(show, arguments))
    if origin in (Union, types.UnionType):
        chosen = [choice for member in arguments if get_origin(member) is Literal for choice in get_args(member)]
        others = [m for m in arguments if m is not type(None) and get_origin(m) is not Literal]
        said = list(dict.fromkeys(map(words, [*others, Literal[tuple(chosen)]] if chosen else others)))
        if {str, Path} <= set(arguments):
            said.remove("a text")
        return " or ".join([*said, "null"] if type(None) in arguments else said)
    if _is_a(origin or kind, collections.abc.Mapping):
        return f"a mapping {{name: {words(arguments[1])}}}" if len(arguments) == 2 else "a mapping"
    if kind is not str and _is_a(origin or kind, collections.abc.Iterable):
        return f"a list, each {words(arguments[0])}" if arguments and arguments[0] is not Any else "a list"
    named: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        Path: "a path",
    }
    named |= {type(None): "null", None: "null", Any: "anything"}
    return named[kind] if kind in named else f"a config whose _target_ makes a {getattr(kind, '__name__', kind)}"


def choices_of(kind: Any) -> list[str]:
    """The texts that a kind chooses from, for suggestions."""
    if get_origin(kind) is Annotated:
        return [choice for bound in _bounds(kind) if isinstance(bound, OneOf) for choice in bound.choices]
    if get_origin(kind) is Literal:
        return [choice for choice in get_args(kind) if isinstance(choice, str)]
    if get_origin(kind) in (Union, types.UnionType):
        return [choice for member in get_args(kind) for choice in choices_of(member)]
    return []


def show(value: Any) -> str:
    """A value as it is typed in a config, of a long one the beginning."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str) and re.fullmatch(r"[^\W\d][\w./:*+-]*", value) and value not in ("null", "true", "false"):
        return value if len(value) <= 80 else f"{value[:77]}..."
    if isinstance(value, Mapping):
        text = "{" + ",".join(f"{key}:{show(item)}" for key, item in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ",".join(map(show, value)) + "]"
    else:
        text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _bounds(kind: Any) -> list[Any]:
    return [
        bound
        for bound in kind.__metadata__
        if isinstance(bound, Limits | OneOf | Filled | NamesFolder | NamesRepository)
    ]


def _is_a(origin: Any, base: type) -> bool:
    return inspect.isclass(origin) and origin is not str and issubclass(origin, base)


def _is_target(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind without parts."""
    if kind is None or kind is type(None):
        return value is None
    if get_origin(kind) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(kind))
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
            return False
        return kind is int or math.isfinite(value)
    if kind is str:
        return isinstance(value, str)
    if kind is Path:
        return isinstance(value, str | Path)
    if kind in (list, tuple, set, dict, Sequence, Mapping, Iterable):
        return fault_of(value, kind[Any, Any] if kind in (dict, Mapping) else kind[Any]) is None
    if kind in (Any, object, Callable) or not inspect.isclass(kind) or getattr(kind, "_is_protocol", False):
        return True  # a kind that this page does not know
    return isinstance(value, kind)
