"""Reliable cancellation of background tasks."""

import asyncio

RECANCEL_SECONDS = 1.0


async def stop(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end; raises the error that it ended with, if any.

    The cancellation is repeated until the task has ended: `wait_for` of Python 3.11, which
    redis-py calls for every command, loses one that arrives together with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=RECANCEL_SECONDS)
    if not task.cancelled():
        task.result()
