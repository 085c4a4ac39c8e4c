"""Handles jobs whose destination is an input of their process: its source or a watermark.

What they store cannot be made again, since what it was made of is gone then. So the versions of
such inputs are written down before anything is made of them, and these jobs are stored last, when
nothing else is left to do, after what they store was written down as well. A later run knows from
that which of them are done, and makes nothing of an input that is another one by now.

A process without such jobs is not touched by any of this (docs/decisions/1142).
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from engine.schema import Job, shown
from service import failpoints
from service.errors import DarkroomError, LeaseLost, SourceChanged
from service.http import inputs_of
from service.quarantine import sha256_of
from service.sandbox.protocol import Output
from service.store import Claim, JobResult, Leases
from service.worker.progress import Progress
from service.worker.publisher import result_of
from service.worker.request import Request

Outcome = tuple[int, Output | DarkroomError]


class _Kept(Struct, omit_defaults=True):
    """What a run leaves to the next: the SHA-256 of each input that is overwritten, "" if there
    was none, and the results that were about to be stored in their place.
    """

    inputs: dict[str, str]
    results: dict[str, JobResult] = {}


class InPlace:
    """The jobs of one process that overwrite an input; a context that closes what it holds back."""

    def __init__(self, leases: Leases, progress: Progress, request: Request) -> None:
        inputs = {str(request.source)} | {str(k) for job in request.jobs for k in inputs_of(job)}
        self._leases = leases
        self._progress = progress
        self._request = request
        self._overwritten = {
            str(job.destination): position
            for position, job in enumerate(request.jobs)
            if str(job.destination) in inputs
        }
        self._found: dict[str, str] = {}
        self._kept = _Kept({})
        self.held: list[tuple[int, Output]] = []
        """Outputs that are to be stored last."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _position, output in self.held:
            output.file.close()

    async def compare(self, files: dict[str, BinaryIO]) -> None:
        """Write down the versions of what is overwritten, or compare them with those of before.

        `files` are the open source and watermarks by their keys. Jobs whose results are in their
        place are noted as done. Raises LeaseLost.
        """
        if not self._overwritten:
            return
        for key in self._overwritten:
            self._found[key] = await sha256_of(files[key]) if key in files else ""
        kept = self._claim.in_place
        if kept is None:
            self._kept = _Kept(dict(self._found))
            await self._write_down()
        else:
            self._kept = msgspec.json.decode(kept, type=_Kept)
            await self._progress.add(self._stored())
        failpoints.reach("worker.after_identity")

    def changed(self, positions: Iterable[int]) -> dict[int, SourceChanged]:
        """Give the error of each job of which an input is not the one of the first run."""
        changed = {k for k, now in self._found.items() if now != self._kept.inputs.get(k)}
        found: dict[int, SourceChanged] = {}
        for position in positions:
            if keys := sorted(self._inputs(self._request.jobs[position]) & changed):
                found[position] = _changed(keys[0])
        return found

    def hold_back(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Keep the outputs that are to be stored last; gives the other outcomes."""
        others: list[Outcome] = []
        for position, outcome in outcomes:
            if isinstance(outcome, Output) and position in self._overwritten.values():
                self.held.append((position, outcome))
            else:
                others.append((position, outcome))
        return others

    async def announce(self) -> list[Outcome]:
        """Write down what is about to be stored, after all that is known of other jobs.

        Gives what was held back; whoever takes it closes it. Raises LeaseLost.
        """
        await self._progress.flush()
        destinations = {position: key for key, position in self._overwritten.items()}
        self._kept.results |= {
            destinations[position]: result_of(position, output) for position, output in self.held
        }
        await self._write_down()
        failpoints.reach("worker.before_overwrite")
        held, self.held = self.held, []
        return list(held)

    @property
    def _claim(self) -> Claim:
        return self._progress.claim

    def _stored(self) -> list[JobResult]:
        """Give the results of pending jobs that are in the place of their inputs already."""
        return [
            result
            for key, result in self._kept.results.items()
            if result.position in self._progress.left and self._found.get(key) == result.sha256
        ]

    def _inputs(self, job: Job) -> set[str]:
        return {str(self._request.source), *map(str, inputs_of(job))}

    async def _write_down(self) -> None:
        text = msgspec.json.encode(self._kept).decode()
        if not await self._leases.keep_in_place(self._claim, text):
            raise LeaseLost("no longer ours")


def _changed(key: str) -> SourceChanged:
    return SourceChanged(
        f"{shown(key)} is not the file that it was when this process read it first, and the "
        'process overwrites it: retry with "source": "new" to use what is there now'
    )
