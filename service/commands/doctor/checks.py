"""The checks of `darkroom doctor`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Literal

import asyncpg
import msgspec
from msgspec import Struct
from redis.exceptions import RedisError

from engine.errors import UnusableFonts
from engine.fonts import read_folder
from engine.vips import heic
from service.dispatch import connect
from service.errors import DarkroomError
from service.metrics import Metrics
from service.sandbox.parent import commands
from service.sandbox.protocol import PROTECTIONS, REQUIRED
from service.sandbox.setup import make_sandbox
from service.settings import Settings, SettingsError, read_settings, variable
from service.storage import StorageOptions, open_storage, storage_limits
from service.store import Service, Store, open_store, pending
from service.supervisor import Supervisor
from service.version import libvips_version, version

Verdict = Literal["ok", "warn", "fail"]
SECONDS = 10.0  # for each check
OLDEST_POSTGRES = 13
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Finding(Struct, frozen=True, omit_defaults=True):
    """What a check found, and what to do about it."""

    check: str
    verdict: Verdict
    message: str
    advice: str = ""


Findings = AsyncIterator[Finding]


async def examine() -> Findings:
    """Run the checks in order; those that depend on a failed one are left out."""
    try:
        settings = read_settings()
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Finding("settings", "fail", line, "`darkroom settings` lists all settings")
        return
    defaults = msgspec.structs.asdict(Settings(database_url="", redis_url=""))
    changed = [name for name, value in defaults.items() if getattr(settings, name) != value]
    yield Finding("settings", "ok", f"{len(changed)} set: {', '.join(map(variable, changed))}")
    async for found in _records(settings):
        yield found
    yield await _redis(settings)
    yield _heic()
    fonts = await _fonts(settings)
    yield fonts
    if fonts.verdict == "fail":  # for which no child would start
        settings = msgspec.structs.replace(settings, fonts="")
    yield await _sandbox(settings)


async def _records(settings: Settings) -> Findings:
    """Check Postgres and what is recorded in it: migrations and storages."""
    found: list[Finding] = []
    owners: list[Service] = []
    try:
        async with asyncio.timeout(SECONDS), open_store(settings.database_url, size=1) as store:
            found += await _postgres(store, settings)
            missing = await pending(store.pool)
            found.append(_migrations(missing))
            if not missing:
                listed = [await store.services.get(each.id) for each in await store.services.list()]
                owners = [owner for owner in listed if owner is not None]
                if not owners:
                    advice = "add one: `darkroom services add`"
                    found.append(Finding("services", "warn", "none", advice))
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        message = (
            f"{type(error).__name__}: {error}" if str(error) else f"no answer in {SECONDS:g} s"
        )
        advice = (
            f"start it, or correct {variable('database_url')}: host, port, user, password, name"
        )
        found.append(Finding("postgres", "fail", message, advice))
    for each in found:
        yield each
    for owner in owners:
        yield await _storage(owner, settings)


def _migrations(missing: Sequence[str]) -> Finding:
    if missing:
        message = f"missing: {', '.join(missing)}"
        return Finding("migrations", "fail", message, "run `darkroom migrate`")
    return Finding("migrations", "ok", "all applied")


async def _postgres(store: Store, settings: Settings) -> list[Finding]:
    began = perf_counter()
    await store.ping()
    took = (perf_counter() - began) * 1000
    show = store.pool.fetchval
    number = int(await show("SHOW server_version_num")) // 10_000
    summary = f"{await show('SHOW server_version')}, answers in {took:.0f} ms"
    found = [Finding("postgres", "ok", summary)]
    if number < OLDEST_POSTGRES:
        advice = f"it is older than {OLDEST_POSTGRES}: upgrade it"
        found = [Finding("postgres", "warn", summary, advice)]
    if await show("SHOW transaction_read_only") == "on":
        message = "it is read-only: a standby, or configured so"
        advice = f"point {variable('database_url')} at the primary"
        found.append(Finding("postgres", "fail", message, advice))
    if off := [name for name in DURABLE if await show(f"SHOW {name}") == "off"]:
        message = f"{', '.join(off)} off: a crash may lose accepted processes"
        advice = "switch it on, unless this data may be lost"
        found.append(Finding("postgres", "warn", message, advice))
    room, api = int(await show("SHOW max_connections")), settings.database_pool
    worker = api + settings.callback_database_pool
    if room < api + worker:
        message = f"max_connections is {room}; an API takes up to {api}, a worker {worker}"
        advice = f"raise it, or lower {variable('database_pool')}"
        found.append(Finding("postgres", "warn", message, advice))
    return found


async def _storage(owner: Service, settings: Settings) -> Finding:
    whose = f"of service {owner.id} ({owner.name}): {owner.storage_url}"
    advice = (
        f"see `darkroom services show {owner.id}`; "
        f"`darkroom services set-storage {owner.id} URL` changes it"
    )
    try:
        options = msgspec.convert(owner.storage_options, StorageOptions)
        async with asyncio.timeout(SECONDS):
            opened = await open_storage(owner.storage_url, options, limits=storage_limits(settings))
            try:
                await opened.check()
            finally:
                await opened.close()
    except DarkroomError as error:
        return Finding("storage", "fail", f"{whose}: {error.code}: {error.message}", advice)
    except TimeoutError:
        return Finding("storage", "fail", f"{whose}: no answer in {SECONDS:g} s", advice)
    except msgspec.ValidationError as error:
        return Finding("storage", "fail", f"{whose}: its options are invalid: {error}", advice)
    return Finding("storage", "ok", whose)


async def _redis(settings: Settings) -> Finding:
    redis = connect(settings.redis_url)
    try:
        async with asyncio.timeout(SECONDS):
            began = perf_counter()
            await redis.ping()
            took = (perf_counter() - began) * 1000
            about = await redis.info()
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        return Finding(
            "redis", "fail", f"{type(error).__name__}: {error}",
            f"start it, or correct {variable('redis_url')}; without it, requests are accepted, and "
            "workers take them from Postgres, later",
        )  # fmt: skip
    finally:
        with suppress(RedisError, OSError):
            await redis.aclose()
    summary = (
        f"{about.get('valkey_version') or about.get('redis_version')}, answers in {took:.0f} ms"
    )
    policy = about.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        return Finding(
            "redis", "warn", f"{summary}, but maxmemory-policy is {policy}",
            "set it to noeviction: evicted processes are rendered up to "
            f"{settings.redispatch_seconds:g} s later",
        )  # fmt: skip
    return Finding("redis", "ok", summary)


async def _sandbox(settings: Settings) -> Finding:
    metrics = Metrics(version=version(), libvips=libvips_version())
    try:
        async with (
            asyncio.timeout(SECONDS),
            make_sandbox(settings, metrics, 1, commands.RENDER, Supervisor()) as sandbox,
        ):
            force, missing = sandbox.protections, sandbox.missing_protections
    except DarkroomError as error:
        return Finding(
            "sandbox", "fail", error.message,
            "Linux 5.13 or newer with Landlock and seccomp is needed, in containers too",
        )  # fmt: skip
    except TimeoutError:
        return Finding(
            "sandbox", "fail", f"no child was ready in {SECONDS:g} s", "see its log lines"
        )
    if missing:
        return Finding(
            "sandbox", "warn", f"missing: {', '.join(missing)}",
            f"{variable('allow_weak_sandbox')} allows it: a hostile image could do more harm here",
        )  # fmt: skip
    lacking = [name for name in PROTECTIONS if name not in force]
    beside = f"; not available, not required: {', '.join(lacking)}" if lacking else ""
    return Finding(
        "sandbox", "ok", f"all {len(REQUIRED)} required protections are in force{beside}"
    )


def _heic() -> Finding:
    if not heic.is_installed():
        return Finding("heic", "ok", f"iPhones' photos are refused; to read them: {heic.INSTALL}")
    try:
        return Finding("heic", "ok", f"read by {heic.decoder()}")
    except ImportError as error:
        advice = f"install it again ({heic.INSTALL}), or remove pi-heif"
        return Finding("heic", "fail", f"what reads it cannot be loaded: {error}", advice)


async def _fonts(settings: Settings) -> Finding:
    if not settings.fonts:
        return Finding("fonts", "ok", "the bundled fonts")
    try:
        found = await asyncio.to_thread(read_folder, Path(settings.fonts))
    except UnusableFonts as error:
        return Finding(
            "fonts", "fail", error.message,
            f"remove or replace the file, or correct {variable('fonts')}",
        )  # fmt: skip
    return Finding("fonts", "ok", f"{len(found)} from {settings.fonts}, and the bundled fonts")
