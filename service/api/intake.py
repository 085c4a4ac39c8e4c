"""Accepts a request: validates, records, dispatches and answers it."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec
import structlog
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from engine.errors import LimitExceeded
from engine.schema import Limits, clipped, parse, shown
from service import failpoints, priorities
from service.callbacks import callback_guard
from service.dispatch import Batcher, Dispatch, Dispatcher
from service.errors import ForeignService, IdempotencyInFlight, IdempotencyMismatch, InvalidRequest
from service.http import CreateProcess, RetryProcesses, RetryResult, Source, SourceVersion
from service.ids import is_process_id, new_process_id
from service.metrics import Metrics
from service.outbound import AddressRefused, host_allowed, source_guard
from service.presets import RawDefinition, read_draft
from service.settings import Settings
from service.storage import keeps_store_options
from service.store import Holder, NewProcess, Status, Store

PACE_SECONDS = 0.005  # between two statements: under load each then records more

log = structlog.get_logger(__name__)


class Accepted(msgspec.Struct, frozen=True):
    """The process that answers a request, and how many jobs were queued for it.

    None were if it was `replayed`: an earlier request made it.
    """

    process_id: str
    jobs: int = 0
    replayed: bool = False


class Reading(msgspec.Struct, frozen=True):
    """A request that was validated, and its JSON with all presets in their place."""

    request: CreateProcess
    body: bytes


class Retry(msgspec.Struct, frozen=True):
    """What became of each process of a retry, and what work that was: a process is one at least."""

    results: list[RetryResult]
    jobs: int


class Intake:
    """Takes requests in. A process id it gives is on disk."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, settings: Settings, metrics: Metrics
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._settings = settings
        self._metrics = metrics
        self._limits = request_limits(settings)
        self._grace = timedelta(seconds=settings.dispatch_grace_seconds)
        self._callback_guard = callback_guard(settings)
        self._source_guard = source_guard(settings)
        self._recorder = Batcher(self._record, pace=lambda: PACE_SECONDS)
        self._in_flight: set[tuple[int, str]] = set()

    async def accept(
        self,
        body: bytes,
        holder: Holder,
        *,
        key: str | None,
        traceparent: str | None,
        request_id: str | None,
    ) -> Accepted:
        """Take one batch: decode, validate, record, dispatch."""
        process = await self.prepare(body, holder, traceparent=traceparent, request_id=request_id)
        if key:
            body_hash = hashlib.sha256(body).digest()
            process = replace(process, idempotency_key=key, body_hash=body_hash)
        if not await self._record_once(process):
            return Accepted(await self.first_answer(process), replayed=True)
        self.dispatch(holder, process)
        return Accepted(process.id, jobs=len(process.destinations))

    async def prepare(
        self, body: bytes, holder: Holder, *, traceparent: str | None, request_id: str | None
    ) -> NewProcess:
        """Make a process of a batch that is valid; raises InvalidRequest and ForeignService."""
        reading = await self.read(body, holder)
        request = reading.request
        return NewProcess(
            id=new_process_id(),
            service_id=holder.service_id,
            priority=priorities.NUMBERS[request.priority],
            request=reading.body.decode(),
            destinations=[job.destination.written for job in request.jobs],
            traceparent=traceparent,
            request_id=request_id,
        )

    def dispatch(self, holder: Holder, process: NewProcess) -> None:
        """Count and dispatch a process that is recorded.

        The answer does not wait for Redis: the row is the outbox.
        """
        self._metrics.process_accepted(process.priority)
        self._metrics.service_accepted(process.service_id)
        self._dispatch(holder, process.id, 0, process.priority, len(process.destinations))

    async def retry(self, body: bytes, holder: Holder) -> Retry:
        """Queue ended processes again, one answer per id in the order first asked."""
        request = parse(body, RetryProcesses, self._limits)
        _own(request.service_id, holder)
        self._check_ids(request.process_ids)
        ids = list(dict.fromkeys(request.process_ids))
        known = [id_ for id_ in ids if is_process_id(id_)]
        found, retried = await self._store.processes.retry(
            known,
            holder.service_id,
            everything=bool(request.all),
            new_source=request.source is SourceVersion.NEW,
            grace=self._grace,
        )
        for process in retried:
            self._dispatch(holder, process.id, process.run, process.priority, process.jobs)
        attempts = {process.id: process.attempt for process in retried}
        results = [_retry_result(id_, found.get(id_), attempts) for id_ in ids]
        return Retry(results, len(ids) + sum(process.jobs - 1 for process in retried))

    async def read(self, body: bytes, holder: Holder) -> Reading:
        """Decode and validate a batch; raises InvalidRequest and ForeignService."""
        reading = await self._parse(body, holder)
        _own(reading.request.service_id, holder)
        self._check_inputs(reading.request)
        self._check_source(reading.request.source, holder)
        _check_store(reading.request, holder)
        self._check_callback(reading.request.callback)
        return reading

    async def _parse(self, body: bytes, holder: Holder) -> Reading:
        """Decode a batch; only one that names presets costs a statement."""
        draft = read_draft(body)
        if draft is None:
            return Reading(parse(body, CreateProcess, self._limits), body)
        presets = self._store.presets
        found = await presets.find(holder.service_id, draft.names)
        if draft.names - found.keys():
            known = await presets.list(holder.service_id)
            raise draft.refuse(found, [preset.name for preset in known])
        definitions = {name: RawDefinition.of(text) for name, text in found.items()}
        expanded = draft.expand(definitions, self._limits, self._settings.max_body_bytes)
        return Reading(expanded.parse(CreateProcess, self._limits), expanded.body)

    def _dispatch(self, holder: Holder, id_: str, run: int, priority: int, jobs: int) -> None:
        cost = jobs / holder.weight
        self._dispatcher.dispatch(
            Dispatch(id_, run, priority, service_id=holder.service_id, cost=cost)
        )

    async def _record_once(self, process: NewProcess) -> bool:
        """Record a process; False if its key was used before."""
        if process.idempotency_key is None:
            return await self._recorder.submit(process)
        with self.alone(process.service_id, process.idempotency_key):
            return await self._recorder.submit(process)

    @contextmanager
    def alone(self, service_id: int, key: str) -> Iterator[None]:
        """Let one request with a key through; raises IdempotencyInFlight for others meanwhile."""
        mine = (service_id, key)
        if mine in self._in_flight:
            raise IdempotencyInFlight("The first request with this key is not answered yet")
        self._in_flight.add(mine)
        try:
            yield
        finally:
            self._in_flight.discard(mine)

    async def first_answer(self, process: NewProcess) -> str:
        """Give what its key was used for before, by the same request."""
        first = await self._store.processes.first_answer(
            process.service_id, process.idempotency_key or ""
        )
        if first is None or first[0] != process.body_hash:
            raise IdempotencyMismatch("This Idempotency-Key was used with another body")
        self._metrics.idempotent_replays.inc()
        return first[1]

    async def _record(self, processes: Sequence[NewProcess]) -> Sequence[bool]:
        remember = timedelta(hours=self._settings.idempotency_hours)
        failpoints.reach("intake.before_commit")
        recorded = await self._store.processes.record(
            processes, grace=self._grace, remember=remember
        )
        failpoints.reach("intake.after_commit")
        return [process.id in recorded for process in processes]

    def _check_inputs(self, request: CreateProcess) -> None:
        count, most = len(request.inputs), self._settings.max_inputs
        if count > most:
            raise InvalidRequest(
                f"jobs: expected at most {most} different watermarks, got {count}",
                "jobs",
                code=LimitExceeded.code,
            )

    def _check_source(self, source: Source, holder: Holder) -> None:
        """Refuse a URL that will never be fetched."""
        if not source.is_url:
            return
        try:
            self._source_guard.check_url(source)
            allowed = host_allowed(source, holder.source_hosts)
        except (AddressRefused, ValueError) as error:
            raise InvalidRequest(f"source: {error}", "source") from None
        if not allowed:
            hosts = clipped(", ".join(holder.source_hosts))
            expected = f", or a URL of {hosts}" if hosts else "; no hosts are allowed"
            what = f"expected a path in the storage{expected}, got {shown(source)}"
            raise InvalidRequest(f"source: {what}", "source")

    def _check_callback(self, url: str | UnsetType) -> None:
        if url is UNSET:
            return
        try:
            self._callback_guard.check_url(url)
        except (AddressRefused, ValueError) as error:
            raise InvalidRequest(f"callback: {error}", "callback") from None

    def _check_ids(self, ids: Sequence[str]) -> None:
        if len(ids) > (most := self._settings.max_retry_ids):
            raise InvalidRequest(
                f"process_ids: expected at most {most} ids, got {len(ids)}",
                "process_ids",
                code=LimitExceeded.code,
            )


