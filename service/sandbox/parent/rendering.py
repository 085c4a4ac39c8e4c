"""One rendering in progress: its results, one by one, while the child makes them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import BinaryIO, Self

from msgspec.structs import asdict

from engine.errors import DarkroomError
from service.sandbox.parent.output_files import OutputFiles
from service.sandbox.protocol import (
    JobDone,
    JobFailed,
    Output,
    ProtocolError,
    Result,
    Summary,
    to_error,
)

GATHER_SECONDS = 0.02  # that a result waits for others of its work, to be published with them


class Rendering:
    """An asynchronous iterator of results, in the order in which the child makes them.

    It ends after the last result, or raises what ended the work early: RenderTimeout,
    RenderCrashed or RenderUnavailable. What was given out before stands. `unfinished`
    tells then which jobs have no result, in their order; the child works in this order
    too, so the first is the one it was busy with.

    `ahead` results that wait make the child pause: then they are given out at once, as they are
    when nothing more will come; before that, each waits a moment for others.
    """

    def __init__(
        self,
        wanted: Iterable[int],
        ahead: int,
        files: OutputFiles,
        on_taken: Callable[["Rendering"], None],
    ) -> None:
        self.summary: Summary | None = None
        """The figures of the whole work, after the last result; None if they were lost."""
        self.seconds = 0.0
        """How long the child worked, once it is over."""
        self._open = set(wanted)
        self._ahead = ahead
        self._waiting: deque[Result] = deque()
        self._due = False
        self._gathering: asyncio.TimerHandle | None = None
        self._on_taken = on_taken
        self._files = files
        self.declined = False
        """Whether the child was told that it may not go on now."""
        self._over = False
        self._error: DarkroomError | None = None
        self._news: asyncio.Future[None] | None = None
        self.begun: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """True once the child is known to work on it, or to be gone; False if it is postponed."""

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The places of the jobs that the child has not answered."""
        return tuple(sorted(self._open))

    @property
    def over(self) -> bool:
        """Whether nothing more will come from the child."""
        return self._over

    @property
    def pauses(self) -> bool:
        """Whether the child waits until results are taken."""
        return bool(self._open) and len(self._waiting) >= self._ahead

    @property
    def untaken(self) -> int:
        """How many results wait to be taken."""
        return len(self._waiting)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        results = await self.take(1)
        if not results:
            raise StopAsyncIteration
        return results[0]

    async def take(self, most: int = 1000) -> list[Result]:
        """Wait for results and give all that are there, or none after the last."""
        while not (self._waiting and self._due):
            if self._over:
                if self._error is not None:
                    raise self._error
                return []
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._due = self._over or bool(self._waiting)
        for _ in taken:
            self._on_taken(self)
        return taken

    def add(self, message: JobDone | JobFailed) -> None:
        """Take in an answer of the child; ProtocolError if it makes no sense."""
        if message.index not in self._open:
            raise ProtocolError(f"an answer to job {message.index}, which is not open")
        outcome = (
            Output(file=self._file_of(message), **asdict(message.output))
            if isinstance(message, JobDone)
            else to_error(message.fault)
        )
        self.begin(begun=True)
        self._open.remove(message.index)
        self._waiting.append(Result(message.index, outcome))
        if self.pauses or not self._open:
            self._wake()
        elif self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER_SECONDS, self._wake)

    def _file_of(self, message: JobDone) -> BinaryIO:
        """Give an output to be read; ProtocolError if it is one too many or of another size."""
        if len(self._waiting) >= self._ahead:  # else a child could fill the worker's memory
            raise ProtocolError("an output before those that wait were taken")
        data, size = message.data, message.output.size
        if data is None:
            return self._files.take(size)
        if len(data) != size:
            raise ProtocolError(f"an output of {len(data)} bytes, said to have {size}")
        return BytesIO(data)

    def begin(self, *, begun: bool) -> None:
        """Note that the child works on it, or has put it away."""
        if not self.begun.done():
            self.begun.set_result(begun)

    def postpone(self) -> None:
        """Note that the child has put it away; ProtocolError if it has answered before."""
        if self.begun.done() and not self.begun.cancelled():
            raise ProtocolError("postponed what it had begun")
        self.begin(begun=False)
        self._end()

    def finish(self, summary: Summary) -> None:
        """Note that the child has done all; ProtocolError if it has not."""
        if self._open:
            raise ProtocolError(f"finished with {len(self._open)} jobs left open")
        self.summary = summary
        self._end()

    def fail(self, error: DarkroomError) -> None:
        """End early: the results that wait are given out first, then the error, if any is left.

        A child that dies after its last answer takes nothing back; only the summary is lost.
        """
        if self._open:
            self._error = error
        self._end()

    def discard(self) -> None:
        """Close what nobody has taken."""
        self._wake()
        while self._waiting:
            outcome = self._waiting.popleft().outcome
            if isinstance(outcome, Output):
                outcome.file.close()

    def _end(self) -> None:
        self.begin(begun=True)
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._due = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
