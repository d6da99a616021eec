"""What kind of value a setting takes, by the type hint of its field."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from models.errors import UserError

_WORDS = {
    str: "text (in quotes where it looks like something else)",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "none",
}

hints_of = functools.cache(get_type_hints)
"""A class's type hints by field; a study asks for them thousands of times."""


def require_kind(section: type, name: str, value: Any, path: str) -> None:
    """The value is what the field's hint says. An int is taken where a float is asked, a bool only where a bool is.

    Args:
        section: the class that has the field.
        path: the field's dotted name, for the message.

    Raises:
        UserError: it is not.
    """
    hint = hints_of(section)[name]
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if not any(_is_of(value, kind) for kind in kinds):
        raise UserError(f"{path} = {value!r}: expected {' or '.join(_WORDS.get(kind, 'a table') for kind in kinds)}")


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Mapping:
        inner = get_args(kind)[1]
        return isinstance(value, Mapping) and all(_is_of(each, inner) for each in value.values())
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)


def completed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A run's record as of today: one made before a setting existed had the value that was then the only one."""
    optim = record.get("optim")
    return {**record, "optim": {"length_pool": 50, **optim}} if isinstance(optim, dict) else dict(record)
