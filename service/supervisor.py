"""Keeps background tasks running: restarts each after an error, counts it, and reports it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

FIRST_PAUSE = 0.1  # before a restart; doubled with each further one
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 5.0  # a task that has run for so long since its restart is up again

log = structlog.get_logger(__name__)


class Supervisor:
    """Runs tasks that must not end; `on_restart` is given the name of each that did."""

    def __init__(self, on_restart: Callable[[str], None] = lambda _: None) -> None:
        self._on_restart = on_restart
        self._down: dict[object, str] = {}

    @property
    def down(self) -> list[str]:
        """The names of the tasks that wait for their restart, or had one a moment ago."""
        return sorted(set(self._down.values()))

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run something until it ends by itself or this is cancelled; restart it after errors."""
        mine, pause = object(), 0.0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            up = loop.call_later(STEADY_SECONDS, self._down.pop, mine, None) if pause else None
            try:
                return await run()
            except asyncio.CancelledError:
                if _is_cancelled():
                    self._down.pop(mine, None)
                    raise
                self._go_down(mine, name)  # something that it waited for was cancelled
            except Exception:  # a task must survive errors that nobody foresaw
                self._go_down(mine, name)
            finally:
                if up is not None:
                    up.cancel()
            steady = loop.time() - began > STEADY_SECONDS
            pause = FIRST_PAUSE if steady else min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * pause))
            await asyncio.sleep(pause)

    def _go_down(self, which: object, name: str) -> None:
        self._down[which] = name
        self._on_restart(name)
        log.exception("task_failed", task=name)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
