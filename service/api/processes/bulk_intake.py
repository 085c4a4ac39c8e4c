"""Bulk creation: many requests in one transaction, each with its own answer."""

import hashlib
from datetime import timedelta

import msgspec
from msgspec import Raw, Struct

from engine.errors import InvalidRequest, LimitExceeded
from service.api.intake import Intake
from service.errors import DarkroomError, ForeignService, place_of
from service.http import CreateResult
from service.settings import Settings
from service.store import Holder, NewProcess, Store


class BulkResult(Struct, frozen=True):
    """The answers in the order of the requests, and how many jobs they count as."""

    results: list[CreateResult]
    jobs: int
    replayed: bool = False


class BulkIntake:
    """Accepts arrays of requests, as `Intake` accepts one."""

    def __init__(self, intake: Intake, store: Store, settings: Settings) -> None:
        self._intake = intake
        self._store = store
        self._most = settings.max_requests
        self._grace = timedelta(seconds=settings.dispatch_grace_seconds)
        self._remember = timedelta(hours=settings.idempotency_hours)

    async def accept(
        self,
        body: bytes,
        holder: Holder,
        *,
        key: str | None,
        traceparent: str | None,
        request_id: str,
    ) -> BulkResult:
        """Record all that is valid in one transaction, and dispatch it.

        Raises InvalidRequest if this is no array of requests; what is wrong with one of them is
        its answer.
        """
        answers: list[NewProcess | DarkroomError] = []
        for raw in self._split(body):
            try:
                process = await self._intake.prepare(
                    bytes(raw), holder, traceparent=traceparent, request_id=request_id
                )
                answers.append(process)
            except (InvalidRequest, ForeignService) as error:
                answers.append(error)
        if key is None:
            await self._record(holder, answers, None)
        else:
            used = _key_of(answers, holder.service_id, key, body)
            with self._intake.alone(holder.service_id, key):
                if not await self._record(holder, answers, used):
                    return _again(answers, await self._intake.first_answer(used))
        jobs = sum(len(a.destinations) if isinstance(a, NewProcess) else 1 for a in answers)
        return BulkResult([_result(answer) for answer in answers], jobs)

    def _split(self, body: bytes) -> list[Raw]:
        """Take an array apart; how deep its parts are is checked with each."""
        try:
            items = msgspec.json.decode(body, type=list[Raw])
        except msgspec.ValidationError as error:
            found = str(error).rpartition("got ")[2].strip("`")
            raise InvalidRequest(f"expected an array of requests, got {found}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"expected JSON: {error}", code="invalid_json") from None
        if not items:
            raise InvalidRequest("expected at least one request, got none")
        if len(items) > self._most:
            raise InvalidRequest(
                f"expected at most {self._most} requests, got {len(items)}",
                code=LimitExceeded.code,
            )
        return items

    async def _record(
        self, holder: Holder, answers: list[NewProcess | DarkroomError], used: NewProcess | None
    ) -> bool:
        """Record and dispatch what is valid; False if the key was used before."""
        valid = [answer for answer in answers if isinstance(answer, NewProcess)]
        if not valid:  # which does not use up a key
            return True
        recorded = await self._store.processes.record_together(
            valid, used, grace=self._grace, remember=self._remember
        )
        for process in valid if recorded else ():
            self._intake.dispatch(holder, process)
        return recorded


def _key_of(
    answers: list[NewProcess | DarkroomError], service_id: int, key: str, body: bytes
) -> NewProcess:
    """Make what is remembered with a key: which process each valid request became."""
    ids = [f"{i}:{a.id}" for i, a in enumerate(answers) if isinstance(a, NewProcess)]
    return NewProcess(
        id=",".join(ids), service_id=service_id, priority=0, request="", destinations=(),
        idempotency_key=key, body_hash=hashlib.sha256(body).digest(),
    )  # fmt: skip


def _again(answers: list[NewProcess | DarkroomError], remembered: str) -> BulkResult:
    """Return the first answers; what was invalid then is so now, unless the limits have changed."""
    ids = dict(part.split(":") for part in remembered.split(","))
    refused = InvalidRequest("this was not accepted when its Idempotency-Key was first used")
    results = []
    for index, answer in enumerate(answers):
        if process_id := ids.get(str(index)):
            results.append(CreateResult(status=200, process_id=process_id))
        else:
            results.append(_result(refused if isinstance(answer, NewProcess) else answer))
    return BulkResult(results, jobs=1, replayed=True)


def _result(answer: NewProcess | DarkroomError) -> CreateResult:
    if isinstance(answer, NewProcess):
        return CreateResult(status=200, process_id=answer.id)
    return CreateResult(
        status=403 if isinstance(answer, ForeignService) else 400,
        code=answer.code,
        message=answer.message,
        path=place_of(answer),
    )
