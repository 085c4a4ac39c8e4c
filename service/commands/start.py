"""Shared by the commands that start something: settings, fonts, the event loop, errors."""

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from service import failpoints
from service.commands.exits import fail, fail_database, fail_settings, valid_settings
from service.logs import configure_logs
from service.settings import Settings, variable
from service.tracing import TracingUnavailable, export_traces

# Allocations between two looks at the youngest objects: Python's own 700 is a few requests' worth.
YOUNG_OBJECTS = 20_000


def start_settings() -> Settings:
    """Read the settings and configure the logs; exit if a setting is invalid."""
    settings = valid_settings()
    failpoints.arm(settings.failpoint)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def start_traces(settings: Settings, component: str) -> None:
    """Export traces if that is wanted; exit if it cannot be done."""
    try:
        if settings.traces:
            export_traces(component)
    except TracingUnavailable as error:
        fail_settings(f"{variable('traces')}: {error}")


def check_fonts(settings: Settings) -> None:
    """Exit if the operator's fonts cannot be loaded; only workers need them."""
    from engine.errors import UnusableFonts  # noqa: PLC0415 - load what the command needs
    from engine.fonts import read_folder  # noqa: PLC0415

    try:
        if settings.fonts:
            read_folder(Path(settings.fonts))
    except UnusableFonts as error:
        fail_settings(f"{variable('fonts')}: {error}")


@contextmanager
def readable_errors() -> Iterator[None]:
    """Exit with a message instead of a traceback when something cannot be started."""
    try:
        yield
    except ConnectionError as error:  # of Postgres: Redis may be unavailable at the start
        fail_database(error)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        fail(f"Cannot start: {type(error).__name__}: {error}")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run something until it ends; exit with a message if it cannot be started."""
    _collect_seldom()
    with readable_errors(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _collect_seldom() -> None:
    """Leave what was loaded out of every garbage collection, and have fewer of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
