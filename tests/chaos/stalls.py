"""Ends a run that comes no further, and tells what every part of it is doing."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress

import asyncpg
import redis.asyncio

from tests.chaos.installation import Installation
from tests.chaos.keeper import what_each_does
from tests.chaos.recovery import LOST

POLL_SECONDS = 1.0
GRACE_SECONDS = 30.0  # for a run that was given up to end
ANSWER_SECONDS = 10.0
SESSIONS = """
    SELECT pid, state, wait_event_type, wait_event, now() - xact_start AS transaction,
           left(regexp_replace(query, '\\s+', ' ', 'g'), 100) AS query
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

OVER = None
Progress = Mapping[str, Callable[[], object]]
"""What goes on, by name: something that changes as long as it does, and `OVER` at its end."""


class StalledError(Exception):
    """Something did not go on for too long, or a part ended that must not; says what all do."""


async def watched(
    run: Coroutine[object, object, None],
    progress: Progress,
    describe: Callable[[], Awaitable[list[str]]],
    seconds: float,
    parts: Iterable["asyncio.Task[None]"] = (),
) -> None:
    """Do a run; `StalledError` when one of `progress` is the same for so many seconds.

    And when one of the parts, which last as long as the run, has ended.
    """
    task = asyncio.create_task(run, name="the run")
    now = time.monotonic()
    seen = {name: (value(), now) for name, value in progress.items()}
    try:
        while not task.done():
            await asyncio.wait(
                [task, *parts], timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            now = time.monotonic()
            for name, value in progress.items():
                if (found := value()) is OVER or found != seen[name][0]:
                    seen[name] = found, now
            still = [
                f"{name}: nothing for {now - since:.0f} s, at {last}"
                for name, (last, since) in seen.items()
                if now - since > seconds
            ]
            still += [f"{part.get_name()}: has ended" for part in parts if part.done()]
            if still and not task.done():
                raise StalledError("\n".join([*still, *await describe()]))
        await task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=GRACE_SECONDS)


async def what_all_do(installation: Installation) -> list[str]:
    """Tell of every part what it is doing: processes, servers, and the tasks of this one."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return [
        f"load {load} on {os.cpu_count()} processors",
        *await what_each_does(installation.kept),
        *await _sessions(installation),
        await _valkey(installation),
        *(f"{name} is being broken" for name, lock in installation.locks.items() if lock.locked()),
        *sorted(_frames()),
    ]


async def _sessions(installation: Installation) -> list[str]:
    try:
        connection = await asyncpg.connect(installation.dsn, timeout=ANSWER_SECONDS)
    except LOST as error:
        return [f"Postgres does not answer: {error!r}"]
    try:
        rows = await connection.fetch(SESSIONS, timeout=ANSWER_SECONDS)
    except LOST as error:
        return [f"Postgres does not answer: {error!r}"]
    finally:
        with suppress(*LOST):
            await connection.close(timeout=ANSWER_SECONDS)
    told = [" ".join(map(str, row.values())) for row in rows]
    return [f"Postgres has {len(rows)} sessions", *(f"  {line}" for line in told)]


async def _valkey(installation: Installation) -> str:
    client = redis.asyncio.Redis.from_url(
        installation.valkey.url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
    )
    try:
        return f"Valkey has {await client.dbsize()} keys"
    except (OSError, redis.RedisError) as error:
        return f"Valkey does not answer: {error!r}"
    finally:
        await client.aclose()


def _frames() -> Iterable[str]:
    """Where each task of this process waits, but for this one."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        frames = [
            f"{os.path.basename(each.f_code.co_filename)}:{each.f_lineno} {each.f_code.co_name}"
            for each in task.get_stack()
        ]
        yield f"task {task.get_name()}: {' > '.join(frames[-3:])}"
