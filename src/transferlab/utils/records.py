"""Dataclasses from what JSON holds, each value held against the annotation of its field."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]  # from a value of JSON to what stands in the dataclass

_NAMES = {
    str: "a string", int: "a whole number", float: "a number", list: "a list", tuple: "a pair", dict: "an object",
    types.NoneType: "null",
}  # fmt: skip


class RecordError(ValueError):
    """A value that is not of the kind that its field wants.

    Args:
        complaint: what is wrong with it.
        place: where it stands in the record, such as ``gold.entities[2].start``.
    """

    def __init__(self, complaint: str, place: str = "") -> None:
        super().__init__(f"{place.lstrip('.')}: {complaint}" if place else complaint)
        self.complaint, self.place = complaint, place

    def below(self, step: str) -> RecordError:
        """The same complaint, seen from one level above."""
        return RecordError(self.complaint, step + self.place)


def from_record(kind: type, record: Any) -> Any:
    """Return the dataclass ``kind`` with the values of a JSON object; lists become tuples where a field says so.

    Args:
        kind: its fields are strings, numbers, lists, pairs, dicts, unions of these and dataclasses.
        record: what JSON holds.

    Raises:
        RecordError: naming the first field that is unknown, missing or of another kind.
    """
    return _reader(kind)(record)


@cache
def _reader(kind: Any) -> Reader:
    origin = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        return _union(get_args(kind))
    if is_dataclass(kind):
        return _dataclass(kind)
    if origin is list:
        return _list(*get_args(kind))
    if origin is tuple:
        return _pair(get_args(kind))
    return lambda value: value if _is(value, origin) else _refuse(value, kind)


def _is(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of a kind: a whole number is a number too, true and false are none."""
    return isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)


def _dataclass(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]

    def read(record: Any) -> Any:
        if not isinstance(record, dict):
            _refuse(record, kind)
        unknown, missing = [n for n in record if n not in readers], [n for n in needed if n not in record]
        if unknown or missing:
            what = f"unknown field {unknown}" if unknown else f"missing field {missing}"
            raise RecordError(f"{what}; the fields are {list(readers)}")
        values = {}
        for name, value in record.items():
            try:
                values[name] = readers[name](value)
            except RecordError as error:
                raise error.below(f".{name}") from None
        return kind(**values)

    return read


def _list(item_kind: Any) -> Reader:
    read_item = _reader(item_kind)

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            _refuse(value, list)
        items: list[Any] = []
        try:
            for item in value:
                items.append(read_item(item))
        except RecordError as error:
            raise error.below(f"[{len(items)}]") from None
        return items

    return read


def _pair(item_kinds: tuple[Any, Any]) -> Reader:
    read_first, read_second = map(_reader, item_kinds)

    def read(value: Any) -> tuple[Any, Any]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            _refuse(value, tuple)
        return read_first(value[0]), read_second(value[1])

    return read


def _union(kinds: tuple[Any, ...]) -> Reader:
    members = [kind for kind in kinds if kind is not types.NoneType]
    readers = {get_origin(kind) or kind: _reader(kind) for kind in members}

    def read(value: Any) -> Any:
        if value is None and len(members) < len(kinds):
            return None
        for origin, reader in readers.items():
            if len(readers) == 1 or _is(value, origin):
                return reader(value)
        return _refuse(value, *kinds)

    return read


def _refuse(value: Any, *wanted: Any) -> NoReturn:
    names = ["an object" if is_dataclass(kind) else _NAMES[get_origin(kind) or kind] for kind in wanted]
    raise RecordError(f"{' or '.join(names)} is expected, not {repr(value)[:60]}")
