"""What one tenant notices of another's hostile sources and receivers: 0, 1, 8 and 64 at once.

Slow renderings may take all slots, but there is a child beside them for quick ones. So whoever
comes waits for a rendering that is quick, or is taken for that until it has lasted for
DARKROOM_SLOW_SECONDS, and shares the processor: the 95th percentile may be three times what it is
alone, and so many seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

from service.ids import new_token, new_webhook_secret, token_hash
from service.store import open_store
from tests.attack.findings import Findings
from tests.attack.tenants import Tenant, tenant_of
from tests.chaos.installation import Folder, Installation
from tests.hostile.bombs import gif, jpeg_scans, png
from tests.service.callbacks.hostile import HOSTILE
from tests.service.harness.receiver import talking

MOST = (0, 1, 8, 64)
SHARE = 3.0  # times what a tenant waits alone
QUICK_SECONDS = 0.5  # DARKROOM_SLOW_SECONDS
WARM_UP_SECONDS = 3.0
SOURCES: dict[str, Callable[[], bytes]] = {
    "pixels.png": lambda: png(12_000, 12_000),
    "scans.jpg": lambda: jpeg_scans(49, 2_500, 2_500),
    "frames.gif": lambda: gif(2_000, 100, 100),
    "interlaced.png": lambda: png(5_000, 5_000, interlaced=True),
}


@dataclass(frozen=True)
class Latency:
    """What a healthy tenant saw beside so many of something: seconds from post to end."""

    kind: str
    hostile: int
    p50: float
    p95: float

    def __str__(self) -> str:
        """Write it as a row of a table."""
        return f"| {self.kind} | {self.hostile} | {self.p50 * 1000:.0f} | {self.p95 * 1000:.0f} |"


async def disturb(
    installation: Installation, batches: int, most: tuple[int, ...] = MOST
) -> tuple[Findings, list[Latency]]:
    """Time healthy batches beside hostile sources, then beside hostile receivers."""
    findings, seen = Findings("hostile neighbours"), []
    hostile = await add_service(installation, "hostile")
    assert isinstance(installation.storage, Folder)
    for name, make in SOURCES.items():
        installation.storage.put(name, make())
    async with AsyncExitStack() as stack:
        healthy, bad = tenant_of(installation, stack), tenant_of(hostile, stack)
        ports = [await stack.enter_async_context(talking(each)) for each in HOSTILE]
        kinds: dict[str, Callable[[int], Awaitable[None]]] = {
            "sources": lambda number: _post_source(bad, number),
            "receivers": lambda number: _post_callback(bad, ports, number),
        }
        for kind, post in kinds.items():
            rows = [await _beside(healthy, kind, post, number, batches) for number in most]
            seen += rows
            findings.tried += sum(most)
            _compare(rows, findings)
    return findings, seen


def _compare(rows: list[Latency], findings: Findings) -> None:
    """Note a breach for each that is noticed more than it may be."""
    alone = min(rows, key=lambda row: row.hostile)
    allowed = SHARE * alone.p95 + QUICK_SECONDS
    for row in rows:
        if row.p95 > allowed:
            findings.breach(
                f"p95 {row.p95:.2f} s beside {row.hostile} hostile {row.kind}, {alone.p95:.2f} s"
                f" alone: at most {allowed:.2f} s are allowed"
            )


async def add_service(installation: Installation, name: str) -> Installation:
    """Give the installation as another service sees it, whose storage is the same folder."""
    token = new_token()
    async with open_store(installation.dsn, size=1) as store:
        own = await store.services.get(installation.service_id)
        assert own is not None
        service_id = await store.services.add(
            name=name,
            storage_url=own.storage_url,
            storage_options=own.storage_options,
            webhook_secret=new_webhook_secret(),
            token_hash=token_hash(token),
        )
    return Installation(
        installation.postgres, installation.valkey, installation.storage, installation.apis,
        installation.workers, installation.urls, service_id, token,
    )  # fmt: skip


async def _beside(
    healthy: Tenant,
    kind: str,
    post: Callable[[int], Awaitable[None]],
    hostile: int,
    batches: int,
) -> Latency:
    """Time batches, one after the other, while so many hostile ones are under way."""
    numbers = count()

    async def go_on() -> None:
        while True:
            await post(next(numbers))

    tasks = [asyncio.create_task(go_on()) for _ in range(hostile)]
    try:
        if tasks:
            await asyncio.sleep(WARM_UP_SECONDS)
        seconds = []
        for number in range(batches):
            began = time.monotonic()
            _, answer = await healthy.post(f"beside/{kind}/{hostile}/{number}")
            status = await healthy.ended(answer["process_id"])
            assert status["status"] == "FINISHED", status
            seconds.append(time.monotonic() - began)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    seconds.sort()
    return Latency(kind, hostile, seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)])


async def _post_source(tenant: Tenant, number: int) -> None:
    source = list(SOURCES)[number % len(SOURCES)]
    _, answer = await tenant.post(f"hostile/{number}", source=source)
    await tenant.ended(answer["process_id"])


async def _post_callback(tenant: Tenant, ports: list[int], number: int) -> None:
    callback = f"http://127.0.0.1:{ports[number % len(ports)]}/{number}"
    _, answer = await tenant.post(f"hostile/{number}", callback=callback)
    await tenant.ended(answer["process_id"])
    await asyncio.sleep(0.2)  # its callback is what hurts
