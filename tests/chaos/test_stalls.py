"""A run never ends without a word: one that comes no further says what every part is doing."""

import asyncio
import signal
from functools import partial
from pathlib import Path

import pytest

from service.dev.stack import DarkroomServer
from tests.chaos import stalls
from tests.chaos.clients import Customers
from tests.chaos.installation import installed
from tests.chaos.keeper import Kept, NotStartedError, keeping
from tests.chaos.options import Options
from tests.chaos.stalls import OVER, StalledError, watched, what_all_do

SMALL = Options(processes=20, kills=0, seed=1, minutes=0.01, apis=1, workers=1, durable=False)
NOBODY = "http://127.0.0.1:1"


async def test_posts_that_stop_end_the_run_with_what_every_part_is_doing(tmp_path: Path) -> None:
    async with installed(tmp_path, SMALL) as installation:
        installation.apis[0].signal(signal.SIGSTOP)
        customers = Customers(installation, SMALL, NOBODY)
        with pytest.raises(StalledError) as told:
            await watched(
                customers.post_all(), {"posts": lambda: len(customers.accepted)},
                partial(what_all_do, installation), 1.0,
            )  # fmt: skip
        installation.apis[0].signal(signal.SIGCONT)
    for part in (
        "posts: nothing for", "api-1: ready for", "stopped", "worker-1: ready for",
        "most recent call first", "Postgres has", "Valkey has", "task customer 3: clients.py",
    ):  # fmt: skip
        assert part in str(told.value)


async def test_a_part_that_ends_in_silence_ends_the_run() -> None:
    async def breaks() -> None:
        raise OSError("no more files")

    async def describe() -> list[str]:
        return [repr(part)]

    part = asyncio.create_task(breaks(), name="keep api-1")
    with pytest.raises(StalledError, match=r"(?s)keep api-1: has ended.*no more files"):
        await watched(asyncio.sleep(60), {}, describe, 60, [part])


async def test_what_is_over_does_not_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "POLL_SECONDS", 0.01)

    async def describe() -> list[str]:
        return []

    await watched(asyncio.sleep(0.2), {"posts": lambda: OVER}, describe, 0.01)


async def test_a_process_that_is_never_ready_is_told(tmp_path: Path) -> None:
    kept = Kept(DarkroomServer(tmp_path / "api", "no-command", {}, NOBODY), "api-1", NOBODY)
    with pytest.raises(NotStartedError, match=r"(?s)api-1: starting.*No such command"):
        async with keeping([kept], 2.0):
            pass
