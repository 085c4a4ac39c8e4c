"""The children of the API, started by the first request that needs them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress

import structlog

from service.errors import RenderUnavailable, Unavailable
from service.metrics import Metrics
from service.sandbox.parent import Sandbox
from service.sandbox.setup import make_sandbox
from service.settings import Settings
from service.supervisor import Supervisor

log = structlog.get_logger(__name__)


class Children:
    """So many children, each of which runs a command."""

    def __init__(
        self, settings: Settings, metrics: Metrics, slots: int, command: Sequence[str]
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._slots = slots
        self._command = command
        self._resources = AsyncExitStack()
        self._starting: asyncio.Task[Sandbox | RenderUnavailable] | None = None

    async def sandbox(self) -> Sandbox:
        """Start them if they are not there; raises RenderUnavailable.

        A request whose time is over meanwhile leaves them to start for the next one.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        started = await asyncio.shield(self._starting)
        if isinstance(started, RenderUnavailable):
            raise started
        return started

    async def close(self) -> None:
        """Stop them."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError):
                await self._starting
        await self._resources.aclose()

    async def _start(self) -> Sandbox | RenderUnavailable:
        sandbox = make_sandbox(
            self._settings, self._metrics, self._slots, self._command,
            Supervisor(self._metrics.task_restarted),
        )  # fmt: skip
        try:
            return await self._resources.enter_async_context(sandbox)
        except RenderUnavailable as error:
            self._starting = None  # the next request tries again
            return error
        except BaseException:
            self._starting = None
            raise


@contextmanager
def answering_without_children() -> Iterator[None]:
    """Raise Unavailable for a client that waits while no child can be started."""
    try:
        yield
    except RenderUnavailable as error:
        log.warning("child_unavailable", error=error.message)
        raise Unavailable("No child process could be started; try again") from None
