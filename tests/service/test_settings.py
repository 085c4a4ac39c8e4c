"""Settings from the environment: all invalid ones are reported at once."""

import math
from typing import Any

import msgspec
import pytest

from service.settings import (
    Settings,
    SettingsError,
    as_environment,
    describe_settings,
    read_settings,
    variable,
)

LEAST = {"DARKROOM_DATABASE_URL": "postgresql://db/x", "DARKROOM_REDIS_URL": "redis://r"}


def complaints(**variables: str) -> list[str]:
    environ = LEAST | {f"DARKROOM_{name}": value for name, value in variables.items()}
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    return str(caught.value).splitlines()


def test_two_settings_are_enough() -> None:
    settings = read_settings(LEAST | {"HOME": "/root", "XDARKROOM_PORT": "1"})
    assert (settings.database_url, settings.redis_url) == ("postgresql://db/x", "redis://r")
    assert (settings.port, settings.max_body_bytes, settings.max_jobs) == (8080, 1024 * 1024, 64)
    assert (settings.idempotency_hours, settings.max_crashes) == (24, 3)
    assert settings.callback_private_networks is False


def test_all_invalid_settings_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {
                "DARKROOM_DATABASE_URL": "postgresql://db/x",
                "DARKROOM_PORT": "70000",
                "DARKROOM_LEASE_SECONDS": "-1",
                "DARKROOM_LOG_LEVEL": "loud",
                "DARKROOM_LEASE": "1",
                "DARKROOM_MAX_JOBS": "many",
            }
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    for name, words in {
        "DARKROOM_REDIS_URL": "expected a value (Redis or Valkey, for dispatch: redis:// or unix://)",
        "DARKROOM_PORT": "'70000'",
        "DARKROOM_LEASE_SECONDS": "'-1'",
        "DARKROOM_LOG_LEVEL": "'loud'",
        "DARKROOM_LEASE": "no such setting",
        "DARKROOM_MAX_JOBS": "'many'",
    }.items():
        [line] = [line for line in lines if line.startswith(f"{name}: ")]
        assert words in line


def test_an_unknown_variable_is_invalid() -> None:
    assert complaints(LEASE_SECOND="3") == [
        "DARKROOM_LEASE_SECOND: no such setting; did you mean DARKROOM_LEASE_SECONDS?"
    ]
    assert complaints(SHOE_SIZE="43") == ["DARKROOM_SHOE_SIZE: no such setting"]


def test_a_word_for_a_number_is_invalid() -> None:
    assert complaints(PORT="abc") == ["DARKROOM_PORT: expected a whole number, got 'abc'"]
    assert complaints(SLOW_SECONDS="0") == [
        "DARKROOM_SLOW_SECONDS: expected a number > 0.0, got '0'"
    ]
    assert complaints(ALLOW_SVG="maybe") == [
        "DARKROOM_ALLOW_SVG: expected true or false, got 'maybe'"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_JOBS", "0"), ("MAX_JOBS", "1.5"), ("MAX_JOBS", ""), ("SLOTS", "-1"),
        ("POLL_SECONDS", "0"), ("POLL_SECONDS", "nan"), ("LEASE_SECONDS", "inf"),
        ("CALLBACK_SECONDS", "1e300"), ("CALLBACK_PRIVATE_NETWORKS", "perhaps"),
        ("CALLBACK_PORTS", "http"), ("CALLBACK_PORTS", "80,,443"), ("CALLBACK_PORTS", "0"),
        ("CALLBACK_PORTS", "80,99999"), ("CALLBACK_PORTS", ""), ("LOG_FORMAT", "xml"),
        ("PORT", "-1"), ("MAX_SOURCE_BYTES", "1 GB"), ("IDEMPOTENCY_HOURS", "0"),
        ("MAX_JOBS", "1000000"), ("MAX_ERRORS", "-1"),
    ],
)  # fmt: skip
def test_invalid_values(name: str, value: str) -> None:
    [line] = complaints(**{name: value})
    assert line.startswith(f"DARKROOM_{name}: ")
    assert repr(value) in line


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("callback_private_networks", "true", True),
        ("callback_private_networks", "1", True),
        ("callback_private_networks", "False", False),
        ("slots", "0", 0),
        ("lease_seconds", "2.5", 2.5),
        ("lease_seconds", "30", 30.0),
        ("callback_ports", "*", "*"),
        ("callback_ports", "80,443,8080", "80,443,8080"),
        ("port", "0", 0),
    ],
)
def test_values_as_people_write_them(name: str, value: str, read: object) -> None:
    settings = read_settings({**LEAST, variable(name): value})
    assert getattr(settings, name) == read


def test_settings_survive_the_way_through_the_environment() -> None:
    changed: dict[str, Any] = {"database_url": "postgresql://u:p@h/n?x=1", "redis_url": "unix:///r"}
    for field in msgspec.structs.fields(Settings):
        default = field.default
        if isinstance(default, bool):
            changed[field.name] = not default
        elif isinstance(default, int):
            changed[field.name] = default + 1
        elif isinstance(default, float):
            changed[field.name] = default / 3
    settings = Settings(**changed)
    environ = as_environment(msgspec.structs.asdict(settings))
    assert read_settings(environ) == settings
    assert all(math.isfinite(v) for v in changed.values() if isinstance(v, float))


def test_the_description_has_every_setting_with_default_and_meaning() -> None:
    lines = {line.split()[0]: line.split(maxsplit=2) for line in describe_settings().splitlines()}
    fields = msgspec.structs.fields(Settings)
    assert list(lines) == [variable(field.name) for field in fields]
    assert lines["DARKROOM_DATABASE_URL"][1] == "required"
    assert lines["DARKROOM_MAX_JOBS"][1] == "64"
    assert lines["DARKROOM_CALLBACK_PRIVATE_NETWORKS"][1] == "false"
    assert all(len(words) == 3 and len(words[2]) > 10 for words in lines.values())


def test_settings_cannot_be_changed() -> None:
    settings = read_settings(LEAST)
    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]
