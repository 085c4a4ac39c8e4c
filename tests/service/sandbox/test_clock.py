"""A deadline counts the time of the child, as far as the worker runs beside it."""

import asyncio
import time

import pytest

from service.sandbox.parent import clock
from service.sandbox.parent.clock import Clock


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(clock, "LATE_SECONDS", 0.2)


async def overrun(seconds: float, frozen: float = 0) -> float:
    """Return after how long a deadline is told, by a worker that freezes right at its start."""
    told = asyncio.Event()
    running = Clock(told.set)
    began = time.monotonic()
    running.start(seconds)
    time.sleep(frozen)  # noqa: ASYNC251 - this is what a frozen worker is
    await asyncio.wait_for(told.wait(), 20)
    assert not running.running
    return time.monotonic() - began


async def test_a_deadline_is_reported_in_time() -> None:
    assert await overrun(0.3) >= 0.29


async def test_a_frozen_worker_extends_the_deadline() -> None:
    assert await overrun(0.3, frozen=0.5) >= 0.5 + 0.27


async def test_what_was_frozen_does_not_count_when_it_is_paused_either() -> None:
    told: list[None] = []
    running = Clock(lambda: told.append(None))
    running.start(0.3)
    time.sleep(0.5)  # noqa: ASYNC251
    running.pause()
    running.resume()
    await asyncio.sleep(0)
    assert not told
    running.pause()


async def test_what_lasts_is_told_once_and_again_when_that_is_asked_for() -> None:
    told: list[float] = []
    running = Clock(lambda: None, lambda: told.append(running.spent))
    running.start(30, expected=0.05)
    await asyncio.sleep(0.3)
    assert len(told) == 1
    running.expect(0.1)
    await asyncio.sleep(0.5)
    assert len(told) == 2
    assert told[0] >= 0.05
    assert told[1] >= told[0] + 0.1
    running.pause()
