"""Read the settings once from the environment; nothing else in the service reads it.

A setting's variable is ``DARKROOM_`` and its field's name in capitals. All invalid settings are
reported at once.
"""

import difflib
import os
from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec

from service.settings.model import Settings

KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
PREFIX = "DARKROOM_"


class SettingsError(Exception):
    """Some settings are invalid; the message has a line for each."""


def variable(field: str) -> str:
    """Name the environment variable of a field."""
    return PREFIX + field.upper()


def setting_of(limit: str) -> str:
    """Name the field that sets a limit; `other` if there is none: a child may send any name."""
    name = limit.removeprefix(PREFIX).lower()
    return name if name in Settings.__struct_fields__ else "other"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate the environment; raises SettingsError for all invalid settings."""
    environ = os.environ if environ is None else environ
    fields = {variable(f.name): f for f in msgspec.structs.fields(Settings)}
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    problems = [
        f"{name}: no such setting{_nearest(name, list(fields))}"
        for name in _unknown(environ, set(fields))
    ]
    for name, field in fields.items():
        if name not in environ:
            if field.required:
                expected = _description(hints[field.name])
                problems.append(f"{name}: expected a value ({expected}), got nothing")
            continue
        try:
            values[field.name] = msgspec.convert(environ[name], hints[field.name], strict=False)
        except msgspec.ValidationError as error:
            reason = (str(error)[0].lower() + str(error)[1:]).removesuffix(", got `str`")
            for kind, words in KINDS.items():
                reason = reason.replace(f"`{kind}`", words)
            problems.append(f"{name}: {reason}, got {environ[name]!r}")
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def as_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Write settings as the variables that `read_settings` reads."""
    booleans = {True: "true", False: "false"}
    return {
        variable(name): booleans[value] if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }


def _unknown(environ: Mapping[str, str], known: set[str]) -> list[str]:
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"; did you mean {close[0]}?" if close else ""


def describe_settings() -> str:
    """List every setting: its variable, its default, its description."""
    lines = []
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        written = as_environment({field.name: field.default})[variable(field.name)]
        default = "required" if field.required else written
        lines.append(f"{variable(field.name):<38} {default:<12} {_description(hints[field.name])}")
    return "\n".join(lines)


def _description(hint: Any) -> str:
    metas = getattr(hint, "__metadata__", ())
    return next((meta.description for meta in metas if meta.description), "")
