"""The options of this project: each has its kind, its default and its sentence once, beside its owner.

To declare an option, write it into the signature of the class (or function) that takes it, with its kind as the
annotation and its sentence in the docstring; that is all. The check of composed configs, the refusals of constructors
and the messages follow from it::

    class Head(nn.Module):
        \"\"\"Scores words.

        Args:
            dropout_rate: before every layer.
        \"\"\"

        @checked("model")
        def __init__(self, *, dropout_rate: DropoutRate = 0.1) -> None: ...

``@checked("model")`` says under which key of a config its options stand, and refuses values of other kinds to callers
of the constructor, too. Kinds are those of :mod:`transferlab.utils.option_kinds`: ``Count``, ``Share``,
``Literal["a", "b"]``, ``Annotated[float, Limits(least=1)]``, unions with None, lists and mappings of them. The keys of
the root configs (``configs/train.yaml``) are fields of the dataclasses in :mod:`transferlab.root_options`; bounds of
Lightning's options stand in :mod:`transferlab.utils.library_options`. A rule about several options at once is a line in
the constructor.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, ParamSpec, TypeVar

from transferlab.utils.errors import ConfigError, UserError, near
from transferlab.utils.option_kinds import choices_of, fault_of, show, words

P = ParamSpec("P")
R = TypeVar("R")
REQUIRED: Any = inspect.Parameter.empty
_SECTIONS = ("Args:", "Attributes:")
_ENTRY = re.compile(r"(?P<names>[\w, ]+?)(?: \([^)]*\))?: (?P<text>.+)")
_LONGEST_SENTENCE = 110  # characters of it in a message


@dataclass(frozen=True)
class Option:
    """One option of a config.

    Attributes:
        name: its key under that of its owner.
        kind: of its values, an annotation; ``Any`` where its owner does not say.
        default: REQUIRED where there is none.
        sentence: what it is.
    """

    name: str
    kind: Any
    default: Any
    sentence: str

    def check(self, value: Any, place: str) -> None:
        """Refuse a value of another kind.

        Args:
            value: plain.
            place: the key of the option, or whatever else says where the value stands.

        Raises:
            ConfigError: the place, the value, what may be chosen, and what the option is.
        """
        fault = fault_of(value, self.kind)
        if fault is None:
            return
        hint = near(fault.value, choices_of(fault.kind)) if isinstance(fault.value, str) else ""
        about = f" ({self.sentence})" if self.sentence else ""
        stated = ": there is no such key" if fault.of_key else f"={show(fault.value)}"
        joint = "; " if fault.of_key else ": "
        wanted = f"choose {words(fault.kind)}{'; ' * bool(hint)}{hint}"
        raise ConfigError(f"{place}{fault.place}{stated}{joint}{wanted}{about}")


@dataclass(frozen=True)
class Options:
    """The options of a class or function.

    Attributes:
        named: by name.
        others: whether it takes any further keyword.
    """

    named: Mapping[str, Option]
    others: bool

    def __iter__(self) -> Iterator[Option]:
        return iter(self.named.values())

    def check(self, values: Mapping[str, Any], place: str) -> None:
        """Hold values against the kinds of their options; those without one are left alone; see :meth:`Option.check`.

        Args:
            values: plain; ``???``, a value that is yet to be given, is of any kind.
            place: the key that the options stand under; empty: they are keys of the root.
        """
        for name, value in values.items():
            if name in self.named and not (isinstance(value, str) and value == "???"):
                self.named[name].check(value, f"{place}.{name}" if place else name)


def checked(place: str, refusal: type[UserError] = ConfigError) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a constructor refuse values that are not of the kind of its options.

    Args:
        place: the key of configs that the options stand under.
        refusal: the error that the callers of the constructor know.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            try:
                _own_options(function, None).check(given, place)
            except ConfigError as error:
                raise refusal(str(error)) from None
            return function(*args, **kwargs)

        return wrapper

    return decorate


@functools.cache
def options_of(target: Any) -> Options:
    """The options of what a ``_target_`` names.

    A class that takes ``**options`` says in ``OPTIONS_OF`` whose they are; else they are its base class's.
    """
    if not inspect.isclass(target):
        return _own_options(target, None)
    named: dict[str, Option] = {}
    for kind in target.__mro__:
        if "__init__" not in vars(kind) or kind is object:
            continue
        own = _own_options(vars(kind)["__init__"], kind)
        named = {**own.named, **named}
        if "OPTIONS_OF" in vars(kind):
            for part in vars(kind)["OPTIONS_OF"]:
                named = {**options_of(part).named, **named}
            return Options(named, others=False)
        if not own.others:
            return Options(named, others=False)
    return Options(named, others=True)


def sentences(docstring: str | None) -> dict[str, str]:
    """The first sentence on each argument or attribute that a docstring explains, by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    inside, indent = False, None
    for line in inspect.cleandoc(docstring or "").splitlines():
        if line and not line[0].isspace():
            inside, indent = line.strip() in _SECTIONS, None
            continue
        depth = len(line) - len(line.lstrip())
        if not inside or not line.strip():
            continue
        indent = depth if indent is None else indent
        entry = _ENTRY.fullmatch(line.strip()) if depth == indent else None
        if entry is not None:
            names = [name.strip() for name in entry["names"].split(",")]
            found |= dict.fromkeys(names, entry["text"])
        elif depth > indent:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return {name: _first_sentence(text) for name, text in found.items()}


def _first_sentence(text: str) -> str:
    plain = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"\1", text).replace("``", "")
    sentence = re.split(r"(?<=[^.]{3}[.;]) ", plain, maxsplit=1)[0].rstrip(".;")
    return sentence if len(sentence) <= _LONGEST_SENTENCE else f"{sentence[: _LONGEST_SENTENCE - 3]}..."


@functools.cache
def _own_options(function: Any, owner: type | None) -> Options:
    """The options in the signature of a function, or of the constructor of a class."""
    from transferlab.utils.library_options import kinds_of

    parameters = inspect.signature(function).parameters
    kinds = _annotations(inspect.unwrap(function)) | kinds_of(owner)
    documented = owner if owner is not None else _class_of(function) or function
    said = sentences(documented.__doc__) | sentences(function.__doc__)
    if owner is not None and is_dataclass(owner):
        kinds |= typing.get_type_hints(owner, include_extras=True)
        said = {name: text for base in reversed(owner.__mro__) for name, text in sentences(base.__doc__).items()}
    named = {
        name: Option(name, kinds.get(name, Any), parameter.default, said.get(name, ""))
        for name, parameter in parameters.items()
        if name != "self" and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    return Options(named, any(p.kind is p.VAR_KEYWORD for p in parameters.values()))


def _annotations(function: Any) -> dict[str, Any]:
    """The annotations of a function, evaluated; one that names what is not there at run time is left out."""
    found = {}
    namespace = getattr(function, "__globals__", {})
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if not isinstance(annotation, str):
            found[name] = annotation
            continue
        try:
            found[name] = typing.get_type_hints(_Only(name, annotation), namespace, include_extras=True)[name]
        except (NameError, TypeError, AttributeError):
            continue
    return found


class _Only:
    """A single annotation, as ``typing.get_type_hints`` reads them."""

    def __init__(self, name: str, annotation: str) -> None:
        self.__annotations__ = {name: annotation}


def _class_of(function: Any) -> Any:
    """The class whose method a function is, once it exists."""
    names = getattr(function, "__qualname__", "").split(".")[:-1]
    found: Any = inspect.getmodule(function)
    for name in names:
        found = getattr(found, name, None)
    return found if names else None
