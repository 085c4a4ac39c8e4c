"""What ten processes of one service wait while thousands of another do, and what turns cost.

Times are those of the database: from a process's record to its claim and its end, as a trigger
notes them. The wait for the claim may be twice what it is alone; the end is told beside it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg

from tests.attack.beside import add_service
from tests.attack.findings import Findings
from tests.attack.live import exits_in
from tests.attack.tenants import Tenant, tenant_of
from tests.chaos.installation import Installation

MANY, FEW, ROUNDS = 3_000, 10, 8
SPARE = 1_500  # that are done meanwhile
TIMES_ALONE = 2.0
SERVICES, EACH = 8, 60  # that take turns, and processes of each
POSTING = 32  # at once
NOTE = """
CREATE TABLE noted (service_id bigint, status text, seconds float8);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO noted
    VALUES (NEW.service_id, NEW.status, extract(epoch FROM clock_timestamp() - NEW.queued_at));
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE OF status ON processes FOR EACH ROW
WHEN (NEW.status IN ('PROCESSING', 'FINISHED')) EXECUTE FUNCTION note();
"""
WAITING = "SELECT count(*) FROM processes WHERE service_id = $1 AND status = 'QUEUED'"
NOTED = "SELECT seconds FROM noted WHERE service_id = $1 AND status = $2 ORDER BY seconds"


@dataclass(frozen=True)
class Waits:
    """Seconds to the claim and to the end of one of ten, p50 and p95."""

    beside: int
    claimed: tuple[float, float]
    ended: tuple[float, float]

    def __str__(self) -> str:
        """Write it as a row of a table."""
        words = " | ".join(f"{each * 1000:.0f}" for each in (*self.claimed, *self.ended))
        return f"| {self.beside} | {words} |"


async def share_out(installation: Installation) -> tuple[Findings, list[Waits]]:
    """Time ten of one service alone and beside thousands of another; then eight in turn."""
    findings = Findings("fair shares")
    others = [await add_service(installation, f"turn-{number}") for number in range(SERVICES)]
    async with AsyncExitStack() as stack:
        database = await asyncpg.connect(installation.dsn)
        stack.push_async_callback(database.close)
        await database.execute(NOTE)
        many = tenant_of(installation, stack)
        turns = [tenant_of(other, stack) for other in others]
        few, few_id = turns[0], others[0].service_id
        await _all_ended(turns, await _post(turns, 2 * SERVICES, "warm"))
        await _take_turns(installation, turns, findings)
        alone = await _time_few(database, few, few_id, 0)
        await _post([many], MANY + SPARE, "many")
        beside = await _time_few(database, few, few_id, MANY)
        left = await database.fetchval(WAITING, installation.service_id)
    findings.tried += 2 * ROUNDS * FEW
    findings.notes.append(f"{left} still waited at the end")
    if left < MANY:
        findings.breach(f"expected {MANY} to wait all the time, {left} did at the end")
    if beside.claimed[1] > TIMES_ALONE * alone.claimed[1]:
        findings.breach(
            f"one of ten waits {beside.claimed[1]:.3f} s beside {MANY}, {alone.claimed[1]:.3f} s"
            " alone (p95)"
        )
    return findings, [alone, beside]


async def _time_few(
    database: asyncpg.Connection, few: Tenant, service_id: int, beside: int
) -> Waits:
    await database.execute("TRUNCATE noted")
    for number in range(ROUNDS):
        await _all_ended([few], await _post([few], FEW, f"few/{beside}/{number}"))
        await asyncio.sleep(0.2)
    claimed = await database.fetch(NOTED, service_id, "PROCESSING")
    ended = await database.fetch(NOTED, service_id, "FINISHED")
    return Waits(beside, _middle_and_most(claimed), _middle_and_most(ended))


async def _take_turns(
    installation: Installation, turns: Sequence[Tenant], findings: Findings
) -> None:
    """Compare the rate of one service with that of eight that post in turn."""
    url = installation.workers[0].probe.replace("/readyz", "/metrics")
    rates, replaced = [], []
    for tenants in (turns[:1], turns):
        before = await exits_in(turns[0].client, url, "other_owner")
        began = time.monotonic()
        ids = await _post(tenants, SERVICES * EACH, f"turns/{len(tenants)}")
        await _all_ended(tenants, ids)
        rates.append(len(ids) / (time.monotonic() - began))
        replaced.append(await exits_in(turns[0].client, url, "other_owner") - before)
    findings.tried += 2 * SERVICES * EACH
    findings.notes.append(
        f"one service {rates[0]:.0f} a second, {SERVICES} in turn {rates[1]:.0f}, children"
        f" replaced for another owner {replaced[0]:.0f} and {replaced[1]:.0f} times"
    )


async def _post(tenants: Sequence[Tenant], count: int, folder: str) -> list[str]:
    """Post so many small batches, the tenants in turn; gives the processes in that order."""
    free = asyncio.Semaphore(POSTING)

    async def post(number: int) -> str:
        async with free:
            status, answer = await tenants[number % len(tenants)].post(f"{folder}/{number}")
        assert status == 200, answer
        return str(answer["process_id"])

    return await asyncio.gather(*map(post, range(count)))


async def _all_ended(tenants: Sequence[Tenant], ids: Sequence[str]) -> None:
    """Wait for the ends of what `_post` gave."""
    free = asyncio.Semaphore(POSTING)

    async def end(number: int, process_id: str) -> None:
        async with free:
            status = await tenants[number % len(tenants)].ended(process_id)
        assert status["status"] == "FINISHED", status

    await asyncio.gather(*(end(number, each) for number, each in enumerate(ids)))


def _middle_and_most(rows: Sequence[asyncpg.Record]) -> tuple[float, float]:
    return rows[len(rows) // 2]["seconds"], rows[int(len(rows) * 0.95)]["seconds"]