def request_limits(settings: Settings) -> Limits:
    """Give the settings that limit what a request asks for."""
    return Limits(
        max_jobs=settings.max_jobs,
        max_transformations=settings.max_transformations,
        max_depth=settings.max_json_depth,
    )


def _check_store(request: CreateProcess, holder: Holder) -> None:
    """Refuse what the storage of the service would not keep."""
    asking = next((index for index, job in enumerate(request.jobs) if job.store), None)
    if asking is None or holder.ignores_store or keeps_store_options(holder.storage_url):
        return
    path = f"jobs[{asking}].store"
    raise InvalidRequest(
        f"{path}: expected nothing, since the storage of this service is a folder, which keeps "
        "nothing with a file",
        path,
    )


def _own(service_id: int, holder: Holder) -> None:
    if service_id != holder.service_id:
        raise ForeignService(holder.service_id, service_id)


def _retry_result(process_id: str, status: Status | None, attempts: dict[str, int]) -> RetryResult:
    if process_id in attempts:
        description = f"Reprocessing process, attempt: {attempts[process_id]}"
        return RetryResult(status=200, process_id=process_id, description=description)
    if status is None:
        return RetryResult(status=404, process_id=process_id, description="Process not found")
    if status == "FINISHED":
        description = "Nothing to do: every job is done"
        return RetryResult(status=200, process_id=process_id, description=description)
    description = "Process is still queued or running"
    return RetryResult(status=409, process_id=process_id, description=description)
