"""Other servers, found running at a URL: the contender `http`.

A batch is one GET for each of its outputs, all at once, four batches at a time, as a client
that wants them all would do it. Only plain sizes can be said in every server's URL.
"""

import asyncio
import time
from collections.abc import Mapping
from itertools import islice
from urllib.parse import urlsplit

import aiohttp
import psutil
from msgspec import Struct

from bench.workloads import Workload

AT_ONCE = 4


class Rival(Struct, frozen=True):
    """A server and how it is asked: `{source}`, `{width}` and `{quality}` stand in the URL."""

    name: str
    url: str

    @classmethod
    def parse(cls, words: str) -> "Rival":
        """Read `name=http://host:port/…{width}…{source}`; raises ValueError."""
        name, separator, url = words.partition("=")
        if not separator or not {"{width}", "{source}"} <= set(_places(url)):
            raise ValueError(f"expected NAME=URL with {{width}} and {{source}}, got {words!r}")
        return cls(name, url)

    def can(self, workload: Workload) -> bool:
        """Whether all outputs are plain widths."""
        steps = [job["transformations"] for job in workload.jobs]
        return all(len(s) == 1 and s[0].keys() == {"type", "width"} for s in steps)

    async def serve(self, workload: Workload, count: int) -> dict[str, float]:
        """Have a workload done so many times; CPU ms a batch, batches a second."""
        urls = [
            self.url.format(
                source=workload.source,
                width=job["transformations"][0]["width"],
                quality=job.get("quality", 75),
            )
            for job in workload.jobs
        ]
        left = iter(range(count))
        before, began = self._cpu(), time.perf_counter()
        async with aiohttp.ClientSession(raise_for_status=True) as session:

            async def get(url: str) -> None:
                async with session.get(url) as answer:
                    await answer.read()

            async def client() -> None:
                for _ in left:
                    await asyncio.gather(*map(get, urls))

            await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        took = time.perf_counter() - began
        return {"cpu": (self._cpu() - before) / count * 1000, "rate": count / took}

    async def lone(self, workload: Workload) -> float:
        """Return the seconds that one batch takes when nothing else runs."""
        return 1 / (await self.serve(workload, 1))["rate"]

    def _cpu(self) -> float:
        """Return the CPU seconds of whoever listens there, and of all its children."""
        port = urlsplit(self.url).port or 80
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        owners = {c.pid for c in listening if c.pid and c.laddr and c.laddr.port == port}
        seen: Mapping[int, psutil.Process] = {
            process.pid: process
            for pid in owners
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        }
        times = [process.cpu_times() for process in seen.values()]
        return sum(each.user + each.system for each in times)


def _places(url: str) -> list[str]:
    return [f"{{{part.partition('}')[0]}}}" for part in islice(url.split("{"), 1, None)]
