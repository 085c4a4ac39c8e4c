"""Opens the inputs of a process: its source, and the watermarks of its jobs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import BinaryIO

from msgspec import Struct

from engine.errors import DarkroomError
from engine.schema import Key
from service import failpoints
from service.http import inputs_of
from service.metrics import Metrics
from service.storage import Reader
from service.tracing import span
from service.worker.request import Request


class Files(Struct, frozen=True, kw_only=True):
    """The open source and watermarks; `failed` are the jobs whose watermark is not there."""

    source: BinaryIO
    inputs: Mapping[str, BinaryIO]
    failed: Mapping[int, DarkroomError]


class Fetcher:
    """Fetches sources of at most `max_bytes`."""

    def __init__(self, max_bytes: int, metrics: Metrics) -> None:
        self._max_bytes = max_bytes
        self._metrics = metrics

    @asynccontextmanager
    async def fetch(
        self,
        request: Request,
        pending: Sequence[int],
        files: Reader,
        on_progress: Callable[[], None],
    ) -> AsyncIterator[Files]:
        """Open the source and every watermark; a missing watermark fails its jobs alone.

        `on_progress` is called after each.
        """
        async with AsyncExitStack() as stack:
            with self._metrics.stage("fetch"), span("fetch"):
                source = stack.enter_context(await self._open(files, request.source))
                inputs: dict[str, BinaryIO] = {}
                missing: dict[Key, DarkroomError] = {}
                on_progress()
                for key in {key for job in request.jobs for key in inputs_of(job)}:
                    try:
                        inputs[str(key)] = stack.enter_context(await self._open(files, key))
                    except DarkroomError as error:
                        missing[key] = error
                    on_progress()
            failed = {
                position: missing[key]
                for position in pending
                for key in inputs_of(request.jobs[position]) & missing.keys()
            }
            failpoints.reach("worker.after_fetch")
            yield Files(source=source, inputs=inputs, failed=failed)

    async def _open(self, files: Reader, key: Key) -> BinaryIO:
        return await files.fetch(key, limit=self._max_bytes)
