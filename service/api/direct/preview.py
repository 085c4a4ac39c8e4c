"""`POST /preview`: renders one job at once and answers with the image.

Nothing is recorded or stored. The limits are tighter than those of a worker, since a client waits.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from engine.errors import DarkroomError, InvalidRequest, LimitExceeded, SourceTooLarge
from engine.schema import Key
from service.api.direct.children import Children, answering_without_children
from service.errors import RateLimited, RenderCrashed, Unavailable
from service.http import CreateProcess, raw_jobs
from service.metrics import Metrics
from service.outbound import WebSources
from service.quarantine import SourceQuarantine
from service.sandbox.parent import commands
from service.sandbox.protocol import Output, Work, to_error, to_fault
from service.sandbox.setup import engine_limits
from service.settings import Settings, setting_of, variable
from service.storage import Reader, Storages, shown

PLACEHOLDER = Raw(b'"preview"')
RETRY_SECONDS = 1
# The settings that stand for others here, where they are tighter.
TIGHTER = {
    "max_source_pixels": "max_preview_source_pixels",
    "max_output_pixels": "max_preview_output_pixels",
    "max_output_bytes": "max_preview_output_bytes",
}

_object = msgspec.json.Decoder(dict[str, Raw])


class Image(Struct, frozen=True):
    """An encoded image."""

    data: bytes
    content_type: str


def with_destination(body: bytes) -> bytes:
    """Give a body whose only job has a destination, which a preview needs for its ending alone.

    A job without one must name its format, or a preset that may; raises InvalidRequest. What is no
    request of one job is left to the validation.
    """
    try:
        request = _object.decode(body)
        (raw,) = msgspec.json.decode(request["jobs"], type=tuple[Raw, ...])
        job = _object.decode(raw)
    except (KeyError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return body
    if "destination" in job:
        return body
    if not job.keys() & {"format", "preset"}:
        path = "jobs[0].format"
        message = f"{path}: expected a format, since there is no destination, got nothing"
        raise InvalidRequest(message, path, code="missing_field")
    return msgspec.json.encode({**request, "jobs": [{**job, "destination": PLACEHOLDER}]})


class Previewer:
    """Renders single jobs, a few at a time. Its children start with the first request."""

    def __init__(
        self,
        storages: Storages,
        web: WebSources,
        quarantine: SourceQuarantine,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._storages = storages
        self._web = web
        self._quarantine = quarantine
        self._settings = settings = _tightened(settings)
        self._metrics = metrics
        self._running: Counter[int] = Counter()
        self._children = Children(settings, metrics, settings.preview_slots, commands.RENDER)

    async def close(self) -> None:
        """Stop the children."""
        await self._children.close()

    @asynccontextmanager
    async def preview(self, request: CreateProcess, body: bytes) -> AsyncIterator[Image]:
        """Render the only job of a request, parsed from a body; its turn ends with the context.

        Raises the error that the job would have, Unavailable if there are too many previews at
        once, and RateLimited if too many are of this service.
        """
        if (count := len(request.jobs)) != 1:
            raise InvalidRequest(f"jobs: expected one job, got {count}", "jobs")
        with self._turn(request.service_id):
            try:
                with answering_without_children():
                    image = await self._make(request, raw_jobs(body))
            except TimeoutError:
                seconds = self._settings.preview_seconds
                raise Unavailable(f"Nothing came of it within {seconds:g} s; try again") from None
            except LimitExceeded as error:
                error = self._renamed(error)
                self._metrics.limits_rejected.labels(setting_of(error.limit)).inc()
                raise error from None
            yield image

    @contextmanager
    def _turn(self, service_id: int) -> Iterator[None]:
        if self._running[service_id] >= self._settings.preview_service_requests:
            raise RateLimited(RETRY_SECONDS)
        if self._running.total() >= self._settings.preview_requests:
            raise Unavailable("Too many previews are in progress; try again")
        self._running[service_id] += 1
        try:
            yield
        finally:
            self._running[service_id] -= 1
            if not self._running[service_id]:
                del self._running[service_id]

    async def _make(self, request: CreateProcess, jobs: tuple[Raw, ...]) -> Image:
        """Fetch the files and wait for a child, within the time; rendering has its own."""
        with ExitStack() as opened:
            async with asyncio.timeout(self._settings.preview_seconds) as waiting:
                source, inputs = await self._fetch(request, opened)
                await self._quarantine.learn_and_check(request.service_id, source)
                work = Work(
                    owner=str(request.service_id),
                    source=source,
                    inputs=inputs,
                    jobs=tuple(map(bytes, jobs)),
                    deadline=self._settings.preview_seconds,
                    limits=engine_limits(self._settings),
                )
                sandbox = await self._children.sandbox()
                end = waiting.when()

                def wait(waits: bool) -> None:
                    waiting.reschedule(end if waits else None)

                async with sandbox.render(work, wait) as rendering:
                    async for result in rendering:
                        return _read(result.outcome)
        raise RenderCrashed("the rendering process gave no image")

    async def _fetch(
        self, request: CreateProcess, opened: ExitStack
    ) -> tuple[BinaryIO, dict[str, BinaryIO]]:
        """Open the source and the watermarks, which are so large together."""
        left = self._settings.max_preview_bytes
        files: dict[Key, BinaryIO] = {}
        async with self._storages.of(request.service_id) as storage:
            reader = self._web.beside(storage, request.service_id)
            for key in (request.source, *sorted(request.inputs)):
                files[key] = opened.enter_context(await self._open(reader, key, left))
                left -= os.fstat(files[key].fileno()).st_size
        inputs = {str(key): files[key] for key in request.inputs}
        return files[request.source], inputs

    async def _open(self, reader: Reader, key: Key, left: int) -> BinaryIO:
        most = self._settings.max_source_bytes
        try:
            return await reader.fetch(key, limit=min(left, most))
        except SourceTooLarge as error:
            if left >= most:
                raise
            limit = self._settings.max_preview_bytes
            what = f"{shown(key)} and what was fetched before it"
            raise SourceTooLarge(
                what, variable("max_preview_bytes"), limit, limit - left + error.found, "bytes"
            ) from None

    def _renamed(self, error: LimitExceeded) -> LimitExceeded:
        """Name the setting of previews, where it was the tighter one."""
        tighter = TIGHTER.get(setting_of(error.limit), "")
        if not tighter or error.allowed != getattr(self._settings, tighter):
            return error
        fault = to_fault(error)
        message = fault.message.replace(f"({error.limit})", f"({variable(tighter)})")
        facts = {**fault.facts, "limit": variable(tighter)}
        renamed = to_error(replace(fault, message=message, facts=facts))
        return renamed if isinstance(renamed, LimitExceeded) else error


def _tightened(settings: Settings) -> Settings:
    tighter = {
        name: min(getattr(settings, name), getattr(settings, other))
        for name, other in TIGHTER.items()
    }
    return replace(settings, **tighter)


def _read(outcome: Output | DarkroomError) -> Image:
    if isinstance(outcome, DarkroomError):
        raise outcome
    with outcome.file as file:
        return Image(file.read(outcome.size), outcome.content_type)
