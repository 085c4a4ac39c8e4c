"""Sends batches to an installation, and notes when each was accepted and when it ended."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
from aiohttp import web
from msgspec import Struct

from bench.service.stack import Stack
from bench.workloads import Workload

POLL_SECONDS = 0.02  # between two questions to the records for all who wait
POLL_SHARE = 20  # a question that takes long is asked less often: a twentieth of the time at most
AFTER_REFUSAL = 0.1  # seconds that a client waits when it was refused

ENDED = """
SELECT id, status, extract(epoch FROM updated_at)::float8 AS ended FROM processes
WHERE id = ANY($1::text[]) AND status IN ('FINISHED', 'FAILED')
"""


class Batch(Struct):
    """One batch; times are Unix time."""

    due: float
    sent: float = 0.0
    id: str = ""
    accepted: float | None = None
    refused: str = ""  # the status of an answer that was not 200, or the error's name
    finished: float | None = None  # as its record tells
    failed: bool = False
    called: float | None = None  # when its callback arrived


class Caller:
    """Sends one workload; a batch has ended for it with its record, or with its callback."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, workload: Workload) -> None:
        self.batches: list[Batch] = []
        self.callbacks = ""  # the URL that they go to; empty if none are wanted
        self._stack = stack
        self._session = session
        self._workload = workload
        self._asking = asyncio.Lock()  # there is one connection
        self._waiting: dict[str, tuple[Batch, asyncio.Event]] = {}  # by id, or number of callback

    async def send(self, due: float) -> None:
        """Send a batch, and wait until it has ended."""
        batch = Batch(due, sent=time.time())
        self.batches.append(batch)
        number, ended = str(len(self.batches)), asyncio.Event()
        fields = {}
        if self.callbacks:  # it may be here before the answer
            fields["callback"] = f"{self.callbacks}{number}"
            self._waiting[number] = batch, ended
        body = self._stack.body(self._workload.source, self._workload.jobs, **fields)
        try:
            async with self._session.post("/request", json=body) as answer:
                if answer.status == 200:
                    batch.id = str((await answer.json())["process_id"])
                    batch.accepted = time.time()
                else:
                    batch.refused = str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            batch.refused = type(error).__name__
        if batch.refused:
            self._waiting.pop(number, None)
            await asyncio.sleep(AFTER_REFUSAL)
            return
        if not self.callbacks:
            self._waiting[batch.id] = batch, ended
        await ended.wait()

    async def read(self) -> None:
        """Note what the records tell of all batches."""
        await self._read({batch.id: batch for batch in self.batches if batch.accepted})

    async def watch(self) -> None:
        """Ask the records for all who wait, again and again."""
        while True:
            began = time.perf_counter()
            waiting = dict(self._waiting)
            for key in await self._read({key: batch for key, (batch, _) in waiting.items()}):
                self._end(key)
            await asyncio.sleep(max(POLL_SECONDS, POLL_SHARE * (time.perf_counter() - began)))

    async def take_callback(self, request: web.Request) -> web.Response:
        """Receive the callback of a batch."""
        await request.read()
        if found := self._waiting.get(number := request.match_info["number"]):
            found[0].called = time.time()
            self._end(number)
        return web.Response()

    def _end(self, key: str) -> None:
        _, ended = self._waiting.pop(key)
        ended.set()

    async def _read(self, batches: dict[str, Batch]) -> list[str]:
        """Note the ends of these, by id; returns the ids of those that have ended."""
        if not batches:
            return []
        async with self._asking:
            rows = await self._stack.database.fetch(ENDED, list(batches))
        for row in rows:
            batches[row["id"]].finished = row["ended"]
            batches[row["id"]].failed = row["status"] == "FAILED"
        return [row["id"] for row in rows]


@asynccontextmanager
async def calling(stack: Stack, workload: Workload, *, callbacks: bool) -> AsyncIterator[Caller]:
    """Give a caller whose receiver listens, or which watches the records."""
    headers = {"Authorization": f"Bearer {stack.told['token']}"}
    async with AsyncExitStack() as opened:
        session = aiohttp.ClientSession(
            stack.told["url"],
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),  # nobody waits for another's connection
        )
        caller = Caller(stack, await opened.enter_async_context(session), workload)
        await opened.enter_async_context(_receiving(caller) if callbacks else _watching(caller))
        yield caller


@asynccontextmanager
async def _receiving(caller: Caller) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_post("/{number}", caller.take_callback)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        caller.callbacks = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _watching(caller: Caller) -> AsyncIterator[None]:
    watching = asyncio.create_task(caller.watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
