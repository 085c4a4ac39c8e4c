"""What becomes of processes is written down: shared by many, in time, and each for itself."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import asyncpg
import pytest

from service.errors import LeaseLost
from service.ids import new_delivery_id
from service.store import Claim, Entry, Leases, NewDelivery, Store
from service.worker.lease import Lease, clock
from service.worker.progress import Progress
from service.worker.recorder import Recorder
from tests.service.harness.records import (
    SOON,
    claimed_new,
    done,
    ending,
    field,
    lose,
    shown,
)
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until


class Statements(Leases):
    """Leases that remember how many processes each statement was about."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.pool)
        self.sizes: list[int] = []
        self.unavailable = False

    async def record(self, entries: Sequence[Entry], grace: timedelta) -> dict[str, float]:
        self.sizes.append(len(entries))
        if self.unavailable:
            raise ConnectionRefusedError
        return await super().record(entries, grace)


@pytest.fixture
def statements(store: Store) -> Statements:
    return Statements(store)


@pytest.fixture
def recorder(statements: Statements) -> Recorder:
    return Recorder(statements, SOON, pace=lambda: 0)


def progress_of(
    claim: Claim,
    recorder: Recorder,
    seconds: float = 3600,
    on_lost: Callable[[Lease], None] = lambda _: None,
) -> Progress:
    return Progress(Lease(claim, clock(), 30), recorder, seconds, on_lost)


async def jobs(store: Store, tenant: Tenant, claim: Claim) -> list[str]:
    return [job.status for job in (await shown(store, tenant, claim.id)).jobs]


async def test_processes_that_end_together_share_a_statement(
    store: Store, tenant: Tenant, statements: Statements, recorder: Recorder
) -> None:
    claims = [await claimed_new(store, tenant) for _ in range(20)]

    async def finish(claim: Claim) -> None:
        with progress_of(claim, recorder) as progress:
            await progress.add(done(0))
            await progress.add(done(1, 2))
            await progress.end(ending(claim))

    await asyncio.gather(*map(finish, claims))
    assert statements.sizes == [20]
    assert {await field(store, claim.id, "status") for claim in claims} == {"FINISHED"}


async def test_one_that_is_lost_or_cannot_be_written_takes_nobody_along(
    store: Store, tenant: Tenant, recorder: Recorder
) -> None:
    good, lost, bad = [await claimed_new(store, tenant) for _ in range(3)]
    await lose(store, lost)
    impossible = NewDelivery(
        id=new_delivery_id(), process_id=bad.id, attempt=2**31, url="", body=b"", traceparent=None
    )
    ends = [(good, ending(good)), (lost, ending(lost)), (bad, ending(bad, callback=impossible))]
    answers = await asyncio.gather(
        *(recorder.write(Entry(claim=claim, end=end)) for claim, end in ends),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [float, LeaseLost, asyncpg.DataError]
    assert await field(store, good.id, "status") == "FINISHED"
    assert await field(store, bad.id, "status") == "PROCESSING"


async def test_a_process_that_goes_on_is_recorded_meanwhile(
    store: Store, tenant: Tenant, statements: Statements, recorder: Recorder
) -> None:
    claim = await claimed_new(store, tenant)

    async def recorded(statuses: list[str]) -> None:
        async def there() -> bool:
            return await jobs(store, tenant, claim) == statuses

        await until(there)

    with progress_of(claim, recorder, seconds=0.01) as progress:
        await progress.add(done(0))
        await recorded(["DONE", "QUEUED", "QUEUED"])
        await progress.add(done(2))
        await recorded(["DONE", "QUEUED", "DONE"])
        await progress.end(ending(claim, "QUEUED"))
    assert statements.sizes == [1, 1, 1]


async def test_without_a_wait_each_job_is_recorded_before_the_next(
    store: Store, tenant: Tenant, recorder: Recorder
) -> None:
    claim = await claimed_new(store, tenant)
    with progress_of(claim, recorder, seconds=0) as progress:
        await progress.add(done(0))
        assert await jobs(store, tenant, claim) == ["DONE", "QUEUED", "QUEUED"]


async def test_whoever_turns_out_to_have_lost_its_process_is_notified(
    store: Store, tenant: Tenant, recorder: Recorder
) -> None:
    claim = await claimed_new(store, tenant)
    await lose(store, claim)
    lost: asyncio.Queue[Lease] = asyncio.Queue()
    with progress_of(claim, recorder, 0.01, lost.put_nowait) as progress:
        await progress.add(done(0))
        assert await lost.get() is progress.lease
        with pytest.raises(LeaseLost):
            await progress.end(ending(claim))


async def test_what_could_not_be_recorded_is_tried_again(
    store: Store, tenant: Tenant, statements: Statements, recorder: Recorder
) -> None:
    claim = await claimed_new(store, tenant)
    statements.unavailable = True
    with progress_of(claim, recorder, seconds=0.01) as progress:
        await progress.add(done(0))

        async def tried() -> bool:
            return len(statements.sizes) > 1

        await until(tried)
        statements.unavailable = False
        await progress.end(ending(claim, "QUEUED"))
    assert await jobs(store, tenant, claim) == ["DONE", "QUEUED", "QUEUED"]
