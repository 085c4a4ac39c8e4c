"""Fifty large sources at once on a worker of 2 GiB: all are done, and nothing grows beyond."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pyvips

from tests.attack.findings import Findings
from tests.attack.tenants import tenant_of
from tests.chaos.installation import Folder, Installation

GIB = 1024**3
WORKER_BYTES = 2 * GIB
SOURCES = 50
SAMPLE_SECONDS = 0.1
END_SECONDS = 600.0
JOBS = [
    {"destination": "0.jpg", "transformations": [{"type": "resize", "width": 800}]},
    {"destination": "1.png", "transformations": [
        {"type": "rotate", "degrees": 90}, {"type": "resize", "width": 2_000},
    ]},
]  # fmt: skip
KILLED = ("out_of_memory", "crashed", "timeout", "orphaned")


def picture(width: int, height: int) -> pyvips.Image:
    """Give coloured noise, the same piece of it again and again."""
    noise = pyvips.Image.gaussnoise(512, 512, mean=128, sigma=20, seed=1)
    tile = noise.bandjoin([noise.rot90(), noise.rot180()]).cast("uchar")
    return tile.replicate(-(-width // 512), -(-height // 512)).crop(0, 0, width, height)


LARGE: dict[str, Callable[[Path], None]] = {
    "50.jpg": lambda path: picture(8_660, 5_774).jpegsave(str(path)),
    "75.jpg": lambda path: picture(10_000, 7_500).jpegsave(str(path), interlace=True),
    "100.png": lambda path: picture(12_500, 8_000).pngsave(str(path), compression=1),
    "60.tif": lambda path: picture(10_000, 6_000).tiffsave(str(path), compression="deflate"),
    "90.webp": lambda path: picture(12_000, 7_500).webpsave(str(path), effort=0),
}


@dataclass
class Peak:
    """The most that a worker and its children had in memory at one moment, in bytes."""

    resident: int = 0
    """Summed, so that what they share counts for each."""
    proportional: int = 0
    """What they share counts once."""

    async def watch(self, pid: int) -> None:
        """Look again and again."""
        while True:
            resident = proportional = 0
            with suppress(psutil.NoSuchProcess):
                worker = psutil.Process(pid)
                for each in (worker, *worker.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        memory = each.memory_full_info()
                        resident += memory.rss
                        proportional += memory.pss
            self.resident = max(self.resident, resident)
            self.proportional = max(self.proportional, proportional)
            await asyncio.sleep(SAMPLE_SECONDS)


async def send_large(installation: Installation, sources: int = SOURCES) -> Findings:
    """Post so many large sources at once to an installation whose worker has WORKER_BYTES."""
    findings, peak = Findings("large sources"), Peak()
    storage = installation.storage
    assert isinstance(storage, Folder)
    with tempfile.TemporaryDirectory() as folder:
        for name, write in LARGE.items():
            path = Path(folder, name)
            await asyncio.to_thread(write, path)
            storage.put(name, await asyncio.to_thread(path.read_bytes))
    async with AsyncExitStack() as stack:
        tenant = tenant_of(installation, stack)
        watching = asyncio.create_task(peak.watch(installation.workers[0].pid))
        began = time.monotonic()

        async def send(number: int) -> None:
            name = list(LARGE)[number % len(LARGE)]
            jobs = [
                each | {"destination": f"large/{number}/{each['destination']}"} for each in JOBS
            ]
            _, answer = await tenant.post("", source=name, jobs=jobs)
            status = await tenant.ended(answer["process_id"], END_SECONDS)
            findings.tried += 1
            if status["status"] != "FINISHED":
                findings.breach(f"{name}: {[job.get('error') for job in status['jobs']]}")

        try:
            await asyncio.gather(*(send(number) for number in range(sources)))
        finally:
            watching.cancel()
    findings.breaches += await _killed(installation)
    if peak.resident > WORKER_BYTES:
        findings.breach(f"{peak.resident:,} bytes resident, of {WORKER_BYTES:,}")
    findings.notes.append(
        f"{time.monotonic() - began:.0f} s; peak of worker and children {peak.resident / GIB:.2f}"
        f" GiB resident, {peak.proportional / GIB:.2f} GiB where what they share counts once"
    )
    return findings


async def _killed(installation: Installation) -> list[str]:
    """Tell of children that the worker lost."""
    url = installation.workers[0].probe.replace("/readyz", "/metrics")
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        lines = (await answer.text()).splitlines()
    counts = (line for line in lines if line.startswith("darkroom_child_exits_total{"))
    lost = (line for line in counts if any(f'"{reason}"' in line for reason in KILLED))
    return [line for line in lost if float(line.rsplit(" ", 1)[1]) > 0]
