"""The last tagged version and this one side by side, on one Postgres and Valkey: `make upgrade`.

Every way in which an API and a worker of both can meet while an installation is upgraded, or goes
back, with this version's tables: each batch must end as it should, with one callback.
"""

import asyncio
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from service.dev.stack import free_port
from service.embedded import Postgres, Valkey
from tests.engine.images import encoded, smooth
from tests.upgrade.versions import NOW, UV, Version, VersionServer, check_out, last_tag

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

COUNT = 12  # batches of each meeting
SETTLE_SECONDS = 90.0
JOBS: Sequence[dict[str, Any]] = [
    {"destination": "a.jpg", "transformations": [{"type": "resize", "width": 60}]},
    {"destination": "b.png", "transformations": [{"type": "rotate", "degrees": 90}]},
    {"destination": "c.webp", "transformations": [{"type": "blur", "sigma": 2}]},
]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """The last version that was tagged."""
    if not (tag := last_tag()):
        pytest.skip("no tag v… before this commit: `git fetch --tags --unshallow`")
    if not UV.exists():
        pytest.skip(f"{UV} does not exist: `make setup` makes it")
    return check_out(tag, tmp_path_factory.mktemp("before"))


class Installation:
    """One Postgres, one Valkey, one service; APIs and workers come and go."""

    def __init__(self, directory: Path, settings: dict[str, object]) -> None:
        self.settings = settings
        self.accepted: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.callbacks: defaultdict[int, dict[str, str]] = defaultdict(dict)
        """What each batch was told, by webhook id."""
        self.service: dict[str, Any] = {}
        self.hook = ""
        self._directory = directory
        self._started = 0
        self._numbers = count()

    @property
    def folder(self) -> Path:
        """The storage."""
        return self._directory / "pictures"

    @asynccontextmanager
    async def running(self, version: Version, command: str) -> AsyncIterator[str]:
        """Run an API or a worker of a version; yields its URL."""
        self._started += 1
        port = free_port()
        own = {"port" if command == "serve" else "metrics_port": port}
        name = f"{self._started}-{command}"
        server = VersionServer(version, self._directory / name, command, self.settings | own, port)
        async with server:
            yield f"http://127.0.0.1:{port}"

    async def post(self, url: str) -> list[str]:
        """Have COUNT batches accepted; gives their ids."""
        headers = {"Authorization": f"Bearer {self.service['token']}"}
        ids = []
        async with aiohttp.ClientSession(url, headers=headers) as client:
            for _ in range(COUNT):
                number = next(self._numbers)
                jobs = [job | {"destination": f"/{number}/{job['destination']}"} for job in JOBS]
                body = {"service_id": self.service["service_id"], "source": "/in.png", "jobs": jobs,
                        "callback": f"{self.hook}/{number}"}  # fmt: skip
                key = {"Idempotency-Key": f"upgrade-{number}"}
                for _ in range(2):  # the second is answered as the first was
                    async with client.post("/request", json=body, headers=key) as answer:
                        assert answer.status == 200, await answer.text()
                        told = (await answer.json())["process_id"]
                assert told not in ids
                ids.append(told)
                self.accepted[told] = number
        return ids

    async def ended(self, url: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Wait until all have ended, and give their statuses as this API tells them."""
        headers = {"Authorization": f"Bearer {self.service['token']}"}
        found: dict[str, dict[str, Any]] = {}
        async with aiohttp.ClientSession(url, headers=headers) as client:
            async with asyncio.timeout(SETTLE_SECONDS):
                while len(found) < len(ids):
                    for id_ in set(ids) - found.keys():
                        async with client.get(f"/request/{id_}") as answer:
                            told = await answer.json()
                        if told["status"] in ("FINISHED", "FAILED"):
                            found[id_] = told
                    await asyncio.sleep(0.05)
        for told in found.values():
            assert told["status"] == "FINISHED", told
        return [found[id_] for id_ in ids]

    async def take(self, request: web.Request) -> web.Response:
        """Take a callback, and verify it."""
        told = Webhook(self.service["webhook_secret"]).verify(
            await request.read(), dict(request.headers)
        )
        number = int(request.match_info["number"])
        self.callbacks[number][request.headers["webhook-id"]] = told["status"]
        return web.Response()

    def check(self) -> None:
        """Every batch has its results, the same bytes as all others, and one callback."""
        contents: defaultdict[str, set[str]] = defaultdict(set)
        for number in self.accepted.values():
            for job in JOBS:
                data = (self.folder / str(number) / job["destination"]).read_bytes()
                contents[job["destination"]].add(hashlib.sha256(data).hexdigest())
            assert list(self.callbacks[number].values()) == ["FINISHED"], number
        assert {name: len(each) for name, each in contents.items()} == {
            job["destination"]: 1 for job in JOBS
        }

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long a step takes."""
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


@asynccontextmanager
async def installed(directory: Path, version: Version) -> AsyncIterator[Installation]:
    """Start an installation with the tables of a version, and no API or worker yet."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(Postgres(directory / "postgres"))
        valkey = await stack.enter_async_context(Valkey(directory / "valkey"))
        it = Installation(directory, {
            "database_url": postgres.dsn, "redis_url": valkey.url, "slots": 1,
            "lease_seconds": 5, "callback_private_networks": True, "callback_ports": "*",
        })  # fmt: skip
        it.folder.mkdir()
        (it.folder / "in.png").write_bytes(encoded(smooth(120, 90)))
        version.run(it.settings, "migrate")
        added = version.run(it.settings, "services", "add", "shop", "--storage", it.folder.as_uri())
        it.service = json.loads(added)
        app = web.Application()
        app.router.add_post("/{number}", it.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        it.hook = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield it


async def test_both_versions_work_side_by_side(before: Version, tmp_path: Path) -> None:
    async with installed(tmp_path, before) as it, it.running(before, "serve") as old:
        with it.timed("as it was"):
            async with it.running(before, "worker"):
                await it.ended(old, await it.post(old))
                NOW.run(it.settings, "migrate")
                await it.ended(old, await it.post(old))
        left = await it.post(old)
        with it.timed("old API, new worker"):
            async with it.running(NOW, "worker"):
                await it.ended(old, [*left, *await it.post(old)])
        async with it.running(NOW, "serve") as new:
            left = await it.post(new)
            with it.timed("new API, old worker"):
                async with it.running(before, "worker"):
                    ids = [*left, *await it.post(new)]
                    statuses = await it.ended(new, ids)
            assert [known(each) for each in statuses] == [
                known(each) for each in await it.ended(old, ids)
            ]
            with it.timed("all four"):
                async with it.running(before, "worker"), it.running(NOW, "worker"):
                    both = await asyncio.gather(it.post(old), it.post(new))
                    await it.ended(old, both[1])
                    await it.ended(new, both[0])
            with it.timed("upgraded"):
                async with it.running(NOW, "worker"):
                    await it.ended(new, await it.post(new))
                    left = await it.post(new)
        with it.timed("gone back"):
            async with it.running(before, "worker"):
                await it.ended(old, [*left, *await it.post(old)])
        async with asyncio.timeout(SETTLE_SECONDS):
            while len(it.callbacks) < len(it.accepted):
                await asyncio.sleep(0.05)
        it.check()
        steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in it.seconds.items())
        print(f"\n{before.name} and this version: {len(it.accepted)} batches, 0 lost; {steps}")  # noqa: T201


def known(status: dict[str, Any]) -> tuple[object, ...]:
    """Give what both versions tell of a process."""
    jobs = [(job["destination"], job["status"]) for job in status["jobs"]]
    return status["process_id"], status["status"], status["attempt"], jobs
