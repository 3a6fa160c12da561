"""Convert values of the model to JSON and back, checking the declared types."""

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dumped(value: Any) -> dict[str, Any]:
    """Return the dataclass *value* as a JSON object."""
    return asdict(value, dict_factory=_listed)


def _listed(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return *fields* with lists in place of sets, which JSON does not have."""
    return {name: sorted(v) if isinstance(v, frozenset) else v for name, v in fields}


def loaded(kind: type[T], value: object) -> T:
    """Return the dataclass *kind* that `dumped` turned into *value*. Raises ValueError."""
    return cast("T", _loaded(kind, value))


def _loaded(kind: Any, value: object) -> object:
    if get_origin(kind) in (Union, types.UnionType):
        return _first_that_fits(get_args(kind), value)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value)
    if get_origin(kind) is frozenset:
        [part] = get_args(kind)
        return frozenset(_loaded(part, each) for each in _checked(list, value))
    if get_origin(kind) in (Mapping, dict):
        return _checked(dict, value)
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return _checked(kind, value)


def _first_that_fits(kinds: tuple[Any, ...], value: object) -> object:
    for kind in kinds:
        try:
            return _loaded(kind, value)
        except ValueError:
            continue
    raise ValueError(f"{value!r:.100} is none of {kinds}")


def _tuple(kinds: tuple[Any, ...], value: object) -> tuple[object, ...]:
    parts = _checked(list, value)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(parts)
    return tuple(_loaded(kind, part) for kind, part in zip(kinds, parts, strict=True))


def _dataclass(kind: Any, value: object) -> object:
    given: dict[str, object] = _checked(dict, value)
    hints = _hints(kind)
    if given.keys() != hints.keys():
        raise ValueError(f"{kind.__name__} has no fields {sorted(given)!r:.100}")
    return kind(**{name: _loaded(hint, given[name]) for name, hint in hints.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _checked(kind: type[T], value: object) -> T:
    # True is an int to Python.
    if type(value) is not kind:
        raise ValueError(f"{value!r:.100} is no {kind.__name__}")
    return value
