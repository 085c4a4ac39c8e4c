"""Every bomb posted to a running service, one after the other, while a healthy tenant goes on.

Each must end in time: as done, or with a code of its own. No child may end that nobody is told
of: one that crashed or took too long is the end of the bomb that says so.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from service.sandbox.protocol import Reason
from tests.attack.bombs import Bomb
from tests.attack.findings import Findings
from tests.attack.tenants import Tenant
from tests.service.harness.api_client import metric

JOB = {"keep": ["copyright"], "transformations": [{"type": "resize", "width": 100}]}
DONE = "done"
CRASHED = {"render_crashed", "quarantined"}  # once, and three times
TIMEOUT = {"timeout"}
BREACHES = {"internal", "render_unavailable", *CRASHED}
WAIT_SECONDS = 15.0  # for its turn, and on a machine that does other things too
PAUSE_SECONDS = 0.2  # between two healthy batches
EXITS: Mapping[Reason, set[str]] = {
    Reason.CRASHED: CRASHED, Reason.OUT_OF_MEMORY: CRASHED, Reason.PROTOCOL: CRASHED,
    Reason.TIMEOUT: TIMEOUT, Reason.ORPHANED: set(), Reason.START_FAILED: set(),
}  # fmt: skip
"""Of each end of a child that is none of its life's, the codes that tell of it."""


async def send_bombs(
    bombs: Mapping[str, Bomb],
    hostile: Tenant,
    put: Callable[[str, bytes], object],
    healthy: Tenant,
    metrics_url: str,
    render_seconds: float,
) -> Findings:
    """Post each bomb as a source; `put` writes into the storage of both tenants."""
    findings, codes = Findings("bombs in the service"), Counter[str]()
    slowest = (0.0, "")
    async with _keeping_on(healthy, findings, render_seconds):
        for number, (name, bomb) in enumerate(bombs.items()):
            findings.tried += 1
            put("bomb", bomb.make())  # of which some are large
            before = await _exits(hostile.client, metrics_url)
            began = time.monotonic()
            status, answer = await hostile.post(
                f"bombs/{number}", source="bomb",
                jobs=[{"destination": f"bombs/{number}.png", **JOB}],
            )  # fmt: skip
            if status != 200:
                findings.breach(f"{name}: answered {status} {answer}")
                continue
            try:
                ended = await hostile.ended(answer["process_id"], render_seconds + WAIT_SECONDS)
            except TimeoutError:
                findings.breach(f"{name}: not ended {time.monotonic() - began:.0f} s after it came")
                continue
            slowest = max(slowest, (time.monotonic() - began, name))
            code = _code(ended)
            codes[code] += 1
            if code in BREACHES:
                findings.breach(f"{name}: {code}")
            after = await _exits(hostile.client, metrics_url)
            findings.breaches += [
                f"{name}: {code}, but {after[reason] - before[reason]:.0f} children ended: {reason}"
                for reason, told in EXITS.items()
                if after[reason] > before[reason] and code not in told
            ]
    outcomes = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    findings.notes += [outcomes, f"slowest {slowest[0]:.1f} s, {slowest[1]}"]
    return findings


def _code(status: Any) -> str:
    [job] = status["jobs"]
    return str(job["error"]["code"]) if job.get("error") else DONE


async def _exits(client: aiohttp.ClientSession, url: str) -> dict[Reason, float]:
    """Read how many children have ended so far, by reason."""
    return {reason: await exits_in(client, url, reason) for reason in EXITS}


async def exits_in(client: aiohttp.ClientSession, url: str, reason: str) -> float:
    """Read how many children have ended so far for a reason."""
    async with client.get(url) as answer:
        return metric(await answer.text(), f'darkroom_child_exits_total{{reason="{reason}"}}')


@asynccontextmanager
async def _keeping_on(
    healthy: Tenant, findings: Findings, render_seconds: float
) -> AsyncIterator[None]:
    """Send healthy batches all the time; a breach is one that fails, or waits for many bombs."""
    seconds: list[float] = []
    ending = asyncio.Event()

    async def keep_on() -> None:
        while not ending.is_set():
            began = time.monotonic()
            _, answer = await healthy.post(f"healthy/{len(seconds)}")
            status = await healthy.ended(answer["process_id"], 10 * render_seconds)
            seconds.append(time.monotonic() - began)
            if status["status"] != "FINISHED" or seconds[-1] > render_seconds + WAIT_SECONDS:
                findings.breach(f"a healthy batch is {status['status']} in {seconds[-1]:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_on())
        try:
            yield
        finally:
            ending.set()
    seconds.sort()
    p50, p95 = (seconds[int(len(seconds) * part)] for part in (0.5, 0.95))
    findings.notes.append(
        f"{len(seconds)} healthy batches beside, p50 {p50:.2f} s, p95 {p95:.2f} s, "
        f"longest {seconds[-1]:.2f} s"
    )
