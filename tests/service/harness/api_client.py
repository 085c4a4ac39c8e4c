"""The API as its clients see it: bytes over a socket."""

import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from service.api.app import build_app
from service.http import Runner
from service.settings import Settings
from tests.service.harness.forked_servers import SERVER_LOADER
from tests.service.harness.tenants import Tenant, Words, raw_json


@dataclass
class Answer:
    """An answer that was read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def words(self) -> Any:
        return json.loads(self.raw)


class Api:
    """Asks as one service after the other."""

    def __init__(self, client: aiohttp.ClientSession, runner: Runner) -> None:
        self.client = client
        self.runner = runner
        self.app = runner.app
        self.port: int = runner.addresses[0][1]

    async def ask(
        self,
        method: str,
        path: str | URL,
        tenant: Tenant | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        told = {**(tenant.headers if tenant else {}), **(headers or {})}
        data = None if body is None else io.BytesIO(raw_json(body))
        async with self.client.request(method, path, data=data, headers=told) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(
        self, tenant: Tenant, body: object, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a process."""
        return await self.ask("POST", "/request", tenant, body, headers)

    async def create(self, tenant: Tenant, body: Words | None = None) -> str:
        """Have a process accepted, and give its id."""
        answer = await self.post(tenant, body or tenant.body())
        assert answer.status == 200, answer.raw
        return str(answer.words["process_id"])

    async def get(self, tenant: Tenant, process_id: str) -> Answer:
        return await self.ask("GET", f"/request/{process_id}", tenant)

    async def status(self, tenant: Tenant, process_id: str) -> Words:
        answer = await self.get(tenant, process_id)
        assert answer.status == 200, answer.raw
        found: Words = answer.words
        return found

    async def retry(self, tenant: Tenant, *ids: str, **fields: Any) -> Answer:
        body = {"service_id": tenant.service_id, "process_ids": ids, **fields}
        return await self.ask("POST", "/retry", tenant, body)

    async def metric(self, line: str) -> float:
        return metric((await self.ask("GET", "/metrics")).raw.decode(), line)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Api]:
    """Serve the API on a free port of this machine."""
    app = build_app(settings)
    runner = Runner(app, settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        with SERVER_LOADER.forking():
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                yield Api(client, runner)
    finally:
        await runner.cleanup()


def metric(text: str, line: str) -> float:
    """Read one number of what Prometheus scrapes: a name with its labels; 0 if not there."""
    found = [row.rpartition(" ")[2] for row in text.splitlines() if row.startswith(f"{line} ")]
    return float(found[0]) if found else 0.0
