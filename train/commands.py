"""Configurations as flags: what to type to ask for one. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from train.cli import flatten
from train.config import RunConfig, to_record
from train.flags import FLAGS, Flag


def changes(record: Mapping[str, Any], usual: RunConfig) -> dict[str, Any]:
    """Dotted fields and values in which a configuration's record differs from a recipe, but for the recipe's name."""
    found = dict(flatten(record))
    return {
        field: found[field]
        for field, value in flatten(to_record(usual))
        if field != "recipe" and found.get(field, value) != value
    }


def flags_for(settings: Mapping[str, Any], known: Sequence[Flag] = FLAGS) -> list[str]:
    """The command line that asks for these fields and values: by its flag where a field has one, else by --set."""
    flags = {field: flag for flag, field, _, _ in known}
    parts: list[str] = []
    for field, value in settings.items():
        text = str(value)
        if field not in flags or value is None:
            parts += ["--set", f"{field}={toml_value(value)}"]
        else:
            parts += [f"{flags[field]}={text}"] if text.startswith("-") else [flags[field], text]
    return parts


def toml_value(value: Any) -> str:
    """What `--set` reads back as this value."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)
