"""Ends background tasks for good."""

import asyncio

PATIENCE_SECONDS = 1.0


async def stop(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end; raises the error that it ended with, if any.

    It is asked again after a while: `wait_for` of Python 3.11, which redis-py calls for
    every command, loses a cancellation that arrives together with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_SECONDS)
    if not task.cancelled():
        task.result()
