"""`POST /explain`: what would be done with a batch, without doing or recording anything.

Only headers are read from the customer's storage. They are parsed in confined children, as
every file is.
"""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec
from msgspec import Raw, Struct

from engine.errors import DarkroomError, LimitExceeded, UnsupportedFormat
from engine.explain import Explanation, Refusal
from service.api.direct.children import Children, answering_without_children
from service.api.direct.ranged_reads import PartialFile, RangeReader
from service.errors import HeaderTooLong, RenderCrashed, Unavailable
from service.http import CreateProcess, raw_jobs
from service.metrics import Metrics
from service.outbound import WebSources
from service.sandbox.parent import commands
from service.sandbox.protocol import Answer, Explained, KnownRanges, Output, Question, Work
from service.sandbox.setup import engine_limits
from service.settings import Settings, setting_of
from service.storage import Storages

MAX_ANSWER_BYTES = 64 * 1024**2  # ten times what the largest batch needs


class _Files(Struct, frozen=True):
    """The files that a batch names; `refused` are the watermarks that cannot be read."""

    source: PartialFile
    inputs: Mapping[str, PartialFile]
    refused: Mapping[str, Refusal]


class Explainer:
    """Explains batches, a few at a time. Its children start with the first request."""

    def __init__(
        self, storages: Storages, web: WebSources, settings: Settings, metrics: Metrics
    ) -> None:
        self._storages = storages
        self._web = web
        self._settings = settings
        self._metrics = metrics
        self._running = 0
        self._children = Children(settings, metrics, settings.explain_slots, commands.EXPLAIN)

    async def explain(self, batch: CreateProcess, body: bytes) -> Explanation:
        """Explain a batch that was parsed from a body.

        Raises errors that would fail all its jobs, and Unavailable if there are too many
        explanations at once.
        """
        if self._running >= self._settings.explain_requests:
            raise Unavailable("Too many explanations are in progress; try again")
        self._running += 1
        seconds = self._settings.explain_seconds
        try:
            with answering_without_children():
                async with asyncio.timeout(seconds):
                    return await self._explain(batch, raw_jobs(body))
        except TimeoutError:
            raise Unavailable(f"This took longer than {seconds:g} s; try again") from None
        except LimitExceeded as error:
            self._metrics.limits_rejected.labels(setting_of(error.limit)).inc()
            raise
        finally:
            self._running -= 1

    async def close(self) -> None:
        """Stop the children."""
        await self._children.close()

    async def _explain(self, batch: CreateProcess, jobs: tuple[Raw, ...]) -> Explanation:
        """Read ranges of the files until a child has complete headers."""
        async with self._storages.of(batch.service_id) as storage:
            reader = RangeReader(
                self._web.beside(storage, batch.service_id),
                max_size=self._settings.max_source_bytes,
                max_bytes=self._settings.max_explain_bytes,
            )
            with ExitStack() as opened:
                files = await _begin(batch, reader, opened)
                while not isinstance(answer := await self._ask(files, jobs, batch), Explained):
                    if answer.source is not None:
                        await reader.fetch(files.source, answer.source)
                    for key in answer.inputs.keys() & files.inputs.keys():
                        await reader.fetch(files.inputs[key], answer.inputs[key])
                return answer.explanation

    async def _ask(self, files: _Files, jobs: tuple[Raw, ...], batch: CreateProcess) -> Answer:
        question = Question(
            jobs=jobs,
            source=_known_ranges(files.source),
            inputs={key: _known_ranges(file) for key, file in files.inputs.items()},
            refused=files.refused,
        )
        work = Work(
            owner=str(batch.service_id),
            source=files.source.file,
            inputs={key: each.file for key, each in files.inputs.items()},
            jobs=(msgspec.json.encode(question),),
            deadline=2 * self._settings.explain_seconds,  # the time limit of the request is shorter
            limits=engine_limits(self._settings),
        )
        async with (await self._children.sandbox()).render(work) as rendering:
            async for result in rendering:
                return _read(result.outcome)
        raise RenderCrashed("the child that read the header gave no valid answer")


async def _begin(batch: CreateProcess, reader: RangeReader, opened: ExitStack) -> _Files:
    """Fetch the beginning of each file; an error of a watermark fails only the jobs that use it."""
    source = opened.enter_context(await reader.begin(batch.source))
    inputs: dict[str, PartialFile] = {}
    refused: dict[str, Refusal] = {}
    for key in batch.inputs:
        try:
            inputs[str(key)] = opened.enter_context(await reader.begin(key))
        except DarkroomError as error:
            if error.retryable or isinstance(error, HeaderTooLong):
                raise
            refused[str(key)] = Refusal(error.code, error.message)
    return _Files(source, inputs, refused)


def _known_ranges(file: PartialFile) -> KnownRanges:
    return KnownRanges(file.size, file.known)


def _read(outcome: Output | DarkroomError) -> Answer:
    """Decode an answer; it may be anything, since a child may be compromised."""
    if isinstance(outcome, UnsupportedFormat):
        outcome.path = "source"
    if isinstance(outcome, DarkroomError):
        raise outcome
    with outcome.file as file:
        try:
            answer: Answer = msgspec.json.decode(file.read(MAX_ANSWER_BYTES), type=Answer)
        except msgspec.DecodeError:
            raise RenderCrashed("the child that read the header gave no valid answer") from None
    return answer
