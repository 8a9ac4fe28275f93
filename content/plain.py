"""Values become canonical JSON and come back equal: frozen dataclasses of plain things, nested as deep as needed."""

import dataclasses
import json
import re
import types
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_SURROGATE = re.compile("[\ud800-\udfff]")


class PlainError(ValueError):
    """A JSON text does not describe the value it should."""


def dump(value: object) -> str:
    """Return `value` as JSON, the same characters on every machine: keys sorted, no spaces, no escapes but JSON's own.

    Raises:
        TypeError: `value` holds something that is not plain.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    # Half a character, which a broken source may bring, is the one thing UTF-8 cannot hold.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def load(kind: type[T], text: str) -> T:
    """Return the value of class `kind` that `dump` wrote down. Fields that are not there take their default.

    Raises:
        PlainError: The text is no JSON, has a field the class does not know, or lacks one without a default.
    """
    try:
        return cast("T", _value(kind, json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlainError(f"not the JSON of a {kind.__name__}: {error}") from error


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    return value


def _value(kind: Any, plain: Any) -> object:  # noqa: ANN401 - a type form, and what json.loads gives
    if get_origin(kind) in (Union, types.UnionType):
        return None if plain is None else _value(next(k for k in get_args(kind) if k is not type(None)), plain)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), plain)
    if dataclasses.is_dataclass(kind):
        hints = _hints(cast("type", kind))
        return cast("Any", kind)(**{name: _value(hints[name], v) for name, v in plain.items()})
    if kind in (date, datetime):
        return kind.fromisoformat(plain)
    if issubclass(kind, Enum):
        return kind(plain)
    if not isinstance(plain, (int, float) if kind is float else kind):
        raise TypeError(f"wanted {kind.__name__}, got {plain!r}")
    return plain


def _tuple(kinds: tuple[Any, ...], plain: list[Any]) -> tuple[object, ...]:
    if not isinstance(plain, list):
        raise TypeError(f"wanted a list, got {plain!r}")
    if kinds[1:] == (...,):
        return tuple(_value(kinds[0], p) for p in plain)
    return tuple(_value(kind, p) for kind, p in zip(kinds, plain, strict=True))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
