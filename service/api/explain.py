"""`POST /explain`: what would be done with a batch. Nothing is done, and nothing recorded.

Headers are read from the customer's storage as far as they reach, and parsed where every byte
of a picture is parsed: in confined children.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack

import msgspec
import structlog
from msgspec import Raw, Struct

from engine.errors import DarkroomError, LimitExceeded, UnsupportedFormat
from engine.explain import Explanation, Refusal
from service.api.ranged_reads import GatheredFile, Gatherer
from service.errors import HeaderTooLong, RenderCrashed, RenderUnavailable, Unavailable
from service.http import CreateProcess
from service.metrics import Metrics
from service.sandbox.parent import Sandbox, commands
from service.sandbox.protocol import Answer, Gathered, Output, Question, Told, Work
from service.sandbox.setup import engine_limits, make_sandbox
from service.settings import Settings, setting_of
from service.storage import Storages

MOST_ANSWER_BYTES = 64 * 1024**2  # ten times what the longest batch takes

log = structlog.get_logger(__name__)


class _Spelling(Struct):
    """A request as it was written, as far as it needs no understanding."""

    jobs: tuple[Raw, ...]


class _Files(Struct, frozen=True):
    """The files that a batch names; `refused` are those beside the source that cannot be had."""

    source: GatheredFile
    inputs: Mapping[str, GatheredFile]
    refused: Mapping[str, Refusal]


class Explainer:
    """Explains batches, a few at a time. Its children are started when one is first asked for."""

    def __init__(self, storages: Storages, settings: Settings, metrics: Metrics) -> None:
        self._storages = storages
        self._settings = settings
        self._metrics = metrics
        self._under_way = 0
        self._opened = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._sandbox: Sandbox | None = None

    async def explain(self, batch: CreateProcess, body: bytes) -> Explanation:
        """Explain a batch that was read from a body.

        Raises what would end all its jobs, and Unavailable when too much is asked at once.
        """
        if self._under_way >= self._settings.explain_requests:
            raise Unavailable("Too many explanations are under way; try again")
        self._under_way += 1
        seconds = self._settings.explain_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._explain(batch, msgspec.json.decode(body, type=_Spelling).jobs)
        except TimeoutError:
            raise Unavailable(f"This took longer than {seconds:g} s; try again") from None
        except RenderUnavailable as error:
            log.warning("no_child", error=error.message)
            raise Unavailable("No process can be started to read headers; try again") from None
        except LimitExceeded as error:
            self._metrics.limits_rejected.labels(setting_of(error.limit)).inc()
            raise
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        """End the children."""
        await self._opened.aclose()

    async def _explain(self, batch: CreateProcess, jobs: tuple[Raw, ...]) -> Explanation:
        """Read headers until a child knows enough."""
        async with self._storages.of(batch.service_id) as storage:
            gatherer = Gatherer(
                storage,
                max_size=self._settings.max_source_bytes,
                most_bytes=self._settings.max_explain_bytes,
            )
            with ExitStack() as opened:
                files = await _begin(batch, gatherer, opened)
                while not isinstance(answer := await self._ask(files, jobs), Told):
                    if answer.source is not None:
                        await gatherer.fetch(files.source, answer.source)
                    for key in answer.inputs.keys() & files.inputs.keys():
                        await gatherer.fetch(files.inputs[key], answer.inputs[key])
                return answer.explanation

    async def _ask(self, files: _Files, jobs: tuple[Raw, ...]) -> Answer:
        question = Question(
            jobs=jobs,
            source=_gathered(files.source),
            inputs={key: _gathered(file) for key, file in files.inputs.items()},
            refused=files.refused,
        )
        work = Work(
            source=files.source.file,
            inputs={key: each.file for key, each in files.inputs.items()},
            jobs=(msgspec.json.encode(question),),
            deadline=2 * self._settings.explain_seconds,  # the request's own ends it before
            limits=engine_limits(self._settings),
        )
        async with (await self._children()).render(work) as rendering:
            async for result in rendering:
                return _read(result.outcome)
        raise RenderCrashed("the process that read the header gave no answer")

    async def _children(self) -> Sandbox:
        async with self._opening:
            if self._sandbox is None:
                sandbox = make_sandbox(
                    self._settings, self._metrics, self._settings.explain_slots, commands.EXPLAIN
                )
                self._sandbox = await self._opened.enter_async_context(sandbox)
        return self._sandbox


async def _begin(batch: CreateProcess, gatherer: Gatherer, opened: ExitStack) -> _Files:
    """Fetch where the headers begin; what is wrong with a watermark concerns its jobs alone."""
    source = opened.enter_context(await gatherer.begin(batch.source))
    inputs: dict[str, GatheredFile] = {}
    refused: dict[str, Refusal] = {}
    for key in batch.inputs:
        try:
            inputs[str(key)] = opened.enter_context(await gatherer.begin(key))
        except DarkroomError as error:
            if error.retryable or isinstance(error, HeaderTooLong):
                raise
            refused[str(key)] = Refusal(error.code, error.message)
    return _Files(source, inputs, refused)


def _gathered(file: GatheredFile) -> Gathered:
    return Gathered(file.size, file.known)


def _read(outcome: Output | DarkroomError) -> Answer:
    """Take an answer for what it says, if it is one; a child may have been taken over."""
    if isinstance(outcome, UnsupportedFormat):
        outcome.path = "source"
    if isinstance(outcome, DarkroomError):
        raise outcome
    with outcome.file as file:
        try:
            answer: Answer = msgspec.json.decode(file.read(MOST_ANSWER_BYTES), type=Answer)
        except msgspec.DecodeError:
            raise RenderCrashed("the process that read the header gave no answer") from None
    return answer
