"""A task that is stopped has ended, whatever happened to the first cancellation."""

import asyncio

import pytest

from service.tasks import stop


async def test_a_task_is_cancelled() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    await stop(task)
    assert task.cancelled()


async def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(60)

    monkeypatch.setattr("service.tasks.RECANCEL_SECONDS", 0.01)
    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(stop(task), 5)
    assert task.cancelled()


async def test_what_is_cleaned_up_is_waited_for() -> None:
    cleaned: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await stop(task)
    assert cleaned == ["up"]


async def test_an_error_is_raised_and_an_end_is_not() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def finish() -> None:
        return

    for work in (finish, fail):
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        if work is fail:
            with pytest.raises(ZeroDivisionError):
                await stop(task)
        else:
            await stop(task)
            assert task.result() is None
