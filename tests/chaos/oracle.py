"""Judges what is left after a run: nothing lost, nothing wrong, nothing stuck."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from tests.chaos.batches import BATCHES
from tests.chaos.clients import Customers, Receiver
from tests.chaos.installation import Installation
from tests.chaos.recovery import LOST

UNFINISHED = """
    SELECT (SELECT count(*) FROM processes WHERE status IN ('QUEUED', 'PROCESSING'))
         + (SELECT count(*) FROM deliveries WHERE status NOT IN ('DELIVERED', 'FAILED'))
"""
FINAL = {"FINISHED", "FAILED"}
READ_SECONDS = 60.0


@dataclass
class Verdict:
    """What was found; everything but the counts should be empty."""

    accepted: int = 0
    final: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    callbacks: int = 0
    duplicates: int = 0

    @property
    def violated(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.wrong or self.stuck)

    def line(self) -> str:
        """Return the line that sums a run up."""
        return (
            f"accepted {self.accepted}, final {self.final}, lost {len(self.lost)}, "
            f"wrong {len(self.wrong)}, stuck {len(self.stuck)}, callbacks {self.callbacks}, "
            f"duplicates {self.duplicates}"
        )


async def unfinished(dsn: str) -> int:
    """Count processes and callbacks that are not at their end; -1 if Postgres does not say."""
    with suppress(*LOST):
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            return int(await connection.fetchval(UNFINISHED, timeout=5))
        finally:
            await connection.close(timeout=5)
    return -1


async def settled(dsn: str, seconds: float) -> None:
    """Wait until all is at its end, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await unfinished(dsn):
                await asyncio.sleep(0.2)


async def judge(installation: Installation, customers: Customers, receiver: Receiver) -> Verdict:
    """Compare every process, every job and the bytes of every result with what was expected."""
    expected = [batch.expected() for batch in BATCHES]
    connection = await asyncpg.connect(installation.dsn, command_timeout=READ_SECONDS)
    try:
        rows = {row["id"]: row for row in await connection.fetch("SELECT * FROM processes")}
        jobs = await connection.fetch("SELECT * FROM jobs ORDER BY process_id, position")
    finally:
        await connection.close(timeout=READ_SECONDS)
    outcomes: dict[str, list[asyncpg.Record]] = {}
    for job in jobs:
        outcomes.setdefault(job["process_id"], []).append(job)
    verdict = Verdict(
        accepted=len(customers.accepted), callbacks=len(receiver.ids),
        duplicates=receiver.duplicates, wrong=list(customers.refused),
    )  # fmt: skip
    verdict.wrong += [
        f"{extra}: nobody was told of it" for extra in rows.keys() - customers.accepted
    ]
    for process_id, number in customers.accepted.items():
        if process_id not in rows:
            verdict.lost.append(process_id)
        elif rows[process_id]["status"] not in FINAL:
            verdict.stuck.append(process_id)
        else:
            verdict.final += 1
            want = expected[number % len(BATCHES)]
            verdict.wrong += await _differences(installation, outcomes[process_id], want)
            ids = set(receiver.ids.get(number, ()))
            if not ids:
                verdict.stuck.append(f"{process_id}: no callback came")
            elif len(ids) > 1:
                verdict.wrong.append(f"{process_id}: callbacks with {len(ids)} ids")
    return verdict


async def _differences(
    installation: Installation, jobs: list[asyncpg.Record], want: list[str]
) -> list[str]:
    found = []
    for job, expected in zip(jobs, want, strict=True):
        where = f"{job['process_id']}[{job['position']}]"
        recorded = job["sha256"] or job["error_code"]
        if recorded != expected:
            found.append(f"{where}: {recorded} ({job['error_message']}) instead of {expected}")
        elif job["sha256"]:
            try:
                data = await installation.storage.read(job["destination"])
            except FileNotFoundError:
                found.append(f"{where}: no result in the storage")
            else:
                if hashlib.sha256(data).hexdigest() != expected:
                    found.append(f"{where}: other bytes in the storage")
    return found
