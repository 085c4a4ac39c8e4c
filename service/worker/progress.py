"""What is known of a process while it is worked on, and when it is recorded."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Self

from service.errors import LeaseLost
from service.outages import POSTGRES, outages
from service.store import UNAVAILABLE, Claim, End, Entry, JobResult
from service.worker.lease import Lease
from service.worker.recorder import Recorder


class Progress:
    """What is known of one process: its results are recorded soon, at the latest with its end.

    A result waits `seconds` for others and for the end of its process, so that a quick process
    is one statement, and a slow one is recorded job by job. `on_lost` is told when the process
    turns out to be another's. To be used as a context.
    """

    def __init__(
        self, lease: Lease, recorder: Recorder, seconds: float, on_lost: Callable[[Lease], None]
    ) -> None:
        self.lease = lease
        self.results = {result.position: result for result in lease.claim.ended}
        self._recorder = recorder
        self._seconds = seconds
        self._on_lost = on_lost
        self._unrecorded: list[JobResult] = []
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def claim(self) -> Claim:
        """The claim."""
        return self.lease.claim

    @property
    def left(self) -> list[int]:
        """The positions of the jobs of which nothing is known yet."""
        return [position for position in self.claim.pending if position not in self.results]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._stop_waiting()

    async def add(self, results: Iterable[JobResult]) -> None:
        """Note what became of jobs."""
        for result in results:
            self.results[result.position] = result
            self._unrecorded.append(result)
        if self._seconds:
            self._wait()
        elif self._unrecorded:
            await self._write()

    async def flush(self) -> None:
        """Record now what is not recorded; raises LeaseLost."""
        self._stop_waiting()
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._stop_waiting()
        if self._unrecorded:
            await self._write()

    async def end(self, end: End) -> float:
        """Record how the process ends, with all that is not recorded; raises LeaseLost."""
        self._ended = True
        self._stop_waiting()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        entry = Entry(claim=self.claim, results=tuple(self._unrecorded), end=end)
        return await self._recorder.write(entry)

    def _wait(self) -> None:
        """Write what is not recorded after a while, unless that is on its way."""
        if self._unrecorded and not (self._ended or self._timer or self._writing):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._begin_writing)

    def _begin_writing(self) -> None:
        self._timer = None
        self._writing = asyncio.create_task(self._write_ahead())

    async def _write_ahead(self) -> None:
        try:
            await self._write()
        except LeaseLost:
            self._on_lost(self.lease)
        except UNAVAILABLE as error:  # it is tried again with what comes next
            outages.failed(POSTGRES, error)
        finally:
            self._writing = None
            self._wait()

    async def _write(self) -> None:
        results = tuple(self._unrecorded)
        await self._recorder.write(Entry(claim=self.claim, results=results))
        del self._unrecorded[: len(results)]

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
